internal import CoreTypes

/// Watches that no step of a plan closes an admin port to those whom the file never cuts off.
struct WaysIn {
    private let declared: Declaration
    private let observed: Observation
    /// Admin ports, from the addresses to keep.
    private let guarded: Reach

    init(_ declared: Declaration, _ observed: Observation) {
        self.declared = declared
        self.observed = observed
        guarded = Reach(declared.waysIn, from: SourceSet(addresses: AddressSet(declared.neverCutOff)))
    }

    /// A refusal for each place that a guarded address would lose a way in to, which it has at the start.
    func refusals(_ changes: [Change]) -> [Refusal] {
        guard !guarded.isEmpty else { return [] }
        let start = ways(observed)
        var state = observed
        var refusals: [Refusal] = []
        var refused: Set<String> = []
        for (index, change) in changes.enumerated() {
            state = state.applying(change)
            guard change.canShutOut else { continue }
            let now = ways(state)
            for (place, before) in start.sorted(by: { $0.key < $1.key }) where !refused.contains(place) {
                let lost = before.subtracting(now[place] ?? Reach())
                guard let rule = lost.rules.first else { continue }
                refused.insert(place)
                refusals.append(
                    Refusal(
                        kind: .cutsOff,
                        reason:
                            "step \(index + 1) (\(change.summary)) would close \(rule.protocol) \(rule.ports) of \(place) to "
                            + "\(rule.source), which never_cut_off keeps",
                        mend:
                            "let it in by the file (admin, or the role's allow), or take it out of never_cut_off once "
                            + "there is another way in"))
            }
        }
        return refusals
    }

    /// By member, what of the guarded its groups let in together. On a host, the one set of rules counts alone.
    func ways(_ state: Observation) -> [String: Reach] {
        var ways: [String: Reach] = [:]
        for member in state.members where member.hasShell {
            ways["\(member.kind.rawValue) \(member.label)"] = reach(state.groups(of: member), state)
        }
        if declared.provider.nftables != nil {
            for group in state.groups { ways["group \(group.label)"] = reach([group], state) }
        }
        return ways
    }

    private func reach(_ groups: [ObservedGroup], _ state: Observation) -> Reach {
        let rules = groups.flatMap(\.ingress).flatMap { observed -> [Rule] in
            guard case .prefixList(let id) = observed.rule.source else { return [observed.rule] }
            return (state.prefixLists[id] ?? []).map { observed.rule.from(.network($0)) }
        }
        return Reach(rules).intersection(guarded)
    }
}
