import CoreTypes
import Testing

@testable import Perimeter

@Suite struct AuditTests {
    static func findings(_ state: Observation, _ declared: Declaration? = nil) throws -> [Finding] {
        Audit.findings(try declared ?? Examples.declaration(), state, today: Examples.today)
    }

    static func short(_ findings: [Finding]) -> [String] {
        findings.map { finding in
            [finding.id.rawValue, finding.severity.rawValue, finding.role, finding.group, finding.rule?.description]
                .compactMap { $0 }.joined(separator: " ")
        }
    }

    @Test("a state that is as declared has no findings")
    func asDeclaredHasNone() throws {
        #expect(try Self.findings(try Examples.declaredState()) == [])
    }

    @Test("the same said otherwise has none either")
    func sameSaidOtherwise() throws {
        var state = try Examples.declaredState()
        let rules = [
            "tcp 22 from 203.0.113.7/32", "tcp 80 from 0.0.0.0/1", "tcp 80 from 128.0.0.0/1", "tcp 80 from ::/0",
            "tcp 443 from 0.0.0.0/0", "tcp 443 from ::/1", "tcp 443 from 8000::/1",
        ]
        try state.change("prod-sg-api") { group in
            group.ingress = try rules.map { ObservedRule(rule: try rule($0), id: $0) }
        }
        #expect(try Self.findings(state) == [])
    }

