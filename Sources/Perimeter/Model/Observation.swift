public import CoreTypes

/// What a backend saw: the state that audits judge and plans start from. A value; how old it is, the backend knows.
public struct Observation: Codable, Sendable, Equatable {
    /// Every group of the declared network, and those that its members carry.
    public var groups: [ObservedGroup]
    public var members: [Member]
    /// Those that the declaration names, also where they don't exist.
    public var buckets: [ObservedBucket]
    public var alarms: [ObservedAlarm]
    /// The networks of each prefix list that a rule or the declaration refers to, by its id.
    public var prefixLists: [String: [IPNetwork]]

    private enum CodingKeys: String, CodingKey {
        case groups, members, buckets, alarms
        case prefixLists = "prefix_lists"
    }

    public init(
        groups: [ObservedGroup] = [], members: [Member] = [], buckets: [ObservedBucket] = [],
        alarms: [ObservedAlarm] = [], prefixLists: [String: [IPNetwork]] = [:]
    ) {
        self.groups = groups
        self.members = members
        self.buckets = buckets
        self.alarms = alarms
        self.prefixLists = prefixLists
    }

    /// The group of an id, else of a name.
    public func group(_ reference: String) -> ObservedGroup? {
        groups.first { $0.id == reference } ?? groups.first { $0.name == reference }
    }

    /// The same rule with its source group by name, where the group is known: as rules are shown and compared.
    public func named(_ rule: Rule) -> Rule {
        guard case .group(let reference) = rule.source, let group = group(reference) else { return rule }
        return rule.from(.group(group.label))
    }

    /// What the rules of a group let in.
    func reach(of group: ObservedGroup) -> Reach { Reach(group.ingress.map { named($0.rule) }) }

    /// The groups that a member carries and that were seen.
    public func groups(of member: Member) -> [ObservedGroup] {
        var found: [ObservedGroup] = []
        for group in member.groups.compactMap(group(_:)) where !found.contains(where: { $0.id == group.id }) {
            found.append(group)
        }
        return found
    }

    /// Addresses of a set of sources, prefix lists among them as far as their networks are known. Groups have none.
    func addresses(of sources: SourceSet) -> AddressSet {
        sources.prefixLists.reduce(sources.addresses) { $0.union(AddressSet(prefixLists[$1] ?? [])) }
    }
}

/// A group of rules: EC2's security group, or the one set of rules that a host has.
public struct ObservedGroup: Codable, Sendable, Equatable {
    /// `sg-…`
    public var id: String
    public var name: String
    public var description: String
    /// The group that things get when nobody says which.
    public var isDefault: Bool
    public var vpc: String?
    public var ingress: [ObservedRule]
    public var tags: [String: String]
    /// Everything that carries it: by the id of the member where it is one of `Observation.members`, else of the interface.
    public var usedBy: [String]

    private enum CodingKeys: String, CodingKey {
        case id, name, description, vpc, ingress, tags
        case isDefault = "default"
        case usedBy = "used_by"
    }

    public init(
        id: String, name: String, description: String = "", isDefault: Bool = false, vpc: String? = nil,
        ingress: [ObservedRule] = [], tags: [String: String] = [:], usedBy: [String] = []
    ) {
        self.id = id
        self.name = name
        self.description = description
        self.isDefault = isDefault
        self.vpc = vpc
        self.ingress = ingress
        self.tags = tags
        self.usedBy = usedBy
    }

    /// What it is called where people read it: its name, or its id where it has none.
    public var label: String { name.isEmpty ? id : name }
}

public struct ObservedRule: Codable, Sendable, Equatable {
    /// A source group as the backend has it: by id or name.
    public var rule: Rule
    /// `sgr-…`; empty where rules have none.
    public var id: String
    /// Empty: it has none. Nil: rules can't have one here.
    public var description: String?

    public init(rule: Rule, id: String = "", description: String? = nil) {
        self.rule = rule
        self.id = id
        self.description = description
    }
}

/// Something that carries groups.
public struct Member: Codable, Sendable, Equatable {
    public enum Kind: String, Codable, Sendable, CaseIterable {
        case instance
        /// One of none of the other kinds: a load balancer's, say.
        case interface
        case rds
        case elasticache
        case host
    }

    public var kind: Kind
    /// `i-…`, `eni-…`, or the identifier of a database or cache.
    public var id: String
    public var name: String
    public var tags: [String: String]
    /// Ids or names of the groups that it carries.
    public var groups: [String]
    public var addresses: [IPNetwork]

    public init(
        kind: Kind, id: String, name: String = "", tags: [String: String] = [:], groups: [String] = [],
        addresses: [IPNetwork] = []
    ) {
        self.kind = kind
        self.id = id
        self.name = name
        self.tags = tags
        self.groups = groups
        self.addresses = addresses
    }

    /// Whether somebody can be logged in there, so that closing an admin port can cut them off.
    var hasShell: Bool {
        switch kind {
        case .instance, .interface, .host: true
        case .rds, .elasticache: false
        }
    }
}
