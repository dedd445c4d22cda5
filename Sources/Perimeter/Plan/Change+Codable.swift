/// One change as an object: `action`, `group` and `rule` always, null where it has none; the rest as far as it has it.
private struct ChangeRecord: Codable {
    var action: Change.Action
    var group: String?
    var groupID: String?
    var rule: Rule?
    var ruleID: String?
    var description: String?
    var earlierDescription: String?
    var vpc: String?
    var member: MemberReference?
    var bucket: String?
    var alarm: String?
    var before: Setting?
    var after: Setting?

    /// The state of a bucket's part or of an alarm.
    struct Setting: Codable {
        var alarm: ObservedAlarm?
        var publicAccess: PublicAccessBlock?
        var encryption: String?
        var versioning: ObservedBucket.Versioning?
        var lifecycle: [LifecycleRule]?

        private enum CodingKeys: String, CodingKey {
            case alarm, encryption, versioning, lifecycle
            case publicAccess = "public_access"
        }
    }

    enum CodingKeys: String, CodingKey {
        case action, group, rule, description, vpc, member, bucket, alarm, before, after
        case groupID = "group_id"
        case ruleID = "rule_id"
        case earlierDescription = "earlier_description"
    }

    init(_ action: Change.Action, _ group: GroupReference? = nil) {
        self.action = action
        self.group = group?.name
        groupID = group?.id
    }

    func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: CodingKeys.self)
        try container.encode(action, forKey: .action)
        try container.encode(group, forKey: .group)
        try container.encodeIfPresent(groupID, forKey: .groupID)
        try container.encode(rule, forKey: .rule)
        try container.encodeIfPresent(ruleID, forKey: .ruleID)
        try container.encodeIfPresent(description, forKey: .description)
        try container.encodeIfPresent(earlierDescription, forKey: .earlierDescription)
        try container.encodeIfPresent(vpc, forKey: .vpc)
        try container.encodeIfPresent(member, forKey: .member)
        try container.encodeIfPresent(bucket, forKey: .bucket)
        try container.encodeIfPresent(alarm, forKey: .alarm)
        try container.encodeIfPresent(before, forKey: .before)
        try container.encodeIfPresent(after, forKey: .after)
    }
}

extension Change: Codable {
    public func encode(to encoder: any Encoder) throws {
        var record = ChangeRecord(action, group)
        record.rule = rule
        var (before, after) = (ChangeRecord.Setting(), ChangeRecord.Setting())
        switch self {
        case .createGroup(_, let description, let vpc), .deleteGroup(_, let description, let vpc):
            record.description = description
            record.vpc = vpc
        case .authorize(_, _, let description):
            record.description = description
        case .revoke(_, _, let id, let description):
            record.ruleID = id
            record.description = description
        case .describe(_, _, let id, let from, let to):
            record.ruleID = id
            record.earlierDescription = from
            record.description = to
        case .attach(let member, _), .detach(let member, _):
            record.member = member
        case .setAlarm(let name, let from, let to):
            record.alarm = name
            (before.alarm, after.alarm) = (from, to)
        case .blockPublicAccess(let bucket, let from, let to):
            record.bucket = bucket
            (before.publicAccess, after.publicAccess) = (from, to)
        case .encrypt(let bucket, let from, let to):
            record.bucket = bucket
            (before.encryption, after.encryption) = (from, to)
        case .setVersioning(let bucket, let from, let to):
            record.bucket = bucket
            (before.versioning, after.versioning) = (from, to)
        case .setLifecycle(let bucket, let from, let to):
            record.bucket = bucket
            (before.lifecycle, after.lifecycle) = (from, to)
        }
        if record.alarm != nil || record.bucket != nil { (record.before, record.after) = (before, after) }
        try record.encode(to: encoder)
    }

    public init(from decoder: any Decoder) throws {
        let record = try ChangeRecord(from: decoder)
        func need<Value>(_ value: Value?, _ what: String) throws -> Value {
            guard let value else {
                throw DecodingError.dataCorrupted(
                    .init(
                        codingPath: decoder.codingPath,
                        debugDescription: "a change '\(record.action.rawValue)' needs '\(what)'"))
            }
            return value
        }
        func group() throws -> GroupReference {
            GroupReference(id: record.groupID, name: try need(record.group, "group"))
        }
        func rule() throws -> Rule { try need(record.rule, "rule") }
        func bucket() throws -> String { try need(record.bucket, "bucket") }
        let (before, after) = (record.before, record.after)
        switch record.action {
        case .createGroup:
            self = .createGroup(try group(), description: record.description ?? "", vpc: record.vpc)
        case .deleteGroup:
            self = .deleteGroup(try group(), description: record.description ?? "", vpc: record.vpc)
        case .authorize: self = .authorize(try group(), try rule(), description: record.description)
        case .revoke:
            self = .revoke(
                try group(), try rule(), ruleID: record.ruleID ?? "", description: record.description)
        case .describe:
            self = .describe(
                try group(), try rule(), ruleID: record.ruleID ?? "",
                from: try need(record.earlierDescription, "earlier_description"),
                to: try need(record.description, "description"))
        case .attach: self = .attach(try need(record.member, "member"), try group())
        case .detach: self = .detach(try need(record.member, "member"), try group())
        case .setAlarm:
            self = .setAlarm(try need(record.alarm, "alarm"), from: before?.alarm, to: after?.alarm)
        case .blockPublicAccess:
            self = .blockPublicAccess(bucket: try bucket(), from: before?.publicAccess, to: after?.publicAccess)
        case .encrypt:
            self = .encrypt(bucket: try bucket(), from: before?.encryption, to: after?.encryption)
        case .setVersioning:
            self = .setVersioning(
                bucket: try bucket(), from: try need(before?.versioning, "before.versioning"),
                to: try need(after?.versioning, "after.versioning"))
        case .setLifecycle:
            self = .setLifecycle(
                bucket: try bucket(), from: try need(before?.lifecycle, "before.lifecycle"),
                to: try need(after?.lifecycle, "after.lifecycle"))
        }
    }
}
