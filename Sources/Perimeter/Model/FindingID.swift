/// What an audit can find; the names never change.
public enum FindingID: String, Codable, Sendable, CaseIterable {
    case groupShared = "group-shared"
    case portUndeclared = "port-undeclared"
    case sipOnOtherRole = "sip-on-other-role"
    case adminOpenToWorld = "admin-open-to-world"
    case adminWiderThanDeclared = "admin-wider-than-declared"
    case privatePortExposed = "private-port-exposed"
    case referenceMissing = "reference-missing"
    case ruleUnused = "rule-unused"
    case defaultGroupUsed = "default-group-used"
    case ruleMissing = "rule-missing"
    case bucketPublic = "bucket-public"
    case bucketUnencrypted = "bucket-unencrypted"
    case bucketUnversioned = "bucket-unversioned"
    case bucketLifecycle = "bucket-lifecycle"
    case alarmMissing = "alarm-missing"
}
