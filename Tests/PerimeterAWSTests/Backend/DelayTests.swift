import Perimeter
import Testing
import TestSupport

@testable import PerimeterAWS

extension PerimeterAWSTests {
    /// What EC2 does and moto does not: shows changes late, loses answers, refuses. Said by a real HTTP server.
    @Suite(.needsPython) struct DelayTests {
        private static let source = Source("203.0.113.7/32") ?? .group("")
        private static let ssh = Rule(protocol: .tcp, ports: PortRange(22), source: source)
        private static let group = GroupReference(id: "sg-1", name: "g")

        private static func answer(_ action: String, _ content: String) -> FakeService.Answer {
            FakeService.Answer(body: "<\(action)Response>\(content)</\(action)Response>")
        }
        private static let groups = answer(
            "DescribeSecurityGroups",
            "<securityGroupInfo><item><groupId>sg-1</groupId><groupName>g</groupName><ownerId>1</ownerId></item>"
                + "</securityGroupInfo>")
        private static let noGroups = answer("DescribeSecurityGroups", "<securityGroupInfo/>")
        private static let noRules = answer("DescribeSecurityGroupRules", "<securityGroupRuleSet/>")
        private static let rules = answer(
            "DescribeSecurityGroupRules",
            "<securityGroupRuleSet><item><securityGroupRuleId>sgr-1</securityGroupRuleId><groupId>sg-1</groupId>"
                + "<isEgress>false</isEgress><ipProtocol>tcp</ipProtocol><fromPort>22</fromPort><toPort>22</toPort>"
                + "<cidrIpv4>203.0.113.7/32</cidrIpv4></item></securityGroupRuleSet>")
        private static let authorized = answer("AuthorizeSecurityGroupIngress", "<return>true</return>")
        private static let revoked = answer("RevokeSecurityGroupIngress", "<return>true</return>")

        /// Carries a change out.
        private static func carryOut(
            _ change: Change, _ routes: [String: [FakeService.Answer]]
        ) async throws -> (error: AWSError?, actions: [String], pauses: [Duration]) {
            let service = try await FakeService(
                routes.merging(["DescribeSecurityGroups": [groups]]) { first, _ in first })
            let test = try TestSurroundings()
            let perimeter = try AWSPerimeter(
                Declaration.AWS(region: "us-east-1", vpc: "vpc-1", endpoint: service.url),
                in: test.surroundings(TestSurroundings.keys))
            var failure: AWSError?
            do throws(AWSError) { try await perimeter.carryOut(change) } catch { failure = error }
            try await perimeter.close()
            return (failure, try service.requests().compactMap { $0.field("Action") }, test.pauses)
        }

        @Test("a rule that is seen late is waited for")
        func late() async throws {
            let seen = try await Self.carryOut(
                .authorize(Self.group, Self.ssh, description: nil),
                [
                    "DescribeSecurityGroupRules": [Self.noRules, Self.noRules, Self.noRules, Self.rules],
                    "AuthorizeSecurityGroupIngress": [Self.authorized],
                ])
            #expect(seen.error == nil)
            #expect(seen.pauses == [.milliseconds(200), .milliseconds(500)])
        }

        @Test("a rule that is never seen is not said to be there")
        func never() async throws {
            let seen = try await Self.carryOut(
                .authorize(Self.group, Self.ssh, description: nil),
                ["DescribeSecurityGroupRules": [Self.noRules], "AuthorizeSecurityGroupIngress": [Self.authorized]])
            #expect(seen.error?.code == "NotDone")
            #expect(seen.pauses.count == 6)
        }

        @Test("a rule that stays in spite of its revocation is told")
        func stays() async throws {
            let seen = try await Self.carryOut(
                .revoke(Self.group, Self.ssh, ruleID: "sgr-1", description: nil),
                ["DescribeSecurityGroupRules": [Self.rules], "RevokeSecurityGroupIngress": [Self.revoked]])
            #expect(seen.error?.code == "NotDone")
            #expect(seen.error?.message.contains("tcp 22 from 203.0.113.7/32 is gone from g") == true)
        }

        @Test(
            "an answer that says 'there already' or 'gone' counts when a look says so, too",
            arguments: [
                (
                    Change.authorize(group, ssh, description: nil), "AuthorizeSecurityGroupIngress",
                    "InvalidPermission.Duplicate", [noRules, rules], nil
                ),
                (
                    .authorize(group, ssh, description: nil), "AuthorizeSecurityGroupIngress",
                    "InvalidPermission.Duplicate", [noRules], "NotDone"
                ),
                (
                    .revoke(group, ssh, ruleID: "sgr-1", description: nil), "RevokeSecurityGroupIngress",
                    "InvalidSecurityGroupRuleId.NotFound", [rules, noRules], nil
                ),
                (
                    .revoke(group, ssh, ruleID: "sgr-1", description: nil), "RevokeSecurityGroupIngress",
                    "InvalidPermission.NotFound", [rules], "NotDone"
                ),
                (
                    .authorize(group, ssh, description: nil), "AuthorizeSecurityGroupIngress",
                    "RulesPerSecurityGroupLimitExceeded", [noRules], "RulesPerSecurityGroupLimitExceeded"
                ),
            ] as [(Change, String, String, [FakeService.Answer], String?)])
        func otherHands(
            _ change: Change, _ action: String, _ code: String, _ looks: [FakeService.Answer], _ outcome: String?
        ) async throws {
            let seen = try await Self.carryOut(
                change, ["DescribeSecurityGroupRules": looks, action: [.error(400, code)]])
            #expect(seen.error?.code == outcome)
            #expect(seen.actions.count { $0 == action } == 1)
        }

