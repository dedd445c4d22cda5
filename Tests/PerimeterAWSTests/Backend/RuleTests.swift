import CoreTypes
import Perimeter
import Testing

@testable import PerimeterAWS

extension PerimeterAWSTests {
    /// What EC2 has and what the model says are each other's translation.
    @Suite struct RuleTests {
        private static func rule(
            _ ipProtocol: String, _ from: Int?, _ to: Int?, ipv4: String? = nil, ipv6: String? = nil,
            list: String? = nil,
            group: SecurityGroupRule.Reference? = nil
        ) -> SecurityGroupRule {
            SecurityGroupRule(
                securityGroupRuleId: "sgr-1", groupId: "sg-1", isEgress: false, ipProtocol: ipProtocol, fromPort: from,
                toPort: to, cidrIpv4: ipv4, cidrIpv6: ipv6, prefixListId: list, referencedGroupInfo: group,
                description: nil)
        }

        private static func reference(_ group: String, _ owner: String?) -> SecurityGroupRule.Reference {
            SecurityGroupRule.Reference(groupId: group, userId: owner)
        }

        @Test(
            "rules of EC2 are read and told back",
            arguments: [
                (rule("tcp", 22, 22, ipv4: "203.0.113.7/32"), "tcp 22 from 203.0.113.7/32"),
                (rule("udp", 16384, 32768, ipv6: "::/0"), "udp 16384-32768 from ::/0"),
                (rule("-1", -1, -1, group: reference("sg-2", "111")), "all from group:sg-2"),
                (rule("-1", nil, nil, group: reference("sg-2", "222")), "all from group:222/sg-2"),
                (rule("icmp", 8, -1, ipv4: "0.0.0.0/0"), "icmp 8 from 0.0.0.0/0"),
                (rule("icmp", -1, -1, ipv4: "0.0.0.0/0"), "icmp from 0.0.0.0/0"),
                (rule("icmp", 3, 4, ipv4: "0.0.0.0/0"), "icmp 3/4 from 0.0.0.0/0"),
                (rule("icmpv6", 128, 0, ipv6: "2001:db8::/32"), "icmpv6 128/0 from 2001:db8::/32"),
                (rule("50", nil, nil, ipv4: "198.51.100.0/24"), "50 from 198.51.100.0/24"),
                (rule("tcp", 5060, 5060, list: "pl-1"), "tcp 5060 from prefix-list:pl-1"),
                (rule("tcp", 0, 65535, ipv4: "10.0.0.1/8"), "tcp 0-65535 from 10.0.0.0/8"),
                (rule("58", -1, -1, ipv6: "::/0"), "icmpv6 from ::/0"),
            ])
        func thereAndBack(_ theirs: SecurityGroupRule, _ text: String) throws {
            let rule = try Rule(theirs, account: "111")
            #expect("\(rule)" == text)
            let permission = try rule.permission(nil)
            let again = SecurityGroupRule(
                securityGroupRuleId: "sgr-2", groupId: "sg-1", isEgress: false, ipProtocol: permission.ipProtocol,
                fromPort: permission.fromPort, toPort: permission.toPort, cidrIpv4: permission.ipv4,
                cidrIpv6: permission.ipv6, prefixListId: permission.prefixList,
                referencedGroupInfo: permission.group.map { Self.reference($0.id, $0.owner ?? "111") }, description: nil
            )
            #expect(try Rule(again, account: "111") == rule)
        }

        @Test(
            "what the model can't say is an error, not a rule left out",
            arguments: [
                rule("tcp", 22, 22), rule("tcp", 22, 22, ipv4: "nonsense"), rule("tcp", 22, 22, ipv4: "10.0.0.0/33"),
                rule("quic", 22, 22, ipv4: "10.0.0.0/8"), rule("tcp", 70000, 70000, ipv4: "10.0.0.0/8"),
                rule("icmp", 300, 0, ipv4: "10.0.0.0/8"), rule("tcp", 22, 22, group: reference("", nil)),
            ])
        func strange(_ theirs: SecurityGroupRule) {
            let error = #expect(throws: AWSError.self) { try Rule(theirs, account: nil) }
            #expect(error?.code == "BadAnswer")
        }
    }
}

extension IngressPermission {
    fileprivate var ipv4: String? { if case .ipv4(let network) = source { network } else { nil } }
    fileprivate var ipv6: String? { if case .ipv6(let network) = source { network } else { nil } }
    fileprivate var prefixList: String? { if case .prefixList(let id) = source { id } else { nil } }
    fileprivate var group: (id: String, owner: String?)? {
        if case .group(let id, let owner) = source { (id, owner) } else { nil }
    }
}
