import CoreTypes
import Foundation
import SettingsFile
import Testing

@testable import Perimeter

@Suite struct FileTests {
    static let table: [(role: String, rules: [String])] = [
        (
            "api",
            [
                "tcp 22 from 203.0.113.7/32", "tcp 80 from 0.0.0.0/0", "tcp 80 from ::/0", "tcp 443 from 0.0.0.0/0",
                "tcp 443 from ::/0",
            ]
        ),
        ("database", ["prod-sg-api", "prod-sg-edge", "prod-sg-freeswitch"].map { "tcp 5432 from group:\($0)" }),
        ("edge", ["tcp 22 from 203.0.113.7/32", "tcp 5061 from 0.0.0.0/0", "tcp 5061 from ::/0"]),
        (
            "freeswitch",
            [
                "tcp 22 from 203.0.113.7/32", "tcp 5060 from 0.0.0.0/0", "tcp 5060 from ::/0",
                "tcp 8021 from group:prod-sg-api", "udp 5060 from 0.0.0.0/0", "udp 5060 from ::/0",
                "udp 16384-32768 from 0.0.0.0/0", "udp 16384-32768 from ::/0",
            ]
        ),
        ("redis", ["prod-sg-api", "prod-sg-edge", "prod-sg-freeswitch"].map { "tcp 6379 from group:\($0)" }),
    ]

    @Test("the shipped example says what the table of roles says")
    func exampleSaysTable() throws {
        let example = try Examples.declaration()
        #expect(example.roles.map(\.name) == Self.table.map(\.role))
        for (role, row) in zip(example.roles, Self.table) {
            #expect(example.rules(of: role).map(\.description) == row.rules)
            #expect(role.group == "prod-sg-\(role.name)")
        }
        #expect(example.admin == [try network("203.0.113.7/32")])
        #expect(example.neverCutOff == example.admin)
        #expect(example.provider.aws == .init(region: "us-east-1", vpc: "vpc-0abc"))
        #expect(example.rolesByName["database"]?.members.rds == ["prod-db"])
        #expect(example.rolesByName["api"]?.members.tag == ["Role": "api"])
        #expect(example.privatePorts == [8021, 5432, 6379].map { PortRange($0) })
        #expect(example.buckets.first?.expireAfterDays == 90 && example.buckets.first?.expireOldVersionsAfterDays == 30)
        #expect(example.alarms.map(\.name) == ["failed-ssh", "api-errors", "db-connections"])
        #expect(example.alarms.map(\.effectiveStatistic) == [.sum, .sum, .maximum])
        #expect(example.alarms.allSatisfy { $0.periodSeconds == 300 })
        let freeswitch = try #require(example.rolesByName["freeswitch"])
        #expect(example.why(try rule("tcp 8021 from group:prod-sg-api"), of: freeswitch) == "ESL")
    }

    /// A file that is right but for what stands at the end.
    static let head = """
        admin: [203.0.113.7/32]
        provider: {aws: {vpc: vpc-1}}

        """

