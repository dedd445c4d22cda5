public import CoreTypes

/// A kind of machine or service: its group, who has it, and what may reach it.
public struct Role: Sendable, Equatable {
    public var name: String
    /// Name or id of its group.
    public var group: String
    public var members: Members
    public var allow: [Allowance]

    public init(name: String = "", group: String = "", members: Members = Members(), allow: [Allowance] = []) {
        self.name = name
        self.group = group
        self.members = members
        self.allow = allow
    }

    /// Who has a role. What stands under different keys adds up.
    public struct Members: Sendable, Equatable {
        /// Tags that an instance must have, all of them.
        public var tag: [String: String] = [:]
        /// `i-…`
        public var instances: [String] = []
        /// Identifiers of databases.
        public var rds: [String] = []
        /// Identifiers of caches or replication groups.
        public var elasticache: [String] = []
        /// For firewalls that know addresses only.
        public var addresses: [IPNetwork] = []

        public init() {}

        public func contains(_ member: Member) -> Bool {
            switch member.kind {
            case .instance:
                instances.contains(member.id)
                    || (!tag.isEmpty && tag.allSatisfy { member.tags[$0.key] == $0.value })
                    || hasAddress(of: member)
            case .rds: rds.contains(member.id)
            case .elasticache: elasticache.contains(member.id)
            case .interface, .host: hasAddress(of: member)
            }
        }

        private func hasAddress(of member: Member) -> Bool {
            AddressSet(addresses).overlaps(AddressSet(member.addresses))
        }
    }

    /// One line of what may reach a role.
    public struct Allowance: Sendable, Equatable {
        /// Every one with every protocol; empty: all.
        public var ports: [PortRange]
        public var protocols: [TransportProtocol]
        public var from: [Origin]
        public var why: String

        public init(
            ports: [PortRange] = [], protocols: [TransportProtocol] = [], from: [Origin] = [], why: String = ""
        ) {
            self.ports = ports
            self.protocols = protocols
            self.from = from
            self.why = why
        }
    }

    /// Where the file says that somebody may come from.
    public enum Origin: Hashable, Sendable {
        /// The operators' addresses.
        case admin
        /// All of IPv4 and IPv6.
        case anywhere
        case network(IPNetwork)
        /// The members of a role of the same file.
        case role(String)
        /// A group that is no role's.
        case group(String)
        case prefixList(String)
    }
}

extension Declaration {
    /// Sources that an origin stands for. A role's is its group; on a host, whose firewall knows addresses only, its
    /// members' addresses.
    public func sources(of origin: Role.Origin) -> [Source] {
        switch origin {
        case .admin: admin.map { .network($0) }
        case .anywhere: Source.anywhere
        case .network(let network): [.network(network)]
        case .role(let name):
            rolesByName[name].map { role in
                provider.nftables == nil ? [.group(role.group)] : role.members.addresses.map { .network($0) }
            } ?? []
        case .group(let name): [.group(name)]
        case .prefixList(let id): [.prefixList(id)]
        }
    }

    /// The roles whose rules the provider carries out: all, or the one that a host has.
    public var rolesInForce: [Role] {
        guard let host = provider.nftables else { return roles }
        return rolesByName[host.role].map { [$0] } ?? []
    }

    /// Where operators come in: the admin ports of TCP, and of UDP those that a role opens by UDP.
    var waysIn: [TransportProtocol: PortSet] {
        let ports = PortSet(ranges: adminPorts)
        let declared = PortSet(
            ranges: roles.flatMap(\.allow).filter { $0.protocols.contains(.udp) && !$0.from.isEmpty }.flatMap(\.ports))
        return [.tcp: ports, .udp: ports.intersection(declared)]
    }

    /// A host's firewall has neither buckets nor alarms.
    public var bucketsInForce: [Bucket] { provider.nftables == nil ? buckets : [] }
    public var alarmsInForce: [Alarm] { provider.nftables == nil ? alarms : [] }

    /// The rules of one line, as written: a rule for each port, protocol and source.
    public func rules(of allowance: Role.Allowance) -> [Rule] {
        let sources = allowance.from.flatMap(sources(of:))
        let ports = allowance.ports.isEmpty ? [PortRange.all] : allowance.ports
        return allowance.protocols.flatMap { transport in
            ports.flatMap { ports in sources.map { Rule(protocol: transport, ports: ports, source: $0) } }
        }
    }

    /// The rules of a role, each once, without those that another one contains; sorted.
    public func rules(of role: Role) -> [Rule] {
        let all = Set(role.allow.flatMap(rules(of:))).sorted()
        return all.filter { rule in
            !all.contains { $0 != rule && $0.contains(rule) }
        }
    }

    /// Why a rule is there: the words of each line that has part in it.
    public func why(_ rule: Rule, of role: Role) -> String {
        let reach = Reach(rule)
        let lines = role.allow.filter { Reach(rules(of: $0)).overlaps(reach) }.map(\.why).filter { !$0.isEmpty }
        return lines.reduce(into: [String]()) { if !$0.contains($1) { $0.append($1) } }.joined(separator: "; ")
    }
}
