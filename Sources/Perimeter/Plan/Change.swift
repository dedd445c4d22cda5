/// A group as a change refers to it: by id where it has one, by name where the change before makes it.
public struct GroupReference: Sendable, Hashable {
    /// Nil until it is made.
    public var id: String?
    public var name: String

    public init(id: String? = nil, name: String) {
        self.id = id
        self.name = name
    }

    init(_ group: ObservedGroup) {
        self.init(id: group.id, name: group.label)
    }
}

/// A member as a change refers to it.
public struct MemberReference: Codable, Sendable, Hashable {
    public var kind: Member.Kind
    public var id: String

    public init(kind: Member.Kind, id: String) {
        self.kind = kind
        self.id = id
    }
}

/// One step from what is to what should be. Each knows what was before, so that it can be undone.
public enum Change: Sendable, Equatable {
    /// An empty group.
    case createGroup(GroupReference, description: String, vpc: String?)
    /// - `description`: where rules can't have one it does not matter; nil only to put back a rule that had none.
    case authorize(GroupReference, Rule, description: String?)
    case describe(GroupReference, Rule, ruleID: String, from: String, to: String)
    case attach(MemberReference, GroupReference)
    /// Nil: not there. A new one has the topics to tell in its `actions`.
    case setAlarm(String, from: ObservedAlarm?, to: ObservedAlarm?)
    /// Nil: nothing is blocked.
    case blockPublicAccess(bucket: String, from: PublicAccessBlock?, to: PublicAccessBlock?)
    /// `AES256` or `aws:kms`; nil: none.
    case encrypt(bucket: String, from: String?, to: String?)
    case setVersioning(bucket: String, from: ObservedBucket.Versioning, to: ObservedBucket.Versioning)
    /// All rules of the bucket. Those that are not ours are the same before and after.
    case setLifecycle(bucket: String, from: [LifecycleRule], to: [LifecycleRule])
    case detach(MemberReference, GroupReference)
    /// - `ruleID`: empty where rules have none, or in an undoing whose rule was not seen yet.
    case revoke(GroupReference, Rule, ruleID: String, description: String?)
    /// A group without rules that nothing carries; only ever to undo its making.
    case deleteGroup(GroupReference, description: String, vpc: String?)

    public enum Action: String, Codable, Sendable, CaseIterable {
        case createGroup = "create-group"
        case authorize
        case describe
        case attach
        case setAlarm = "set-alarm"
        case blockPublicAccess = "block-public-access"
        case encrypt
        case setVersioning = "set-versioning"
        case setLifecycle = "set-lifecycle"
        case detach
        case revoke
        case deleteGroup = "delete-group"
    }

    public var action: Action {
        switch self {
        case .createGroup: .createGroup
        case .authorize: .authorize
        case .describe: .describe
        case .attach: .attach
        case .setAlarm: .setAlarm
        case .blockPublicAccess: .blockPublicAccess
        case .encrypt: .encrypt
        case .setVersioning: .setVersioning
        case .setLifecycle: .setLifecycle
        case .detach: .detach
        case .revoke: .revoke
        case .deleteGroup: .deleteGroup
        }
    }

    public var group: GroupReference? {
        switch self {
        case .createGroup(let group, _, _), .authorize(let group, _, _), .describe(let group, _, _, _, _),
            .attach(_, let group), .detach(_, let group), .revoke(let group, _, _, _), .deleteGroup(let group, _, _):
            group
        case .setAlarm, .blockPublicAccess, .encrypt, .setVersioning, .setLifecycle: nil
        }
    }

    public var rule: Rule? {
        switch self {
        case .authorize(_, let rule, _), .describe(_, let rule, _, _, _), .revoke(_, let rule, _, _): rule
        case .createGroup, .attach, .detach, .deleteGroup, .setAlarm, .blockPublicAccess, .encrypt, .setVersioning,
            .setLifecycle:
            nil
        }
    }

    /// What undoes it.
    public var inverse: Change {
        switch self {
        case .createGroup(let group, let description, let vpc): .deleteGroup(group, description: description, vpc: vpc)
        case .authorize(let group, let rule, let description):
            .revoke(group, rule, ruleID: "", description: description)
        case .describe(let group, let rule, let id, let from, let to):
            .describe(group, rule, ruleID: id, from: to, to: from)
        case .attach(let member, let group): .detach(member, group)
        case .setAlarm(let name, let from, let to): .setAlarm(name, from: to, to: from)
        case .blockPublicAccess(let bucket, let from, let to): .blockPublicAccess(bucket: bucket, from: to, to: from)
        case .encrypt(let bucket, let from, let to): .encrypt(bucket: bucket, from: to, to: from)
        case .setVersioning(let bucket, let from, let to):
            // A bucket that ever had versions can't be as if it had not.
            .setVersioning(bucket: bucket, from: to, to: from == .off ? .suspended : from)
        case .setLifecycle(let bucket, let from, let to): .setLifecycle(bucket: bucket, from: to, to: from)
        case .detach(let member, let group): .attach(member, group)
        case .revoke(let group, let rule, _, let description): .authorize(group, rule, description: description)
        case .deleteGroup(let group, let description, let vpc): .createGroup(group, description: description, vpc: vpc)
        }
    }

    /// The order in which changes are safe: what lets in comes before what shuts out.
    var rank: Int {
        switch self {
        case .createGroup: 0
        case .authorize: 1
        case .describe: 2
        case .attach: 3
        case .setAlarm: 4
        case .setVersioning: 5
        case .encrypt: 6
        case .setLifecycle: 7
        case .blockPublicAccess: 8
        case .detach: 9
        case .revoke: 10
        case .deleteGroup: 11
        }
    }

    /// Whether it has part in letting somebody in.
    var letsIn: Bool {
        switch self {
        case .createGroup, .authorize, .attach: true
        case .describe, .setAlarm, .blockPublicAccess, .encrypt, .setVersioning, .setLifecycle, .detach, .revoke,
            .deleteGroup:
            false
        }
    }

    /// Whether it can shut anybody out.
    var canShutOut: Bool {
        switch self {
        case .detach, .revoke, .deleteGroup: true
        case .createGroup, .authorize, .describe, .attach, .setAlarm, .blockPublicAccess, .encrypt, .setVersioning,
            .setLifecycle:
            false
        }
    }
}
