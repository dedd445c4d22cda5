internal import CoreTypes
internal import Perimeter

extension KernelTable {
    /// What the table lets in to this host, as far as rules can say it, and a mark for each thing that they can't.
    ///
    /// Where it is in doubt, what is let in is seen too wide rather than too narrow.
    /// - Parameter why: what a declared rule should say of itself.
    func ingress(why: (Rule) -> String) -> [ObservedRule] {
        guard !isDormant, let chain = chains.first(where: { $0.name == HostRules.chain }), chain.hook == "input",
            chain.type == "filter"
        else { return Self.everything }
        var found = chain.policy == "drop" ? [] : Self.everything
        found += declaredAndOthers(why)
        for other in chains where other.name != HostRules.chain {
            let hook = other.hook.map { ", of hook \($0)" } ?? ""
            found.append(AnotherHand.other("chain \(other.name)\(hook)"))
        }
        return found.unique()
    }

    /// Without a chain that drops, the kernel lets all in.
    static var everything: [ObservedRule] {
        Source.anywhere.map { ObservedRule(rule: Rule(protocol: .all, source: $0), description: "") }
    }

    private func declaredAndOthers(_ why: (Rule) -> String) -> [ObservedRule] {
        let rules = rules[HostRules.chain] ?? []
        let beginning = rules.prefix(HostRules.lines.count)
        var rest = rules[...]
        var found: [ObservedRule] = []
        if beginning.map(\.hostLine) == HostRules.lines.map({ Optional($0.asRead) }) {
            rest = rest.dropFirst(beginning.count)
        } else {
            let present = Set(rules.compactMap(\.hostLine))
            let missing = HostRules.lines.map(\.asRead).filter { !present.contains($0) }
            let what =
                missing.first.map { "missing: \($0.conditions.text) \($0.verdict.rawValue)" }
                ?? "what every host's rules begin with is not at the beginning"
            found.append(AnotherHand.other(what))
            let known = Set(HostRules.lines.map(\.asRead))
            rest = rest.filter { rule in rule.hostLine.map { !known.contains($0) } ?? true }[...]
        }
        var shut = Reach()
        for rule in rest { found += observed(rule, &shut, why) }
        return found
    }

    /// - Parameter shut: what rules before it drop.
    private func observed(_ rule: KernelRule, _ shut: inout Reach, _ why: (Rule) -> String) -> [ObservedRule] {
        switch rule.verdict {
        case .accept where rule.conditions.areRules:
            let opened = rule.conditions.rules
            let reach = Reach(opened)
            guard shut.overlaps(reach) else { return opened.map { described($0, rule, why) } }
            if opened.contains(where: { $0.protocol == .all }) {
                return AnotherHand.opening(opened, text: rule.text)
            }
            return reach.subtracting(shut).rules.map { described($0, rule, why) }
        case .accept, .elsewhere: return AnotherHand.opening(rule.conditions.rules, text: rule.text)
        case .drop where rule.conditions.areRules:
            shut = shut.union(Reach(rule.conditions.rules))
            return []
        // Whom it shuts out is not known: what comes after it is seen as open.
        case .drop: return [AnotherHand.other(rule.text)]
        case .none: return []
        }
    }

    private func described(_ rule: Rule, _ kernel: KernelRule, _ why: (Rule) -> String) -> ObservedRule {
        let whole = RuleDescription.text(why(rule))
        // The kernel keeps less than a description may have.
        let isWhole = RuleComment.text(whole) == kernel.comment
        return ObservedRule(rule: rule, description: isWhole ? whole : RuleDescription.text(kernel.comment))
    }
}

extension KernelRule {
    /// As it would be if it were one of those that every host has; nil when it can be none.
    var hostLine: HostRules.ReadLine? {
        switch verdict {
        case .accept: HostRules.ReadLine(conditions: conditions, verdict: .accept)
        case .drop: HostRules.ReadLine(conditions: conditions, verdict: .drop)
        case .none, .elsewhere: nil
        }
    }
}

extension HostRules {
    /// A line without its comment, which anybody can write.
    struct ReadLine: Hashable, Sendable {
        let conditions: Conditions
        let verdict: Verdict
    }
}

extension HostRules.Line {
    var asRead: HostRules.ReadLine { HostRules.ReadLine(conditions: conditions, verdict: verdict) }
}

extension [ObservedRule] {
    fileprivate func unique() -> [ObservedRule] {
        reduce(into: []) { if !$0.contains($1) { $0.append($1) } }.sorted { ($0.rule, $0.id) < ($1.rule, $1.id) }
    }
}