    static let slips: [(yaml: String, problem: String)] = [
        ("", "1:1: provider: is missing; add it: {aws: {vpc: vpc-0abc}}"),
        ("provider: {}", "1:11: provider: names nobody to carry out the rules; write either 'aws' or 'nftables'"),
        (
            "provider: {aws: {vpc: v}, nftables: {role: a}}\nroles: {a: {group: g}}",
            "1:11: provider: names two to carry out the rules"
        ),
        ("provider: {aws: {region: eu-west-1}}", "1:17: provider.aws.vpc: is missing"),
        ("provider: {aws: {vpcs: v, vpc: v}}", "1:18: provider.aws.vpcs: unknown key; did you mean 'vpc'?"),
        ("provider: {nftables: {role: api}}", "1:29: provider.nftables.role: there is no role 'api'; add it under"),
        (head + "rolls: {}", "3:1: rolls: unknown key; did you mean 'roles'?"),
        (head + "roles: {a: {allow: []}}", "3:12: roles.a.group: is missing"),
        (
            head + "roles: {a: {group: g}, b: {group: g}}",
            "3:35: roles.b.group: 'g' is the group of role 'a', too; give each role a group of its own"
        ),
        (
            head + "roles: {a: {group: g, allow: [{port: 22, protocol: tcp, from: role:aa}]}}",
            "3:63: roles.a.allow[0].from[0]: there is no role 'aa'; known here: a"
        ),
        (
            head + "roles: {a: {group: g, allow: [{port: 22, protocol: tcp, from: group:g}]}}",
            "3:63: roles.a.allow[0].from[0]: 'g' is the group of role 'a'; write role:a"
        ),
        (
            "provider: {aws: {vpc: v}}\nroles: {a: {group: g, allow: [{port: 22, protocol: tcp, from: admin}]}}",
            "2:63: roles.a.allow[0].from[0]: no admin address is declared; add a line such as 'admin: [203.0.113.7/32]'"
        ),
        (
            head
                + "private_ports: [8021]\nroles: {a: {group: g, allow: [{port: 8000-9000, protocol: tcp, from: anywhere}]}}",
            "4:70: roles.a.allow[0].from: opens 8021 to everybody, and 8021 is one of private_ports; name roles"
        ),
        (
            head
                + "private_ports: [8021]\nroles: {a: {group: g, allow: [{port: 8021, protocol: udp, from: ['0.0.0.0/1', '128.0.0.0/1']}]}}",
            "4:65: roles.a.allow[0].from: opens 8021 to everybody"
        ),
        (
            head + "roles: {a: {group: g, allow: [{port: 22, protocol: tcp, from: '::/0'}]}}",
            "3:63: roles.a.allow[0].from: opens 22 to everybody, and 22 is one of admin_ports; write 'from: admin'"
        ),
        (
            head + "roles: {a: {group: g, allow: [{protocol: all, from: anywhere}]}}",
            "3:53: roles.a.allow[0].from: opens 22 to everybody"
        ),
        (
            head + "roles: {a: {group: g, allow: [{protocol: tcp, from: admin}]}}",
            "3:31: roles.a.allow[0].port: is missing, and tcp has ports; add one such as 22"
        ),
        (
            head + "roles: {a: {group: g, allow: [{port: , protocol: tcp, from: admin}]}}",
            "3:38: roles.a.allow[0].port: is missing, and tcp has ports; add one such as 22"
        ),
        (
            head + "roles: {a: {group: g, allow: [{port: [], protocol: tcp, from: admin}]}}",
            "3:38: roles.a.allow[0].port: is missing, and tcp has ports; add one such as 22"
        ),
        (
            head + "roles: {a: {group: g, allow: [{port: 8, protocol: icmp, from: admin}]}}",
            "3:38: roles.a.allow[0].port: icmp has no ports; leave it out"
        ),
        (
            head + "roles: {a: {group: g, allow: [{port: 80, from: admin}]}}",
            "3:31: roles.a.allow[0].protocol: is missing"
        ),
        (
            head + "roles: {a: {group: g, allow: [{port: 80, protocol: tcp}]}}",
            "3:31: roles.a.allow[0].from: is missing"
        ),
        (
            head + "roles: {a: {group: g, allow: [{port: 80-70, protocol: tcp, from: admin}]}}",
            "3:38: roles.a.allow[0].port[0]: '80-70' is no port from 0 to 65535 and no range of them; write a port or"
        ),
        (
            head + "roles: {a: {group: g, allow: [{port: 80, protocol: tpc, from: admin}]}}",
            "3:52: roles.a.allow[0].protocol[0]: 'tpc' is no protocol; did you mean 'tcp'?"
        ),
        (
            head + "roles: {a: {group: g, allow: [{port: 80, protocol: tcp, from: anyware}]}}",
            "3:63: roles.a.allow[0].from[0]: 'anyware' is nobody known here; did you mean 'anywhere'?"
        ),
        (
            head + "roles: {a: {group: g, allow: [{port: 80, protocol: tcp, from: 10.0.0.1/8}]}}",
            "3:63: roles.a.allow[0].from[0]: '10.0.0.1/8' has bits set beyond its prefix: did you mean 10.0.0.0/8?"
        ),
        ("admin: [0.0.0.0/1, 128.0.0.0/1]\nprovider: {aws: {vpc: v}}", "1:8: admin: is the whole Internet; name the"),
        (
            head + "buckets: [{name: b, encryption: aes}]",
            "3:33: buckets[0].encryption: 'aes' is not known; known here: AES256"
        ),
        (
            head + "buckets: [{name: b, expire_after: 36h}]",
            "3:35: buckets[0].expire_after: 36h won't do; write whole days"
        ),
        (
            head + "buckets: [{name: b, versioning: false, expire_old_versions_after: 3d}]",
            "3:67: buckets[0].expire_old_versions_after: there are no old versions without versioning"
        ),
        (head + "buckets: [{name: b}, {name: b}]", "3:29: buckets[1].name: 'b' stands here twice; buckets[0] has it"),
        (
            head + "alarms: [{name: a, metric: m, namespace: n, threshold: many}]",
            "3:56: alarms[0].threshold: 'many' is not a number"
        ),
        (
            head + "alarms: [{name: a, metric: m, namespace: n, threshold: 1, period: 90s}]",
            "3:67: alarms[0].period: 90s won't do; write 10s, 30s or whole minutes"
        ),
        (
            head + "exceptions: [{finding: rule-unusd, reason: r, until: 2027-01-31}]",
            "3:24: exceptions[0].finding: 'rule-unusd' is not known; did you mean 'rule-unused'?"
        ),
        (
            head + "exceptions: [{finding: rule-unused, reason: r, until: 2027-02-30}]",
            "3:55: exceptions[0].until: '2027-02-30' is no day of the calendar; write a day such as 2027-01-31"
        ),
        (head + "exceptions: [{finding: rule-unused, until: 2027-01-31}]", "3:14: exceptions[0].reason: is missing"),
        (head + "exceptions: [{finding: rule-unused, reason: r}]", "3:14: exceptions[0].until: is missing"),
        (
            head + "exceptions: [{finding: rule-unused, role: a, reason: r, until: 2027-01-31}]",
            "3:43: exceptions[0].role: there is no role 'a'"
        ),
        (
            "provider: {nftables: {role: a}}\nroles:\n  a: {group: a, allow: [{port: 1, protocol: tcp, from: role:b}]}\n  b: {group: b}",
            "3:56: roles.a.allow[0].from[0]: nobody knows the addresses of role 'b', and nftables knows nothing else"
        ),
        (
            "provider: {nftables: {role: a}}\nroles:\n  a: {group: a, allow: [{port: 1, protocol: tcp, from: prefix-list:pl-1}]}",
            "3:56: roles.a.allow[0].from[0]: nftables knows addresses only; name the networks"
        ),
    ]

