extension Observation {
    /// The state after a change: what a backend should see then. New rules have no id, a new group its name for one.
    public func applying(_ change: Change) -> Observation {
        var state = self
        switch change {
        case .createGroup(let group, let description, let vpc):
            guard self.group(group) == nil else { break }
            state.groups.append(
                ObservedGroup(id: group.id ?? group.name, name: group.name, description: description, vpc: vpc))
        case .deleteGroup(let group, _, _):
            guard let found = self.group(group) else { break }
            state.groups.removeAll { $0.id == found.id }
        case .authorize(let group, let rule, let description):
            state.change(group) { found in
                guard !found.ingress.contains(where: { named($0.rule) == named(rule) }) else { return }
                found.ingress.append(ObservedRule(rule: rule, description: description))
            }
        case .revoke(let group, let rule, let id, _):
            state.change(group) { found in
                found.ingress.removeAll { isMeant($0, rule, id) }
            }
        case .describe(let group, let rule, let id, _, let to):
            state.change(group) { found in
                for index in found.ingress.indices where isMeant(found.ingress[index], rule, id) {
                    found.ingress[index].description = to
                }
            }
        case .attach(let member, let group):
            guard let found = self.group(group) else { break }
            state.change(member) { if !$0.carries(found) { $0.groups.append(found.id) } }
            state.change(group) { if !$0.usedBy.contains(member.id) { $0.usedBy.append(member.id) } }
        case .detach(let member, let group):
            guard let found = self.group(group) else { break }
            state.change(member) { $0.groups.removeAll { $0 == found.id || $0 == found.name } }
            state.change(group) { $0.usedBy.removeAll { $0 == member.id } }
        case .setAlarm(let name, _, let to):
            if let index = alarms.firstIndex(where: { $0.name == name }) {
                if let to { state.alarms[index] = to } else { state.alarms.remove(at: index) }
            } else if let to {
                state.alarms.append(to)
            }
        case .blockPublicAccess(let bucket, _, let to): state.change(bucket: bucket) { $0.publicAccessBlocked = to }
        case .encrypt(let bucket, _, let to): state.change(bucket: bucket) { $0.encryption = to }
        case .setVersioning(let bucket, _, let to): state.change(bucket: bucket) { $0.versioning = to }
        case .setLifecycle(let bucket, _, let to): state.change(bucket: bucket) { $0.lifecycle = to }
        }
        return state
    }

    /// The group that a change means.
    public func group(_ reference: GroupReference) -> ObservedGroup? {
        reference.id.flatMap { id in groups.first { $0.id == id } } ?? group(reference.name)
    }

    /// The rule that a change means in a group: by its id, else by what it says.
    public func observedRule(_ rule: Rule, id: String, in group: ObservedGroup) -> ObservedRule? {
        group.ingress.first { !id.isEmpty && $0.id == id } ?? group.ingress.first { named($0.rule) == named(rule) }
    }

    private func isMeant(_ found: ObservedRule, _ rule: Rule, _ id: String) -> Bool {
        id.isEmpty || found.id.isEmpty ? named(found.rule) == named(rule) : found.id == id
    }

    /// A change with the ids that things have here; nil when it is done already, or can't be done any more. So a plan that
    /// was interrupted goes on with what is pending.
    public func pending(_ change: Change) -> Change? {
        let result: Change
        switch change {
        case .revoke(let reference, let rule, let id, let description):
            guard let group = group(reference), let found = observedRule(rule, id: id, in: group) else { return nil }
            result = .revoke(GroupReference(group), rule, ruleID: found.id, description: description)
        case .describe(let reference, let rule, let id, let from, let to):
            guard let group = group(reference), let found = observedRule(rule, id: id, in: group) else { return nil }
            result = .describe(GroupReference(group), rule, ruleID: found.id, from: from, to: to)
        case .deleteGroup(let reference, let description, let vpc):
            guard let group = group(reference) else { return nil }
            result = .deleteGroup(GroupReference(group), description: description, vpc: vpc)
        case .authorize(let reference, let rule, let description):
            result = .authorize(
                group(reference).map { GroupReference($0) } ?? reference, rule, description: description)
        case .attach(let member, let reference):
            result = .attach(member, group(reference).map { GroupReference($0) } ?? reference)
        case .detach(let member, let reference):
            guard let group = group(reference) else { return nil }
            result = .detach(member, GroupReference(group))
        case .setVersioning(let bucket, _, let to):
            // One that never had versions needs none suspended.
            if to == .suspended, buckets.first(where: { $0.name == bucket })?.versioning == .off { return nil }
            result = change
        case .createGroup, .setAlarm, .blockPublicAccess, .encrypt, .setLifecycle: result = change
        }
        // What is authorized in a group that a change before it makes changes nothing here yet.
        if let reference = result.group, group(reference) == nil { return result }
        return applying(result) == self ? nil : result
    }

    private mutating func change(_ reference: GroupReference, _ body: (inout ObservedGroup) -> Void) {
        guard let found = group(reference), let index = groups.firstIndex(where: { $0.id == found.id }) else { return }
        body(&groups[index])
    }

    private mutating func change(_ reference: MemberReference, _ body: (inout Member) -> Void) {
        for index in members.indices where members[index].kind == reference.kind && members[index].id == reference.id {
            body(&members[index])
        }
    }

    private mutating func change(bucket name: String, _ body: (inout ObservedBucket) -> Void) {
        for index in buckets.indices where buckets[index].name == name { body(&buckets[index]) }
    }
}

extension Member {
    fileprivate func carries(_ group: ObservedGroup) -> Bool { groups.contains { $0 == group.id || $0 == group.name } }
}
