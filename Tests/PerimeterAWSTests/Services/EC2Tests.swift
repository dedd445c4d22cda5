import Testing
import TestSupport

@testable import PerimeterAWS

extension PerimeterAWSTests {
    @Suite("EC2 against moto", .needsMoto) struct EC2Tests {
        /// A network with a group in it.
        private static let scene = """
            ec2 = client("ec2")
            vpc = ec2.create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
            subnet = ec2.create_subnet(VpcId=vpc, CidrBlock="10.0.1.0/24")["Subnet"]["SubnetId"]
            group = ec2.create_security_group(GroupName="shared", Description="both", VpcId=vpc)["GroupId"]
            instance = ec2.run_instances(
                ImageId="ami-12c6146b", MinCount=1, MaxCount=1, SubnetId=subnet, SecurityGroupIds=[group],
                TagSpecifications=[{"ResourceType": "instance", "Tags": [{"Key": "Role", "Value": "api"}]}])
            instance = instance["Instances"][0]["InstanceId"]
            prefixes = ec2.create_managed_prefix_list(
                PrefixListName="trunks", MaxEntries=5, AddressFamily="IPv4",
                Entries=[{"Cidr": "198.51.100.0/24", "Description": "x"}, {"Cidr": "192.0.2.7/32"}])
            result = {"vpc": vpc, "group": group, "instance": instance,
                      "prefixes": prefixes["PrefixList"]["PrefixListId"]}
            """

        private static func with<Value>(
            _ run: (EC2, [String: String]) async throws -> Value
        ) async throws -> Value {
            let moto = try await Moto.shared()
            guard let names = try moto.python(scene) as? [String: String] else { throw Failure("no scene") }
            return try await AWSClient.with(try moto.settings(TestSurroundings())) { client in
                try await run(EC2(client: client), names)
            }
        }

        @Test("another secret is refused, and the message says whose key it was")
        func wrongSecret() async throws {
            let moto = try await Moto.shared()
            let settings = try moto.settings(TestSurroundings(), secret: "not the secret")
            let error = await #expect(throws: AWSError.self) {
                try await AWSClient.with(settings) { try await EC2(client: $0).vpcs([]).count }
            }
            #expect(error?.code == "AuthFailure")
            #expect(error?.fault == .caller)
            #expect(error?.advice == "check access key \(moto.accessKeyID) from the environment")
            #expect(error?.description.contains("not the secret") == false)
        }

        @Test("rules of every kind of source are made, read back and revoked by their ids")
        func rules() async throws {
            try await Self.with { ec2, names in
                let group = try #require(names["group"])
                let prefixes = try #require(names["prefixes"])
                let made = [
                    IngressPermission(
                        ipProtocol: "tcp", fromPort: 22, toPort: 22, source: .ipv4("203.0.113.7/32"),
                        description: " SSH (a&b) "),
                    IngressPermission(
                        ipProtocol: "udp", fromPort: 16384, toPort: 32768, source: .ipv6("::/0"), description: "RTP"),
                    IngressPermission(ipProtocol: "-1", source: .group(group, owner: nil), description: nil),
                    IngressPermission(ipProtocol: "tcp", fromPort: 5060, toPort: 5060, source: .prefixList(prefixes)),
                    IngressPermission(ipProtocol: "icmp", fromPort: 8, toPort: -1, source: .ipv4("0.0.0.0/0")),
                ]
                try await ec2.authorizeIngress(group, made)
                let rules = try await ec2.securityGroupRules([("group-id", [group])]).filter { $0.isEgress == false }
                #expect(rules.count == made.count)
                let ssh = try #require(rules.first { $0.cidrIpv4 == "203.0.113.7/32" })
                #expect(ssh.ipProtocol == "tcp")
                #expect(ssh.fromPort == 22)
                #expect(ssh.description == " SSH (a&b) ")
                #expect(rules.first { $0.cidrIpv6 == "::/0" }?.toPort == 32768)
                #expect(rules.first { $0.referencedGroupInfo?.groupId == group }?.ipProtocol == "-1")
                #expect(rules.first { $0.prefixListId == prefixes }?.fromPort == 5060)

                try await ec2.revokeIngress(
                    group, rules: rules.map(\.securityGroupRuleId).filter { $0 != ssh.securityGroupRuleId })
                let left = try await ec2.securityGroupRules([("group-id", [group])]).filter { $0.isEgress == false }
                #expect(left == [ssh])
            }
        }

        @Test("what is there already, or gone, is told by AWS's own codes")
        func twice() async throws {
            try await Self.with { ec2, names in
                let group = try #require(names["group"])
                let rule = IngressPermission(
                    ipProtocol: "tcp", fromPort: 22, toPort: 22, source: .ipv4("203.0.113.7/32"))
                try await ec2.authorizeIngress(group, [rule])
                let again = await #expect(throws: AWSError.self) { try await ec2.authorizeIngress(group, [rule]) }
                #expect(again?.code == "InvalidPermission.Duplicate")
                let sameName = await #expect(throws: AWSError.self) {
                    try await ec2.createSecurityGroup(name: "shared", description: "x", vpc: names["vpc"], tags: [])
                }
                #expect(sameName?.code == "InvalidGroup.Duplicate")
                let nobody = await #expect(throws: AWSError.self) {
                    try await ec2.deleteSecurityGroup("sg-0123456789abcdef0")
                }
                #expect(nobody?.code == "InvalidGroup.NotFound")
            }
        }

        @Test("a group is made with tags, and given to an instance in place of the shared one")
        func membership() async throws {
            try await Self.with { ec2, names in
                let vpc = try #require(names["vpc"])
                let made = try await ec2.createSecurityGroup(
                    name: "prod-sg-api", description: "api", vpc: vpc, tags: [("sallyport:role", "api"), ("b", "c d")])
                let groups = try await ec2.securityGroups([("vpc-id", [vpc])])
                let group = try #require(groups.first { $0.groupId == made })
                #expect(Set(group.tags.map { "\($0.key)=\($0.value ?? "")" }) == ["sallyport:role=api", "b=c d"])
                #expect(groups.contains { $0.groupName == "default" })

                let instance = try #require(try await ec2.instances([("vpc-id", [vpc])]).first)
                #expect(instance.instanceId == names["instance"])
                #expect(instance.tags.value(of: "Role") == "api")
                let interface = try #require(instance.networkInterfaceSet?.all.first)
                try await ec2.setGroups([made], ofInstance: instance.instanceId)
                try await ec2.setGroups([made], ofInterface: interface.networkInterfaceId)
                let changed = try await ec2.networkInterfaces([("vpc-id", [vpc])])
                #expect(changed.map(\.groups) == [[made]])
                #expect(changed.first?.attachment?.instanceId == instance.instanceId)
                try await ec2.deleteSecurityGroup(try #require(names["group"]))
            }
        }

        @Test("the networks of a prefix list are read")
        func prefixLists() async throws {
            try await Self.with { ec2, names in
                let id = try #require(names["prefixes"])
                #expect(try await Set(ec2.entries(ofPrefixList: id)) == ["198.51.100.0/24", "192.0.2.7/32"])
            }
        }

        @Test(
            "a description keeps what EC2 takes",
            arguments: [
                ("SSH (ops) a&b; x=y/z_*", "SSH (ops) a&b; x=y/z_*"), ("Öl<1>\n\"q\"", "-l-1---q-"),
                (String(repeating: "a", count: 300), String(repeating: "a", count: 255)),
            ])
        func description(_ text: String, _ fitting: String) {
            #expect(IngressPermission.fitting(text) == fitting)
        }
    }
}
