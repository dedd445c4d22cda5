internal import CoreTypes
internal import Perimeter

/// Changes of groups and their rules. Each is done when what is there says so afterwards, however the answer to the change
/// was: an answer can get lost, another hand can have been faster, and EC2 shows changes with some delay.
extension AWSPerimeter {
    /// The group of an id, else of a name, in the network.
    func group(_ reference: String) async throws(AWSError) -> SecurityGroup? {
        if reference.hasPrefix("sg-"), let group = try await ec2.securityGroups([("group-id", [reference])]).first {
            return group
        }
        return try await ec2.securityGroups([("group-name", [reference]), ("vpc-id", [vpc])]).first
    }

    /// As a change refers to it: by its id where it has one that is still there, else by its name.
    func group(_ reference: GroupReference) async throws(AWSError) -> SecurityGroup? {
        if let id = reference.id, let found = try await group(id) { return found }
        return try await group(reference.name)
    }

    func groupID(_ reference: GroupReference) async throws(AWSError) -> String {
        guard let found = try await group(reference) else { return try await groupID(reference.name) }
        return found.groupId
    }

    func groupID(_ reference: String) async throws(AWSError) -> String {
        guard let group = try await group(reference) else {
            throw AWSError(
                code: AWSError.Code.missing, "there is no group '\(reference)' in \(vpc)", place: "ec2",
                advice: "make a new plan")
        }
        return group.groupId
    }

    /// - Returns: its id.
    func createGroup(
        name: String, description: String, tags: [String: String]
    ) async throws(AWSError) -> String {
        if let there = try await group(name) { return there.groupId }
        let words = IngressPermission.fitting(description)
        do {
            _ = try await ec2.createSecurityGroup(
                name: name, description: words.isEmpty ? name : words, vpc: vpc,
                tags: tags.sorted { $0.key < $1.key }.map { ($0.key, $0.value) })
        } catch {
            guard error.code == "InvalidGroup.Duplicate" else { throw error }
        }
        return try await settled("ec2 CreateSecurityGroup", "group '\(name)' is there") { () throws(AWSError) in
            try await group(name)?.groupId
        }
    }

    func deleteGroup(_ reference: GroupReference) async throws(AWSError) {
        guard let there = try await group(reference) else { return }
        do {
            try await ec2.deleteSecurityGroup(there.groupId)
        } catch {
            guard error.code == "InvalidGroup.NotFound" else { throw error }
        }
        try await settled("ec2 DeleteSecurityGroup", "group '\(reference.name)' is gone") { () throws(AWSError) in
            try await group(there.groupId) == nil ? () : nil
        }
    }

    /// The rules of a group for what comes in.
    func ingress(of group: String) async throws(AWSError) -> [ObservedRule] {
        let account = try await ec2.securityGroups([("group-id", [group])]).first?.ownerId
        var rules: [ObservedRule] = []
        for rule in try await ec2.securityGroupRules([("group-id", [group])]) where rule.isEgress != true {
            rules.append(try ObservedRule(rule, account: account))
        }
        return rules
    }

    /// - Parameter description: of the rule; nil or empty: none.
    func authorize(_ rule: Rule, _ description: String?, in reference: String) async throws(AWSError) {
        let group = try await groupID(reference)
        let rule = try await withGroupID(rule)
        if try await ingress(of: group).contains(where: { $0.rule == rule }) {
            return try await describe(rule, description, in: group)
        }
        do {
            try await ec2.authorizeIngress(group, [try rule.permission(description)])
        } catch {
            guard error.code == "InvalidPermission.Duplicate" else { throw error }
        }
        try await settled("ec2 AuthorizeSecurityGroupIngress", "\(rule) is in \(reference)") { () throws(AWSError) in
            try await ingress(of: group).contains { $0.rule == rule } ? () : nil
        }
    }