    @Test("a slip is named with its place and its mend", arguments: slips)
    func slipNamed(yaml: String, problem: String) throws {
        let error = try #require(throws: ConfigurationError.self) { try Declaration.parse(yaml, file: "p.yaml") }
        #expect(error.problems.contains { $0.description.hasPrefix("p.yaml:" + problem) }, "\(error)")
        #expect(error.problems.allSatisfy { !$0.mend.isEmpty })
    }

    @Test("every problem is said at once, in the order of the file")
    func everyProblemAtOnce() throws {
        let yaml = """
            admin: [nobody]
            provider: {aws: {vpc: v}}
            roles:
              a: {group: g, allow: [{port: x, protocol: tcp, from: role:z}]}
            alarms: [{name: a}]
            """
        let error = try #require(throws: ConfigurationError.self) { try Declaration.parse(yaml, file: "p.yaml") }
        #expect(error.problems.map(\.line) == [1, 4, 4, 5, 5, 5])
    }

    @Test("single values and lists are read alike")
    func singleValuesAndLists() throws {
        let one = try Declaration.parse(
            Self.head + "roles: {a: {group: g, allow: [{port: 80, protocol: tcp, from: admin}]}}", file: "p")
        let list = try Declaration.parse(
            Self.head + "roles: {a: {group: g, allow: [{port: [80], protocol: [tcp], from: [admin]}]}}", file: "p")
        #expect(one == list)
    }
}
