internal import CoreTypes
public import Perimeter

extension AWSPerimeter {
    /// Looks at everything that the declaration concerns: all groups of its network and what carries them, the databases,
    /// caches, buckets and alarms that it names.
    ///
    /// Databases and caches are asked for only where a role names some, so that credentials need not have these rights
    /// otherwise; their interfaces are seen all the same.
    /// - Throws: when something can't be seen: half a view would be audited as if it were whole. Parts of buckets that may
    ///   not be read are told in the view instead.
    public func observe(_ declaration: Declaration) async throws(AWSError) -> Observation {
        guard try await ec2.vpcs([("vpc-id", [vpc])]).contains(where: { $0.vpcId == vpc }) else {
            throw AWSError(
                code: AWSError.Code.missing, "there is no VPC \(vpc) in \(client.settings.region)",
                place: "provider.aws.vpc",
                advice: "check vpc, region and credentials")
        }
        var carriers = try await instancesAndInterfaces()
        var groups = try await ec2.securityGroups([("vpc-id", [vpc])])
        let known = Set(groups.map(\.groupId))
        try await carriers.add(databases(declaration) + caches(declaration, groups: known))

        let others = Set(carriers.members.flatMap(\.groups)).subtracting(known).sorted()
        for some in others.inPortions(of: Self.mostValues) {
            groups += try await ec2.securityGroups([("group-id", some)])
        }
        let observed = try await observedGroups(groups, users: carriers.users)
        let lists = Set(observed.flatMap { $0.ingress.compactMap { $0.rule.source.prefixListID } })
            .union(declaration.roles.flatMap { $0.allow.flatMap { $0.from.compactMap(\.prefixListID) } })
        return Observation(
            groups: observed,
            members: carriers.members.sorted { ($0.kind.rawValue, $0.id) < ($1.kind.rawValue, $1.id) },
            buckets: try await buckets(declaration.buckets.map(\.name)),
            alarms: try await alarms(declaration.alarms.map(\.name)), prefixLists: try await networks(of: lists))
    }

    /// How many values one filter of EC2 may have.
    static let mostValues = 200

    // MARK: Groups

    /// - Parameter users: by group, who carries it.
    func observedGroups(
        _ groups: [SecurityGroup], users: [String: Set<String>]
    ) async throws(AWSError) -> [ObservedGroup] {
        var rules: [String: [ObservedRule]] = [:]
        let accounts = Dictionary(groups.map { ($0.groupId, $0.ownerId) }) { first, _ in first }
        for some in groups.map(\.groupId).inPortions(of: Self.mostValues) {
            for rule in try await ec2.securityGroupRules([("group-id", some)]) where rule.isEgress != true {
                let account = accounts[rule.groupId].flatMap { $0 }
                rules[rule.groupId, default: []].append(try ObservedRule(rule, account: account))
            }
        }
        return groups.map { group in
            ObservedGroup(
                id: group.groupId, name: group.groupName, description: group.groupDescription ?? "",
                isDefault: group.groupName == "default", vpc: group.vpcId,
                ingress: (rules[group.groupId] ?? []).sorted { ($0.rule, $0.id) < ($1.rule, $1.id) },
                tags: Dictionary(group.tags.map { ($0.key, $0.value ?? "") }) { first, _ in first },
                usedBy: (users[group.groupId] ?? []).sorted())
        }.sorted { $0.id < $1.id }
    }

    /// Of each list that is there.
    private func networks(of lists: Set<String>) async throws(AWSError) -> [String: [IPNetwork]] {
        var networks: [String: [IPNetwork]] = [:]
        for list in lists.sorted() {
            do {
                networks[list] = try await ec2.entries(ofPrefixList: list).compactMap { IPNetwork(ec2: $0) }
            } catch {
                guard error.code == "InvalidPrefixListID.NotFound" else { throw error }
            }
        }
        return networks
    }

    // MARK: Alarms

    private func alarms(_ names: [String]) async throws(AWSError) -> [ObservedAlarm] {
        guard !names.isEmpty else { return [] }
        return try await cloudWatch.alarms().filter { names.contains($0.name) }.compactMap(ObservedAlarm.init)
    }
}

extension ObservedRule {
    init(_ rule: SecurityGroupRule, account: String?) throws(AWSError) {
        self.init(
            rule: try Rule(rule, account: account), id: rule.securityGroupRuleId, description: rule.description ?? "")
    }
}

extension ObservedAlarm {
    /// Nil for an alarm of a computed metric, which is none that a declaration could name the parts of.
    init?(_ alarm: CloudWatch.Alarm) {
        guard let metric = alarm.metric, let namespace = alarm.namespace, let threshold = alarm.threshold,
            let period = alarm.period
        else { return nil }
        self.init(
            name: alarm.name, namespace: namespace, metric: metric,
            dimensions: Dictionary((alarm.dimensions?.all ?? []).map { ($0.name, $0.value) }) { first, _ in first },
            threshold: threshold, periodSeconds: period, statistic: alarm.statistic ?? alarm.extendedStatistic ?? "",
            comparison: alarm.comparison ?? "", actions: alarm.isActing == false ? [] : alarm.actions?.all ?? [])
    }
}

extension Source {
    var prefixListID: String? { if case .prefixList(let id) = self { id } else { nil } }
}

extension Role.Origin {
    var prefixListID: String? { if case .prefixList(let id) = self { id } else { nil } }
}

extension Array {
    /// Cut into pieces of at most so many.
    func inPortions(of size: Int) -> [[Element]] {
        stride(from: 0, to: count, by: size).map { Array(self[$0..<Swift.min($0 + size, count)]) }
    }
}
