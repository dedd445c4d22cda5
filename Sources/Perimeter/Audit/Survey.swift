/// The declared and the observed side by side: who has which role, and which group is whose. What audits and plans both
/// start from.
struct Survey {
    let declared: Declaration
    let observed: Observation
    let roles: [Role]
    /// See `Declaration.waysIn`.
    let waysIn: [TransportProtocol: PortSet]
    let privatePorts: [TransportProtocol: PortSet]
    private let rolesByMember: [String: [Role]]
    private let allowedByRole: [String: Reach]

    init(_ declared: Declaration, _ observed: Observation) {
        self.declared = declared
        self.observed = observed
        let roles = declared.rolesInForce
        self.roles = roles
        waysIn = declared.waysIn
        let secret = PortSet(ranges: declared.privatePorts)
        privatePorts = [.tcp: secret, .udp: secret]
        rolesByMember = Dictionary(
            observed.members.map { member in
                // The one role in force is the host's own.
                let isHost = member.kind == .host && declared.provider.nftables != nil
                return (Self.key(member), roles.filter { isHost || $0.members.contains(member) })
            },
            uniquingKeysWith: { first, _ in first })
        allowedByRole = Dictionary(
            uniqueKeysWithValues: roles.map { ($0.name, Reach(declared.rules(of: $0).map(observed.named))) })
    }

    private static func key(_ member: Member) -> String { "\(member.kind.rawValue) \(member.id)" }

    /// The rules that a role should have, groups by their names.
    func wanted(_ role: Role) -> [Rule] { declared.rules(of: role).map(observed.named) }

    /// What may reach a role.
    func allowed(_ role: Role) -> Reach { allowedByRole[role.name] ?? Reach() }

    func group(of role: Role) -> ObservedGroup? { observed.group(role.group) }

    func roles(of member: Member) -> [Role] { rolesByMember[Self.key(member)] ?? [] }

    func members(of role: Role) -> [Member] {
        observed.members.filter { roles(of: $0).contains { $0.name == role.name } }
    }

    func members(carrying group: ObservedGroup) -> [Member] {
        observed.members.filter { member in observed.groups(of: member).contains { $0.id == group.id } }
    }

    /// The role whose own group this is.
    func owner(of group: ObservedGroup) -> Role? {
        roles.first { self.group(of: $0)?.id == group.id }
    }

    /// Whether roles share a group: no single role is one of everything that has it. A role's own group is that role's.
    func isShared(_ group: ObservedGroup) -> Bool {
        var users = members(carrying: group).map { Set(roles(of: $0).map(\.name)) }.filter { !$0.isEmpty }
        if let owner = owner(of: group) { users.append([owner.name]) }
        guard let first = users.first else { return false }
        return users.dropFirst().reduce(first) { $0.intersection($1) }.isEmpty
    }

    /// Whether a member of roles should carry a group that is none of theirs. Harmless ones may stay, whoever made them.
    func mayKeep(_ group: ObservedGroup, _ member: Member) -> Bool {
        let roles = roles(of: member)
        if roles.contains(where: { self.group(of: $0)?.id == group.id }) { return true }
        // The group of another role has its rules, or is about to get them.
        if owner(of: group) != nil { return false }
        if group.ingress.isEmpty { return true }
        let allowed = roles.reduce(Reach()) { $0.union(self.allowed($1)) }
        return !group.isDefault && !isShared(group) && allowed.isSuperset(of: observed.reach(of: group))
    }

    /// A rule from a group that is not there any more lets nobody in.
    func isDangling(_ rule: Rule) -> Bool {
        guard case .group(let reference) = rule.source else { return false }
        return observed.group(reference) == nil
    }
}
