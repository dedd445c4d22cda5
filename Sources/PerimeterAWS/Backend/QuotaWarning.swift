internal import CoreTypes
public import Perimeter

/// What AWS will not take, unless the account's quotas were raised; said before anything is changed.
public enum QuotaWarning {
    /// For what comes in, IPv4 and IPv6 counted apart. A group as source counts in both, a prefix list by its entries.
    public static let rulesPerGroup = 60
    public static let groupsPerInterface = 5

    /// Goes through a plan step by step: what is added comes before what is removed, so a group can be fullest in between.
    /// - Returns: a sentence for each group or member that would have too much; none twice.
    public static func warnings(_ changes: [Change], on observation: Observation) -> [String] {
        var state = observation
        var found: [String: String] = [:]
        for change in changes {
            state = state.applying(change)
            for group in state.groups {
                let count = max(rules(group, .v4, state), rules(group, .v6, state))
                guard count > rulesPerGroup, found[group.id] == nil else { continue }
                found[group.id] =
                    "group \(group.label) would have \(count) rules or more of one family, AWS allows \(rulesPerGroup) unless "
                    + "the quota was raised: join rules, or use a prefix list"
            }
            for member in state.members where member.kind != .host {
                let count = state.groups(of: member).count
                guard count > groupsPerInterface, found[member.id] == nil else { continue }
                found[member.id] =
                    "\(member.id) would carry \(count) groups, AWS allows \(groupsPerInterface) an interface unless the quota was "
                    + "raised: take one away first"
            }
        }
        return found.sorted { $0.key < $1.key }.map(\.value)
    }

    private static func rules(
        _ group: ObservedGroup, _ family: IPAddress.Family, _ state: Observation
    ) -> Int {
        group.ingress.reduce(0) { count, observed in
            switch observed.rule.source {
            case .network(let network): count + (network.address.family == family ? 1 : 0)
            case .group: count + 1
            case .prefixList(let id):
                count + (state.prefixLists[id] ?? []).count { $0.address.family == family }
            }
        }
    }
}
