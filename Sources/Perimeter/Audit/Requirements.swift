/// What a declared bucket or alarm lacks; the one judgement of audits and plans.
enum Requirements {
    struct Lack: Equatable {
        var part: ObservedBucket.Part
        var evidence: String
        /// Whether a plan can supply it.
        var isMendable = true
    }

    /// Of a bucket that exists.
    static func lacks(_ declared: Declaration.Bucket, _ observed: ObservedBucket) -> [Lack] {
        ObservedBucket.Part.allCases.compactMap { part in
            if let why = observed.unreadable[part] {
                return isAsked(part, declared)
                    ? Lack(part: part, evidence: "can't be read: \(why)", isMendable: false) : nil
            }
            switch part {
            case .publicAccess: return publicAccess(declared, observed)
            case .encryption: return encryption(declared, observed)
            case .versioning:
                guard declared.versioning, observed.versioning != .enabled else { return nil }
                return Lack(part: part, evidence: "versioning is \(observed.versioning.rawValue)")
            case .lifecycle: return lifecycle(declared, observed)
            }
        }
    }

    private static func isAsked(_ part: ObservedBucket.Part, _ declared: Declaration.Bucket) -> Bool {
        switch part {
        case .publicAccess: declared.publicAccess == .blocked
        case .encryption: true
        case .versioning: declared.versioning
        case .lifecycle: declared.expireAfterDays != nil || declared.expireOldVersionsAfterDays != nil
        }
    }

    private static func publicAccess(_ declared: Declaration.Bucket, _ observed: ObservedBucket) -> Lack? {
        guard declared.publicAccess == .blocked else { return nil }
        let missing = observed.publicAccessBlocked?.missing
        if let missing, missing.isEmpty { return nil }
        return Lack(
            part: .publicAccess,
            evidence: missing.map { "public access is not wholly blocked: \($0.joined(separator: ", ")) off" }
                ?? "public access is not blocked")
    }

    private static func encryption(_ declared: Declaration.Bucket, _ observed: ObservedBucket) -> Lack? {
        guard let found = observed.encryption else {
            return Lack(part: .encryption, evidence: "nothing is encrypted by default")
        }
        // A key of KMS is more than was asked for.
        guard declared.encryption == .kms, !found.hasPrefix("aws:kms") else { return nil }
        return Lack(part: .encryption, evidence: "encryption is \(found), declared: \(declared.encryption.rawValue)")
    }

    private static func lifecycle(_ declared: Declaration.Bucket, _ observed: ObservedBucket) -> Lack? {
        let rules = observed.lifecycle.filter { $0.isEnabled && $0.isForWholeBucket }
        let foreign = rules.filter { $0.id != LifecycleRule.ownID }
        var lacks: [String] = []
        var isMendable = true
        for (what, wanted, days) in [
            ("objects", declared.expireAfterDays, \LifecycleRule.expireAfterDays),
            ("old versions", declared.expireOldVersionsAfterDays, \LifecycleRule.expireOldVersionsAfterDays),
        ] {
            guard let wanted, let found = rules.compactMap({ $0[keyPath: days] }).min() else {
                if let wanted { lacks.append("\(what) never expire, declared: after \(wanted) days") }
                continue
            }
            guard found != wanted else { continue }
            lacks.append("\(what) expire after \(found) days, declared: \(wanted)")
            // What somebody else's rule deletes too early, ours can't keep.
            if let theirs = foreign.compactMap({ $0[keyPath: days] }).min(), theirs < wanted { isMendable = false }
        }
        guard !lacks.isEmpty else { return nil }
        return Lack(part: .lifecycle, evidence: lacks.joined(separator: "; "), isMendable: isMendable)
    }

    /// Why no alarm is as declared; nil when one is.
    static func lacks(_ declared: Declaration.Alarm, among observed: [ObservedAlarm]) -> String? {
        guard let found = observed.first(where: { $0.name == declared.name }) else {
            let metric = "\(declared.namespace)/\(declared.metric)"
            return "there is no alarm \(declared.name) on \(metric)"
        }
        var differences: [String] = []
        func compare(_ what: String, _ found: String, _ wanted: String) {
            if found != wanted { differences.append("\(what) is \(found), declared: \(wanted)") }
        }
        compare("namespace", found.namespace, declared.namespace)
        compare("metric", found.metric, declared.metric)
        compare("threshold", "\(found.threshold)", "\(declared.threshold)")
        compare("period", "\(found.periodSeconds)s", "\(declared.periodSeconds)s")
        if let statistic = declared.statistic { compare("statistic", found.statistic, statistic.rawValue) }
        for (name, value) in declared.dimensions.sorted(by: { $0.key < $1.key }) {
            compare(name, found.dimensions[name] ?? "not set", value)
        }
        for topic in declared.notify where !found.actions.contains(topic) {
            differences.append("it does not tell \(topic)")
        }
        return differences.isEmpty ? nil : "alarm \(declared.name): " + differences.joined(separator: "; ")
    }
}
