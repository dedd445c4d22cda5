extension Audit {
    mutating func judgeBuckets() {
        for bucket in declared.bucketsInForce {
            guard let found = observed.buckets.first(where: { $0.name == bucket.name }), found.exists else {
                report(
                    Finding(
                        id: .referenceMissing, severity: .high, group: bucket.name,
                        evidence: "there is no bucket \(bucket.name)", mend: "create it, or take it out of the file"))
                continue
            }
            for lack in Requirements.lacks(bucket, found) {
                let (id, severity) = Self.kind(of: lack.part)
                let isUnread = found.unreadable[lack.part] != nil
                report(
                    Finding(
                        id: id, severity: isUnread ? .medium : severity, group: bucket.name,
                        evidence: "bucket \(bucket.name): \(lack.evidence)",
                        mend: lack.isMendable
                            ? "'sallyport perimeter apply' sets it"
                            : isUnread
                                ? "let the auditing identity read it" : "change the rule that is not ours by hand"))
            }
        }
    }

    private static func kind(of part: ObservedBucket.Part) -> (FindingID, Severity) {
        switch part {
        case .publicAccess: (.bucketPublic, .high)
        case .encryption: (.bucketUnencrypted, .high)
        case .versioning: (.bucketUnversioned, .medium)
        case .lifecycle: (.bucketLifecycle, .medium)
        }
    }

    mutating func judgeAlarms() {
        for alarm in declared.alarmsInForce {
            guard let lack = Requirements.lacks(alarm, among: observed.alarms) else { continue }
            report(
                Finding(
                    id: .alarmMissing, severity: .medium, group: alarm.name, evidence: lack,
                    mend: "'sallyport perimeter apply' puts it right"))
        }
    }
}