    @Test("the incident is found, all of it")
    func incidentIsFound() throws {
        #expect(
            Set(Self.short(try Self.findings(try Examples.incident()))) == [
                "admin-open-to-world critical api prod-sg tcp 22 from 0.0.0.0/0",
                "private-port-exposed critical api prod-sg tcp 8021 from 0.0.0.0/0",
                "admin-open-to-world critical database prod-sg tcp 22 from 0.0.0.0/0",
                "private-port-exposed critical database prod-sg tcp 8021 from 0.0.0.0/0",
                "admin-open-to-world critical freeswitch prod-sg tcp 22 from 0.0.0.0/0",
                "private-port-exposed critical freeswitch prod-sg tcp 8021 from 0.0.0.0/0",
                "group-shared high prod-sg",
                "bucket-public high prod-recordings",
                "bucket-unencrypted high prod-recordings",
                "sip-on-other-role high api prod-sg tcp 5060 from 0.0.0.0/0",
                "sip-on-other-role high api prod-sg udp 5060 from 0.0.0.0/0",
                "sip-on-other-role high api prod-sg udp 16384-32768 from 0.0.0.0/0",
                "reference-missing high api prod-sg-api",
                "port-undeclared high database prod-sg tcp 80 from 0.0.0.0/0",
                "port-undeclared high database prod-sg tcp 443 from 0.0.0.0/0",
                "sip-on-other-role high database prod-sg tcp 5060 from 0.0.0.0/0",
                "sip-on-other-role high database prod-sg udp 5060 from 0.0.0.0/0",
                "sip-on-other-role high database prod-sg udp 16384-32768 from 0.0.0.0/0",
                "reference-missing high database prod-sg-database",
                "reference-missing high edge prod-sg-edge",
                "port-undeclared high freeswitch prod-sg tcp 80 from 0.0.0.0/0",
                "port-undeclared high freeswitch prod-sg tcp 443 from 0.0.0.0/0",
                "reference-missing high freeswitch prod-sg-freeswitch",
                "reference-missing high redis prod-sg-redis",
                "private-port-exposed high api prod-sg tcp 5432 from group:prod-sg",
                "private-port-exposed high database prod-sg tcp 5432 from group:prod-sg",
                "private-port-exposed high freeswitch prod-sg tcp 5432 from group:prod-sg",
                "alarm-missing medium api-errors", "alarm-missing medium db-connections",
                "alarm-missing medium failed-ssh",
                "bucket-lifecycle medium prod-recordings", "bucket-unversioned medium prod-recordings",
            ])
    }

    struct Drift: Sendable, CustomTestStringConvertible {
        var testDescription: String
        var change: @Sendable (inout Observation) throws -> Void
        var found: [String]

        init(_ name: String, _ found: [String], _ change: @escaping @Sendable (inout Observation) throws -> Void) {
            testDescription = name
            self.change = change
            self.found = found
        }
    }

    static let drifts: [Drift] = [
        Drift("SSH open to IPv6", ["admin-open-to-world critical edge prod-sg-edge tcp 22 from ::/0"]) {
            try $0.open("prod-sg-edge", "tcp 22 from ::/0")
        },
        Drift("SSH open in halves", ["admin-open-to-world critical edge prod-sg-edge tcp 22 from 0.0.0.0/1"]) {
            try $0.open("prod-sg-edge", "tcp 22 from 0.0.0.0/1", "tcp 22 from 128.0.0.0/1")
        },
        Drift("SSH open to half the world", ["admin-wider-than-declared high edge prod-sg-edge tcp 22 from 0.0.0.0/1"])
        {
            try $0.open("prod-sg-edge", "tcp 22 from 0.0.0.0/1")
        },
        Drift("SSH open to a neighbor", ["admin-wider-than-declared high api prod-sg-api tcp 22 from 203.0.113.6/31"]) {
            try $0.open("prod-sg-api", "tcp 22 from 203.0.113.6/31")
        },
        Drift("SSH open inside", ["admin-wider-than-declared medium api prod-sg-api tcp 22 from 10.0.0.0/8"]) {
            try $0.open("prod-sg-api", "tcp 22 from 10.0.0.0/8")
        },
        Drift(
            "the world cut around the declared address",
            ["admin-open-to-world critical api prod-sg-api tcp 22 from 0.0.0.0/1"]
        ) { state in
            let all = AddressSet(try network("0.0.0.0/0")).subtracting(AddressSet(try network("203.0.113.7/32")))
            for network in all.networks { try state.open("prod-sg-api", "tcp 22 from \(network)") }
        },
        Drift(
            "the database open to a machine",
            ["private-port-exposed high database prod-sg-database tcp 5432 from 10.0.0.5/32"]
        ) {
            try $0.open("prod-sg-database", "tcp 5432 from 10.0.0.5/32")
        },
        Drift(
            "Redis open to a group of nobody's",
            ["private-port-exposed high redis prod-sg-redis tcp 6379 from group:default"]
        ) {
            try $0.open("prod-sg-redis", "tcp 6379 from group:sg-default")
        },
        Drift(
            "the database open outside",
            ["private-port-exposed critical database prod-sg-database tcp 5432 from 8.8.8.8/32"]
        ) {
            try $0.open("prod-sg-database", "tcp 5432 from 8.8.8.8/32")
        },
        Drift(
            "everything open",
            [
                "admin-open-to-world critical api prod-sg-api all from 0.0.0.0/0",
                "private-port-exposed critical api prod-sg-api all from 0.0.0.0/0",
                "port-undeclared high api prod-sg-api all from 0.0.0.0/0",
                "sip-on-other-role high api prod-sg-api all from 0.0.0.0/0",
            ]
        ) { try $0.open("prod-sg-api", "all from 0.0.0.0/0") },
        Drift("SIP on the API", ["sip-on-other-role high api prod-sg-api udp 5060 from 0.0.0.0/0"]) {
            try $0.open("prod-sg-api", "udp 5060 from 0.0.0.0/0")
        },
        Drift(
            "SIP over TLS where only SIP is declared",
            ["port-undeclared high freeswitch prod-sg-freeswitch tcp 5061 from ::/0"]
        ) {
            try $0.open("prod-sg-freeswitch", "tcp 5061 from ::/0")
        },
        Drift(
            "media a little wider",
            ["port-undeclared high freeswitch prod-sg-freeswitch udp 16000-32768 from 0.0.0.0/0"]
        ) {
            try $0.open("prod-sg-freeswitch", "udp 16000-32768 from 0.0.0.0/0")
        },
        Drift("a rule taken away", ["rule-missing medium api prod-sg-api tcp 443 from ::/0"]) {
            $0.change("prod-sg-api") { $0.ingress.removeAll { $0.rule.description == "tcp 443 from ::/0" } }
        },
        Drift(
            "a group that is gone", ["reference-missing medium redis prod-sg-redis tcp 6379 from group:sg-gone"]
        ) { try $0.open("prod-sg-redis", "tcp 6379 from group:sg-gone") },
        Drift(
            "a role's group that is gone",
            ["reference-missing high redis prod-sg-redis"]
        ) { state in
            state.groups.removeAll { $0.name == "prod-sg-redis" }
            for index in state.members.indices { state.members[index].groups.removeAll { $0 == "sg-4" } }
        },
        Drift("a group on nothing", ["rule-unused low legacy"]) {
            $0.groups.append(
                ObservedGroup(id: "sg-9", name: "legacy", ingress: [ObservedRule(rule: try rule("tcp 1 from ::/0"))]))
        },
        Drift("an empty group on nothing", []) { $0.groups.append(ObservedGroup(id: "sg-9", name: "legacy")) },
        Drift("a harmless group beside the own one", []) { state in
            state.groups.append(
                ObservedGroup(
                    id: "sg-9", name: "web", ingress: [ObservedRule(rule: try rule("tcp 443 from ::/0"))],
                    usedBy: ["i-api"]))
            state.members[0].groups.append("sg-9")
        },
        Drift("the default group on somebody else's machine", ["default-group-used medium default"]) {
            $0.members.append(Member(kind: .instance, id: "i-other", groups: ["sg-default"]))
        },
        Drift(
            "a machine of nobody's, open to everybody",
            [
                "admin-open-to-world critical bastion tcp 22 from ::/0",
                "private-port-exposed critical bastion all from 0.0.0.0/1",
            ]
        ) { state in
            let rules = ["tcp 22 from ::/0", "all from 0.0.0.0/1", "all from 128.0.0.0/1", "tcp 80 from ::/0"]
            state.groups.append(
                ObservedGroup(
                    id: "sg-9", name: "bastion", ingress: try rules.map { ObservedRule(rule: try rule($0), id: $0) },
                    usedBy: ["eni-9"]))
        },
        Drift("the default group on an unknown interface", ["default-group-used medium default"]) {
            $0.change("default") { $0.usedBy = ["eni-1"] }
        },
        Drift(
            "a role's group on another role's machine",
            [
                "private-port-exposed high edge prod-sg-freeswitch tcp 8021 from group:prod-sg-api",
                "group-shared high freeswitch prod-sg-freeswitch",
                "port-undeclared high edge prod-sg-freeswitch tcp 5060 from 0.0.0.0/0",
                "port-undeclared high edge prod-sg-freeswitch tcp 5060 from ::/0",
                "port-undeclared high edge prod-sg-freeswitch udp 5060 from 0.0.0.0/0",
                "port-undeclared high edge prod-sg-freeswitch udp 5060 from ::/0",
                "port-undeclared high edge prod-sg-freeswitch udp 16384-32768 from 0.0.0.0/0",
                "port-undeclared high edge prod-sg-freeswitch udp 16384-32768 from ::/0",
            ]
        ) { state in
            for index in state.members.indices where state.members[index].id == "i-edge" {
                state.members[index].groups.append("prod-sg-freeswitch")
            }
        },
        Drift(
            "a member without its group",
            ["rule-missing medium redis prod-sg-redis"]
        ) { state in
            state.members.removeAll { $0.id == "prod-redis" }
            state.members.append(Member(kind: .elasticache, id: "prod-redis", groups: ["sg-x"]))
        },
        Drift("a role of nobody yet", []) { state in
            state.members.removeAll { $0.id == "prod-redis" }
            state.change("prod-sg-redis") { $0.usedBy = [] }
        },
        Drift("an unblocked bucket", ["bucket-public high prod-recordings"]) {
            $0.buckets[0].publicAccessBlocked?.restrictPublicBuckets = false
        },
        Drift("a bucket without a key", ["bucket-unencrypted high prod-recordings"]) { $0.buckets[0].encryption = nil },
        Drift("a bucket with a better key", []) { $0.buckets[0].encryption = "aws:kms" },
        Drift("suspended versioning", ["bucket-unversioned medium prod-recordings"]) {
            $0.buckets[0].versioning = .suspended
        },
        Drift("a lifecycle for others", ["bucket-lifecycle medium prod-recordings"]) {
            $0.buckets[0].lifecycle[0].isEnabled = false
        },
        Drift("old versions kept", ["bucket-lifecycle medium prod-recordings"]) {
            $0.buckets[0].lifecycle[0].expireOldVersionsAfterDays = nil
        },
        Drift("recordings deleted early", ["bucket-lifecycle medium prod-recordings"]) {
            $0.buckets[0].lifecycle.append(LifecycleRule(id: "x", expireAfterDays: 7))
        },
        Drift("a bucket that may not be read", ["bucket-public medium prod-recordings"]) {
            $0.buckets[0].unreadable = [.publicAccess: "AccessDenied"]
        },
        Drift("no bucket", ["reference-missing high prod-recordings"]) { $0.buckets[0].exists = false },
        Drift("no alarm", ["alarm-missing medium failed-ssh"]) { $0.alarms.removeFirst() },
        Drift("a deaf alarm", ["alarm-missing medium failed-ssh"]) { $0.alarms[0].threshold = 50 },
        Drift("an alarm on another database", ["alarm-missing medium db-connections"]) {
            $0.alarms[2].dimensions = ["DBInstanceIdentifier": "test-db"]
        },
    ]

    @Test("a change by another hand is found, and nothing else", arguments: drifts)
    func changeIsFound(drift: Drift) throws {
        var state = try Examples.declaredState()
        try drift.change(&state)
        let findings = try Self.findings(state)
        #expect(Self.short(findings).sorted() == drift.found.sorted())
        #expect(findings.map(\.severity) == findings.map(\.severity).sorted(by: >))
        #expect(findings.allSatisfy { !$0.evidence.isEmpty && !$0.mend.isEmpty })
    }

    @Test(
        "an exception holds until its last day, then is said to be over",
        arguments: [
            ("2026-11-25", true, "the exception (legacy PBX) ended on 2026-11-25"), ("2026-12-31", false, ""),
        ])
    func exceptionHolds(until: String, isFound: Bool, evidence: String) throws {
        var state = try Examples.declaredState()
        state.groups.append(
            ObservedGroup(id: "sg-9", name: "legacy", ingress: [ObservedRule(rule: try rule("tcp 1 from ::/0"))]))
        for reference in ["legacy", "sg-9", nil] {
            var declared = try Examples.declaration()
            declared.exceptions = [
                .init(finding: .ruleUnused, group: reference, reason: "legacy PBX", until: CalendarDate(until))
            ]
            let today = try #require(CalendarDate("2026-11-26"))
            let findings = Audit.findings(declared, state, today: today)
            #expect(findings.count == (isFound ? 1 : 0))
            #expect(findings.allSatisfy { $0.evidence.hasSuffix(evidence) })
            declared.exceptions[0].finding = .groupShared
            let other = Audit.findings(declared, state, today: today)
            #expect(other.count == 1 && !other[0].evidence.contains("exception"))
        }
    }

    @Test("an exception's last day is part of it")
    func lastDayIsPart() throws {
        var declared = try Examples.declaration()
        var state = try Examples.declaredState()
        try state.open("prod-sg-api", "tcp 22 from ::/0")
        let day = try #require(CalendarDate("2027-01-31"))
        declared.exceptions = [.init(finding: .adminOpenToWorld, role: "api", reason: "r", until: day)]
        #expect(Audit.findings(declared, state, today: day).isEmpty)
        let next = try #require(CalendarDate("2027-02-01"))
        #expect(Audit.findings(declared, state, today: next).count == 1)
        declared.exceptions[0].role = "edge"
        #expect(Audit.findings(declared, state, today: day).count == 1)
    }

    @Test("a prefix list counts as its networks")
    func prefixListCounts() throws {
        var state = try Examples.declaredState()
        try state.open("prod-sg-api", "tcp 22 from prefix-list:pl-1")
        state.prefixLists = ["pl-1": [try network("0.0.0.0/0")]]
        #expect(
            Self.short(try Self.findings(state)) == [
                "admin-open-to-world critical api prod-sg-api tcp 22 from prefix-list:pl-1"
            ])
        state.prefixLists = [:]
        #expect(
            Set(try Self.findings(state).map(\.id)) == [.referenceMissing, .adminWiderThanDeclared])
    }

    @Test("a machine with two roles may carry the groups of both")
    func machineWithTwoRoles() throws {
        var state = try Examples.declaredState()
        var declared = try Examples.declaration()
        declared.rolesByName["edge"]?.members = Role.Members()
        declared.rolesByName["edge"]?.members.instances = ["i-api"]
        state.members.removeAll { $0.id == "i-edge" }
        state.members[0].groups.append("prod-sg-edge")
        #expect(try Self.findings(state, declared) == [])
    }

    @Test("severities are in order for --fail-on")
    func severitiesInOrder() throws {
        let findings = try Self.findings(try Examples.incident())
        #expect(findings.reach(.critical) && findings.reach(.low))
        #expect(!findings.filter { $0.severity < .high }.reach(.high))
        #expect([Finding]().reach(.low) == false)
        #expect(Severity.allCases.sorted() == [.low, .medium, .high, .critical])
    }
}