    /// Revokes a rule by its id, or where that is not there any more, by the id of the rule that says the same.
    /// - Parameter id: empty where it isn't known.
    /// - Throws: also when the id has come to say something else, by another hand.
    func revoke(_ rule: Rule, id: String, from reference: GroupReference) async throws(AWSError) {
        let place = "ec2 RevokeSecurityGroupIngress"
        guard let group = try await group(reference)?.groupId else { return }
        let before = try await ingress(of: group)
        let named = before.filter { !id.isEmpty && $0.id == id }
        let wanted = try await sameWords(rule, as: named.first?.rule)
        if let other = named.first(where: { $0.rule != wanted }) {
            throw AWSError(
                code: AWSError.Code.notDone, "\(id) of \(reference.name) is now \(other.rule), planned was \(rule)",
                place: place,
                advice: "make a new plan")
        }
        let ids = before.filter { $0.rule == wanted }.map(\.id)
        guard !ids.isEmpty else { return }
        do {
            try await ec2.revokeIngress(group, rules: ids)
        } catch {
            guard ["InvalidPermission.NotFound", "InvalidSecurityGroupRuleId.NotFound"].contains(error.code) else {
                throw error
            }
        }
        try await settled(place, "\(rule) is gone from \(reference.name)") { () throws(AWSError) in
            try await ingress(of: group).contains { ids.contains($0.id) || $0.rule == wanted } ? nil : ()
        }
    }

    /// The rule with its source group by id. A name that is no group's of the network is taken for that of the group which
    /// `found` has: of another network, or gone.
    private func sameWords(_ rule: Rule, as found: Rule?) async throws(AWSError) -> Rule {
        guard case .group(let name) = rule.source, !name.hasPrefix("sg-"), !name.contains("/"),
            try await group(name) == nil
        else { return try await withGroupID(rule) }
        return found.map { rule.from($0.source) } ?? rule
    }

    /// Gives a rule that is there another description.
    func describe(_ rule: Rule, _ description: String?, in reference: String) async throws(AWSError) {
        let group = try await groupID(reference)
        let rule = try await withGroupID(rule)
        let words = description.map(IngressPermission.fitting) ?? ""
        func isDone() async throws(AWSError) -> Bool {
            let there = try await ingress(of: group).filter { $0.rule == rule }
            guard !there.isEmpty else {
                throw AWSError(
                    code: AWSError.Code.missing, "\(rule) is not in \(reference)",
                    place: "ec2 UpdateSecurityGroupRuleDescriptionsIngress", advice: "make a new plan")
            }
            return there.allSatisfy { ($0.description ?? "") == words }
        }
        if try await isDone() { return }
        try await ec2.updateDescriptions(group, [try rule.permission(words)])
        try await settled("ec2 UpdateSecurityGroupRuleDescriptionsIngress", "\(rule) has its description") {
            () throws(AWSError) in try await isDone() ? () : nil
        }
    }

    /// The rule with its source group by id, as EC2 tells it.
    func withGroupID(_ rule: Rule) async throws(AWSError) -> Rule {
        guard case .group(let reference) = rule.source, !reference.contains("/") else { return rule }
        // A group that is gone can still be referred to, and such a rule has to be found to be revoked.
        if reference.hasPrefix("sg-"), try await group(reference) == nil { return rule }
        return rule.from(.group(try await groupID(reference)))
    }

    /// Looks until something has come about; EC2 shows a change to all of its machines within some seconds.
    /// - Parameter look: nil: not yet.
    @discardableResult
    func settled<Value>(
        _ place: String, _ what: String, _ look: () async throws(AWSError) -> Value?
    ) async throws(AWSError) -> Value {
        for wait in [0, 200, 500, 1000, 2000, 4000, 8000] {
            if wait > 0 { try await pause(.milliseconds(wait)) }
            if let value = try await look() { return value }
        }
        throw AWSError(
            code: AWSError.Code.notDone, "the change was taken, but it can't be seen that \(what)", place: place,
            fault: .service, advice: "look again with 'sallyport perimeter plan'")
    }
}
