extension Audit {
    /// What is wrong with groups whatever their rules say.
    mutating func judgeGroups() {
        for group in observed.groups {
            judgeSharing(group)
            judgeReferences(group)
            judgeUse(group)
            judgeStrangers(group)
        }
    }

    /// Groups that something without a role carries. What may reach that nobody declares; what may not is known.
    private mutating func judgeStrangers(_ group: ObservedGroup) {
        guard survey.owner(of: group) == nil else { return }
        let strangers =
            survey.members(carrying: group).filter { survey.roles(of: $0).isEmpty }.map(\.label)
            + group.usedBy.filter { user in !observed.members.contains { $0.id == user } }
        guard !strangers.isEmpty else { return }
        for (id, what, ports) in [
            (FindingID.adminOpenToWorld, "an admin port", survey.waysIn),
            (.privatePortExposed, "a private port", survey.privatePorts),
        ] {
            let rules = group.ingress.map(\.rule).filter { !Reach($0).limited(ports).isEmpty }
            guard observed.addresses(of: Reach(rules).limited(ports).sources).isWorld else { continue }
            // Of several that do it together the widest is named.
            let widest = rules.first { observed.addresses(of: Reach($0).sources).isWorld } ?? rules.first
            report(
                Finding(
                    id: id, severity: .critical, group: group.label, rule: widest,
                    evidence: "\(group.label) (\(group.id)) lets everybody in to \(what) by "
                        + rules.map(\.description).joined(separator: ", ")
                        + "; on \(strangers.joined(separator: ", ")), of no declared role",
                    mend: "revoke it by hand, or declare a role for what carries it"))
        }
    }

    private mutating func judgeSharing(_ group: ObservedGroup) {
        guard survey.isShared(group), !group.ingress.isEmpty || survey.owner(of: group) != nil else { return }
        let users = survey.members(carrying: group).compactMap { member -> String? in
            let roles = survey.roles(of: member).map(\.name)
            return roles.isEmpty ? nil : "\(member.label) of role \(roles.joined(separator: " and "))"
        }
        let owner = survey.owner(of: group).map { "it is the group of role \($0.name), and " } ?? ""
        report(
            Finding(
                id: .groupShared, severity: .high, role: survey.owner(of: group)?.name, group: group.label,
                evidence:
                    "\(owner)\(users.joined(separator: ", ")) \(users.count == 1 ? "carries" : "carry") it: what is "
                    + "opened for one is open for all",
                mend: "'sallyport perimeter apply' gives each role its own group and takes this one off"))
    }

    private mutating func judgeReferences(_ group: ObservedGroup) {
        for rule in group.ingress.map(\.rule) {
            let what: String
            switch rule.source {
            case .group(let reference) where observed.group(reference) == nil: what = "group \(reference)"
            case .prefixList(let id) where observed.prefixLists[id] == nil: what = "prefix list \(id)"
            case .group, .prefixList, .network: continue
            }
            report(
                Finding(
                    id: .referenceMissing, severity: .medium, role: survey.owner(of: group)?.name, group: group.label,
                    rule: rule, evidence: "\(rule) names \(what), which is gone or can't be seen",
                    mend: survey.owner(of: group) == nil
                        ? "revoke the rule by hand" : "'sallyport perimeter apply' revokes it unless the file names it")
            )
        }
    }

    private mutating func judgeUse(_ group: ObservedGroup) {
        let users = survey.members(carrying: group).map(\.label)
        let others = group.usedBy.filter { user in !observed.members.contains { $0.id == user } }
        let all = users + others
        if group.isDefault, !all.isEmpty {
            report(
                Finding(
                    id: .defaultGroupUsed, severity: .medium, group: group.label,
                    evidence: "\(group.label) (\(group.id)) is the default group of \(group.vpc ?? "the network"), and "
                        + "\(all.joined(separator: ", ")) \(all.count == 1 ? "carries" : "carry") it",
                    mend: "give \(all.count == 1 ? "it" : "each") a group made for its role"))
        }
        // An untouched default group has a rule from itself, and is there in each network. A role's own group may wait for
        // its members; those that are there without it are told of by themselves.
        if !group.isDefault, survey.owner(of: group) == nil, all.isEmpty, !group.ingress.isEmpty {
            report(
                Finding(
                    id: .ruleUnused, severity: .low, group: group.label,
                    evidence: "nothing carries \(group.label) (\(group.id)): its \(group.ingress.count) "
                        + "\(group.ingress.count == 1 ? "rule protects" : "rules protect") nobody",
                    mend: "delete the group by hand when nobody needs it"))
        }
    }
}
