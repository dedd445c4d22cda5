/// What somebody decided to live with is not for a plan to mend.
struct ToleratedFindings {
    private let findings: [(finding: Finding, isTolerated: Bool)]

    init(_ survey: Survey, today: CalendarDate) {
        let declared = survey.declared.exceptions
        let exceptions = Exceptions(declared, survey.observed, today: today)
        findings =
            declared.isEmpty ? [] : Audit.all(survey).map { (finding: $0, isTolerated: exceptions.holds(for: $0)) }
    }

    /// Whether all that a change would mend is tolerated. A change that mends nothing found is still needed.
    func isNeedless(_ change: Change) -> Bool {
        let mended = findings.filter { change.mends($0.finding) }
        return !mended.isEmpty && mended.allSatisfy(\.isTolerated)
    }
}

extension Change {
    fileprivate func mends(_ finding: Finding) -> Bool {
        switch self {
        case .createGroup(let group, _, _), .deleteGroup(let group, _, _):
            finding.id == .referenceMissing && finding.group == group.name && finding.rule == nil
        case .authorize(let group, let rule, _):
            finding.group == group.name
                && (finding.id == .ruleMissing && finding.rule == rule
                    || finding.id == .referenceMissing && finding.rule == nil)
        case .attach(_, let group):
            finding.group == group.name && finding.rule == nil
                && (finding.id == .ruleMissing || finding.id == .referenceMissing)
        case .detach(_, let group):
            // Its rules are wrong where it is, or it is.
            finding.group == group.name && finding.id != .ruleMissing && finding.id != .ruleUnused
        case .revoke(let group, let rule, _, _):
            finding.group == group.name && finding.rule == rule && finding.id != .ruleMissing
        case .describe: false
        case .setAlarm(let name, _, _): finding.id == .alarmMissing && finding.group == name
        case .blockPublicAccess(let bucket, _, _): finding.id == .bucketPublic && finding.group == bucket
        case .encrypt(let bucket, _, _): finding.id == .bucketUnencrypted && finding.group == bucket
        case .setVersioning(let bucket, _, _): finding.id == .bucketUnversioned && finding.group == bucket
        case .setLifecycle(let bucket, _, _): finding.id == .bucketLifecycle && finding.group == bucket
        }
    }
}