        @Test("an answer that got lost is no failure when the look after the next try says that it is done")
        func lost() async throws {
            let seen = try await Self.carryOut(
                .authorize(Self.group, Self.ssh, description: nil),
                [
                    "DescribeSecurityGroupRules": [Self.noRules, Self.rules],
                    "AuthorizeSecurityGroupIngress": [
                        FakeService.Answer(body: "<Authorize", length: 500), .error(400, "InvalidPermission.Duplicate"),
                    ],
                ])
            #expect(seen.error == nil)
        }

        @Test("a group that somebody still carries is not taken away, and that is said")
        func carried() async throws {
            let seen = try await Self.carryOut(
                .deleteGroup(Self.group, description: "", vpc: nil),
                ["DeleteSecurityGroup": [.error(400, "DependencyViolation", "resource sg-1 has a dependent object")]])
            #expect(seen.error?.code == "DependencyViolation")
            #expect(seen.error?.advice == "something still carries the group or refers to it")
        }

        @Test("a group that another hand makes at the same time is taken")
        func madeByOthers() async throws {
            let seen = try await Self.carryOut(
                .createGroup(GroupReference(name: "g"), description: "x", vpc: "vpc-1"),
                [
                    "DescribeSecurityGroups": [Self.noGroups, Self.groups],
                    "CreateSecurityGroup": [.error(400, "InvalidGroup.Duplicate")],
                ])
            #expect(seen.error == nil)
        }

        @Test("a database of a cluster changes with its cluster")
        func cluster() async throws {
            func databases(_ group: String) -> FakeService.Answer {
                Self.answer(
                    "DescribeDBInstances",
                    "<DescribeDBInstancesResult><DBInstances><DBInstance><DBInstanceIdentifier>db</DBInstanceIdentifier>"
                        + "<DBClusterIdentifier>aurora</DBClusterIdentifier><VpcSecurityGroups><VpcSecurityGroupMembership>"
                        + "<VpcSecurityGroupId>sg-0</VpcSecurityGroupId><Status>active</Status>"
                        + "</VpcSecurityGroupMembership>\(group)</VpcSecurityGroups></DBInstance></DBInstances>"
                        + "</DescribeDBInstancesResult>")
            }
            let added =
                "<VpcSecurityGroupMembership><VpcSecurityGroupId>sg-1</VpcSecurityGroupId><Status>adding</Status>"
                + "</VpcSecurityGroupMembership>"
            let seen = try await Self.carryOut(
                .attach(MemberReference(kind: .rds, id: "db"), Self.group),
                [
                    "DescribeDBInstances": [databases(""), databases(added)],
                    "ModifyDBCluster": [Self.answer("ModifyDBCluster", "")],
                ])
            #expect(seen.error == nil)
            #expect(seen.actions.filter { $0.hasPrefix("Modify") } == ["ModifyDBCluster"])
        }

        @Test("an instance with two interfaces is changed at both, one by one")
        func twoInterfaces() async throws {
            func interface(_ id: String, _ groups: [String]) -> String {
                let items = groups.map { "<item><groupId>\($0)</groupId></item>" }.joined()
                return "<item><networkInterfaceId>\(id)</networkInterfaceId><groupSet>\(items)</groupSet></item>"
            }
            func look(_ interfaces: String...) -> FakeService.Answer {
                Self.answer(
                    "DescribeNetworkInterfaces", "<networkInterfaceSet>\(interfaces.joined())</networkInterfaceSet>")
            }
            let (first, second) = (interface("eni-1", ["sg-0"]), interface("eni-2", ["sg-0", "sg-2"]))
            let seen = try await Self.carryOut(
                .attach(MemberReference(kind: .instance, id: "i-1"), Self.group),
                [
                    "DescribeNetworkInterfaces": [
                        look(first, second), look(first), look(interface("eni-1", ["sg-0", "sg-1"])), look(second),
                        look(interface("eni-2", ["sg-0", "sg-1", "sg-2"])),
                    ],
                    "ModifyNetworkInterfaceAttribute": [Self.answer("ModifyNetworkInterfaceAttribute", "")],
                ])
            #expect(seen.error == nil)
            #expect(
                seen.actions.filter { $0.hasPrefix("Modify") }
                    == Array(repeating: "ModifyNetworkInterfaceAttribute", count: 2))
            #expect(seen.pauses.isEmpty)
        }

        @Test("a plan for another network is not carried out here")
        func otherNetwork() async throws {
            let seen = try await Self.carryOut(
                .createGroup(GroupReference(name: "g"), description: "x", vpc: "vpc-2"), [:])
            #expect(seen.error?.code == "BadSettings")
            #expect(seen.actions.isEmpty)
        }
    }
}
