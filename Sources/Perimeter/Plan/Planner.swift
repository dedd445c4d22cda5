/// Collects the changes of a plan, in no order yet.
struct Planner {
    let survey: Survey
    private(set) var changes: [Change] = []
    private(set) var refusals: [Refusal] = []
    private let tolerated: ToleratedFindings

    private var declared: Declaration { survey.declared }
    private var observed: Observation { survey.observed }

    init(_ survey: Survey, today: CalendarDate) {
        self.survey = survey
        tolerated = ToleratedFindings(survey, today: today)
    }

    private mutating func add(_ change: Change) {
        if !tolerated.isNeedless(change) { changes.append(change) }
    }

    // MARK: Groups and their rules

    mutating func planGroups() {
        for role in survey.roles {
            guard let group = survey.group(of: role) else {
                planNewGroup(of: role)
                continue
            }
            planRules(of: group, role)
        }
    }

    /// What a new group says about itself.
    static func description(of role: Role) -> String { "What may reach role \(role.name)" }

    private mutating func planNewGroup(of role: Role) {
        guard !role.group.hasPrefix("sg-") else {
            refusals.append(
                Refusal(
                    kind: .groupMissing, reason: "there is no group \(role.group), the group of role \(role.name)",
                    mend: "name a group that exists, or give it a name instead of an id to have it made"))
            return
        }
        let group = GroupReference(name: role.group)
        add(
            .createGroup(group, description: Self.description(of: role), vpc: declared.provider.aws?.vpc))
        for rule in survey.wanted(role) {
            add(.authorize(group, rule, description: RuleDescription.text(declared.why(rule, of: role))))
        }
    }

    private mutating func planRules(of group: ObservedGroup, _ role: Role) {
        let reference = GroupReference(group)
        let allowed = survey.allowed(role)
        let wanted = survey.wanted(role)
        let rules = group.ingress.map { (observed: $0, rule: observed.named($0.rule)) }
        let fitting = rules.filter { allowed.isSuperset(of: Reach($0.rule)) && !survey.isDangling($0.rule) }
        let kept = Reach(fitting.map(\.rule))
        let added = wanted.filter { !kept.isSuperset(of: Reach($0)) }
        let addedReach = added.map { Reach($0) }
        for rule in added {
            let description = RuleDescription.text(declared.why(rule, of: role))
            add(.authorize(reference, rule, description: description))
        }
        for (found, rule) in rules {
            let fits = fitting.contains { $0.observed.id == found.id && $0.rule == rule }
            guard fits, !addedReach.contains(where: { $0.isSuperset(of: Reach(rule)) }) else {
                add(.revoke(reference, rule, ruleID: found.id, description: found.description))
                continue
            }
            let description = RuleDescription.text(declared.why(rule, of: role))
            if let old = found.description, old != description, wanted.contains(rule) {
                add(.describe(reference, rule, ruleID: found.id, from: old, to: description))
            }
        }
    }

    // MARK: Who carries them

    mutating func planMembers() {
        var emptied: [String: Set<String>] = [:]
        for member in observed.members {
            let roles = survey.roles(of: member)
            guard !roles.isEmpty else { continue }
            let reference = MemberReference(kind: member.kind, id: member.id)
            let carried = observed.groups(of: member)
            for role in roles {
                let group = survey.group(of: role)
                guard !carried.contains(where: { $0.id == group?.id }), group != nil || !role.group.hasPrefix("sg-")
                else { continue }
                add(.attach(reference, group.map { GroupReference($0) } ?? GroupReference(name: role.group)))
            }
            for group in carried where !survey.mayKeep(group, member) {
                let change = Change.detach(reference, GroupReference(group))
                guard !tolerated.isNeedless(change) else { continue }
                changes.append(change)
                emptied[group.id, default: []].insert(member.id)
            }
        }
        for group in observed.groups {
            guard let left = emptied[group.id], survey.owner(of: group) == nil, !group.isDefault else { continue }
            planEmptied(group, left)
        }
    }

    /// A group that this plan takes off the last that carry it protects nobody any more; open rules would only wait for
    /// somebody to use it again.
    private mutating func planEmptied(_ group: ObservedGroup, _ left: Set<String>) {
        let users = Set(survey.members(carrying: group).map(\.id)).union(group.usedBy)
        guard users.isSubset(of: left) else { return }
        for rule in group.ingress {
            add(
                .revoke(
                    GroupReference(group), observed.named(rule.rule), ruleID: rule.id, description: rule.description))
        }
    }

    // MARK: Buckets and alarms

    mutating func planServices() {
        for bucket in declared.bucketsInForce {
            guard let found = observed.buckets.first(where: { $0.name == bucket.name }), found.exists else { continue }
            for lack in Requirements.lacks(bucket, found) where lack.isMendable {
                add(Self.change(lack.part, bucket, found))
            }
        }
        for alarm in declared.alarmsInForce where Requirements.lacks(alarm, among: observed.alarms) != nil {
            let found = observed.alarms.first { $0.name == alarm.name }
            add(.setAlarm(alarm.name, from: found, to: alarm.settled(over: found)))
        }
    }

    private static func change(
        _ part: ObservedBucket.Part, _ bucket: Declaration.Bucket, _ found: ObservedBucket
    ) -> Change {
        switch part {
        case .publicAccess:
            return .blockPublicAccess(bucket: bucket.name, from: found.publicAccessBlocked, to: .everything)
        case .encryption:
            return .encrypt(bucket: bucket.name, from: found.encryption, to: bucket.encryption.rawValue)
        case .versioning:
            return .setVersioning(bucket: bucket.name, from: found.versioning, to: .enabled)
        case .lifecycle:
            let own = LifecycleRule(
                id: LifecycleRule.ownID, expireAfterDays: bucket.expireAfterDays,
                expireOldVersionsAfterDays: bucket.expireOldVersionsAfterDays)
            let others = found.lifecycle.filter { $0.id != LifecycleRule.ownID }
            return .setLifecycle(bucket: bucket.name, from: found.lifecycle, to: others + [own])
        }
    }
}

extension Declaration.Alarm {
    /// The alarm as declared; what the file does not say stays as it was.
    func settled(over found: ObservedAlarm?) -> ObservedAlarm {
        let isSameMetric = found?.metric == metric && found?.namespace == namespace
        return ObservedAlarm(
            name: name, namespace: namespace, metric: metric,
            dimensions: (isSameMetric ? found?.dimensions ?? [:] : [:]).merging(dimensions) { $1 },
            threshold: threshold,
            periodSeconds: periodSeconds,
            statistic: statistic?.rawValue ?? (isSameMetric ? found?.statistic : nil) ?? effectiveStatistic.rawValue,
            comparison: found?.comparison ?? "GreaterThanThreshold",
            actions: (found?.actions ?? []) + notify.filter { !(found?.actions ?? []).contains($0) })
    }
}

/// What EC2 takes as the description of a rule.
package enum RuleDescription {
    /// At most 255 of its characters; others become a dash.
    package static func text(_ why: String) -> String {
        let allowed = "._-:/()#,@[]+=&;{}!$* ".unicodeScalars
        let scalars = why.unicodeScalars.prefix(255).map { scalar -> Unicode.Scalar in
            let isAlphanumeric =
                scalar.isASCII && (scalar.properties.isAlphabetic || scalar.properties.numericType != nil)
            return isAlphanumeric || allowed.contains(scalar) ? scalar : "-"
        }
        var text = String.UnicodeScalarView()
        text.append(contentsOf: scalars)
        return String(text)
    }
}
