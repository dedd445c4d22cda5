private struct FindingList: Encodable {
    var findings: [Finding]
}

extension Sequence<Finding> {
    /// `{"findings":[{"id","severity","role","group","rule","evidence","mend"}]}`
    public func json() throws -> String { try JSONText.text(of: FindingList(findings: Array(self))) }
}

extension FindingID {
    /// What it means, in a sentence without a name in it.
    public var title: String {
        switch self {
        case .groupShared: "One group is carried by members of different roles."
        case .portUndeclared: "A rule lets in more than the file declares."
        case .sipOnOtherRole: "Ports of SIP or its media are open where none are declared."
        case .adminOpenToWorld: "An admin port is open to everybody."
        case .adminWiderThanDeclared: "An admin port is open to more than declared."
        case .privatePortExposed: "A private port is open to others than declared."
        case .referenceMissing: "Something that a rule or the file names is not there."
        case .ruleUnused: "A group with rules is carried by nothing."
        case .defaultGroupUsed: "A default group is in use."
        case .ruleMissing: "Something declared is not let in."
        case .bucketPublic: "A bucket's public access is not blocked."
        case .bucketUnencrypted: "A bucket is not encrypted as declared."
        case .bucketUnversioned: "A bucket keeps no versions."
        case .bucketLifecycle: "A bucket's objects do not expire as declared."
        case .alarmMissing: "An alarm is missing or not as declared."
        }
    }
}
