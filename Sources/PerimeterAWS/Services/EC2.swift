/// EC2's operations on security groups and on what has them.
struct EC2: Sendable {
    let client: AWSClient

    typealias Filter = (name: String, values: [String])

    private func listing<Answer: Decodable, Entry>(
        _ action: String, _ answer: Answer.Type, entries: (Answer) -> [Entry], next: (Answer) -> String?,
        pageSize: Int? = nil, _ fill: (inout QueryParameters) -> Void
    ) async throws(AWSError) -> [Entry] {
        try await AWSClient.pages("ec2 \(action)") { token throws(AWSError) in
            let page = try await client.query(.ec2, action, as: answer) {
                fill(&$0)
                $0.set("NextToken", token)
                $0.set("MaxResults", pageSize)
            }
            return (entries(page), next(page))
        }
    }

    // MARK: Groups

    func securityGroups(_ filters: [Filter]) async throws(AWSError) -> [SecurityGroup] {
        try await listing(
            "DescribeSecurityGroups", SecurityGroupsAnswer.self, entries: { $0.groups?.all ?? [] },
            next: { $0.nextToken }, pageSize: 1000
        ) { $0.filter(filters) }
    }

    func securityGroupRules(_ filters: [Filter]) async throws(AWSError) -> [SecurityGroupRule] {
        try await listing(
            "DescribeSecurityGroupRules", SecurityGroupRulesAnswer.self, entries: { $0.rules?.all ?? [] },
            next: { $0.nextToken }, pageSize: 1000
        ) { $0.filter(filters) }
    }

    /// - Returns: its identifier.
    func createSecurityGroup(
        name: String, description: String, vpc: String?, tags: [(key: String, value: String)]
    ) async throws(AWSError) -> String {
        let answer = try await client.query(.ec2, "CreateSecurityGroup", as: CreatedGroup.self) {
            $0.set("GroupName", name)
            $0.set("GroupDescription", description)
            $0.set("VpcId", vpc)
            guard !tags.isEmpty else { return }
            $0.set("TagSpecification.1.ResourceType", "security-group")
            for (index, tag) in tags.enumerated() {
                $0.set("TagSpecification.1.Tag.\(index + 1).Key", tag.key)
                $0.set("TagSpecification.1.Tag.\(index + 1).Value", tag.value)
            }
        }
        return answer.groupId
    }

    func deleteSecurityGroup(_ group: String) async throws(AWSError) {
        _ = try await client.query(.ec2, "DeleteSecurityGroup", as: Acknowledgement.self) { $0.set("GroupId", group) }
    }

    func authorizeIngress(_ group: String, _ permissions: [IngressPermission]) async throws(AWSError) {
        _ = try await client.query(.ec2, "AuthorizeSecurityGroupIngress", as: Acknowledgement.self) {
            $0.set("GroupId", group)
            for (index, permission) in permissions.enumerated() {
                permission.write("IpPermissions.\(index + 1)", into: &$0)
            }
        }
    }

    func updateDescriptions(_ group: String, _ permissions: [IngressPermission]) async throws(AWSError) {
        _ = try await client.query(.ec2, "UpdateSecurityGroupRuleDescriptionsIngress", as: Acknowledgement.self) {
            $0.set("GroupId", group)
            for (index, permission) in permissions.enumerated() {
                permission.write("IpPermissions.\(index + 1)", into: &$0)
            }
        }
    }

    func revokeIngress(_ group: String, rules: [String]) async throws(AWSError) {
        _ = try await client.query(.ec2, "RevokeSecurityGroupIngress", as: Acknowledgement.self) {
            $0.set("GroupId", group)
            $0.list("SecurityGroupRuleId", rules)
        }
    }

    // MARK: What has groups

    func instances(_ filters: [Filter]) async throws(AWSError) -> [Instance] {
        try await listing(
            "DescribeInstances", InstancesAnswer.self,
            entries: { ($0.reservations?.all ?? []).flatMap { $0.instances?.all ?? [] } }, next: { $0.nextToken },
            pageSize: 1000
        ) { $0.filter(filters) }
    }

    func networkInterfaces(_ filters: [Filter]) async throws(AWSError) -> [NetworkInterface] {
        try await listing(
            "DescribeNetworkInterfaces", NetworkInterfacesAnswer.self, entries: { $0.interfaces?.all ?? [] },
            next: { $0.nextToken }, pageSize: 1000
        ) { $0.filter(filters) }
    }

    /// Replaces all groups of an interface.
    func setGroups(_ groups: [String], ofInterface interface: String) async throws(AWSError) {
        _ = try await client.query(.ec2, "ModifyNetworkInterfaceAttribute", as: Acknowledgement.self) {
            $0.set("NetworkInterfaceId", interface)
            $0.list("SecurityGroupId", groups)
        }
    }

    /// Replaces all groups of an instance's first interface; AWS refuses it where there are several.
    func setGroups(_ groups: [String], ofInstance instance: String) async throws(AWSError) {
        _ = try await client.query(.ec2, "ModifyInstanceAttribute", as: Acknowledgement.self) {
            $0.set("InstanceId", instance)
            $0.list("GroupId", groups)
        }
    }

    // MARK: Networks

    /// The networks of a prefix list.
    func entries(ofPrefixList id: String) async throws(AWSError) -> [String] {
        try await listing(
            "GetManagedPrefixListEntries", PrefixListEntriesAnswer.self,
            entries: { ($0.entries?.all ?? []).map(\.cidr) }, next: { $0.nextToken }, pageSize: 100
        ) { $0.set("PrefixListId", id) }
    }

    func vpcs(_ filters: [Filter]) async throws(AWSError) -> [VPC] {
        try await listing(
            "DescribeVpcs", VPCsAnswer.self, entries: { $0.vpcs?.all ?? [] }, next: { $0.nextToken }, pageSize: 1000
        ) { $0.filter(filters) }
    }
}
