import CoreTypes
import Foundation
import Testing

@testable import Perimeter

extension Observation {
    func applying(_ changes: [Change]) -> Observation { changes.reduce(self) { $0.applying($1) } }
}

@Suite struct PlanTests {
    static func plan(_ state: Observation) throws -> Plan {
        Plan.make(try Examples.declaration(), state, today: Examples.today)
    }

    @Test("a state that is as declared needs no change")
    func asDeclaredNeedsNone() throws {
        let plan = try Self.plan(try Examples.declaredState())
        #expect(plan.changes == [] && plan.refusals == [])
        #expect(plan.text == "Nothing to change.\n")
    }

    @Test("the incident is mended: added first, removed last, clean after, and nothing to do a second time")
    func incidentIsMended() throws {
        let declared = try Examples.declaration()
        let before = try Examples.incident()
        let plan = Plan.make(declared, before, today: Examples.today)
        #expect(plan.refusals == [])
        let actions = plan.changes.map(\.action)
        let firstRemoval = try #require(actions.firstIndex(of: .detach))
        #expect(actions[firstRemoval...].allSatisfy { $0 == .detach || $0 == .revoke })
        #expect(!actions[..<firstRemoval].contains(.revoke))
        #expect(actions.count { $0 == .createGroup } == 5 && actions.count { $0 == .attach } == 3)
        #expect(actions.count { $0 == .detach } == 3 && actions.count { $0 == .revoke } == 8)
        // SSH is shut last of all.
        #expect(plan.changes.last?.rule == (try rule("tcp 22 from 0.0.0.0/0")))

        let after = before.applying(plan.changes)
        let findings = Audit.findings(declared, after, today: Examples.today)
        #expect(findings == [])
        #expect(Plan.make(declared, after, today: Examples.today).changes == [])
    }

    @Test("a group that somebody else carries, too, keeps its rules", arguments: [true, false])
    func carriedByOthersKeepsRules(isKnown: Bool) throws {
        var state = try Examples.incident()
        if isKnown {
            state.members.append(Member(kind: .instance, id: "i-other", groups: ["sg-old"]))
        } else {
            state.groups[0].usedBy.append("eni-9")
        }
        let plan = try Self.plan(state)
        #expect(plan.changes.count { $0.action == .detach } == 3)
        #expect(!plan.changes.contains { $0.action == .revoke })
        let left = Audit.findings(try Examples.declaration(), state.applying(plan.changes), today: Examples.today)
        #expect(Set(left.map(\.id)) == [.adminOpenToWorld, .privatePortExposed])
        #expect(left.allSatisfy { $0.role == nil && $0.evidence.contains("of no declared role") })
    }

    @Test("a plan reads like a diff")
    func readsLikeDiff() throws {
        var state = try Examples.declaredState()
        try state.open("prod-sg-api", "tcp 22 from 0.0.0.0/0", "tcp 5060 from 0.0.0.0/0")
        state.change("prod-sg-edge") { $0.ingress.removeAll { $0.rule.ports == PortRange(5061) } }
        state.change("prod-sg-redis") { $0.ingress[0].description = "old" }
        state.buckets[0].publicAccessBlocked = nil
        state.alarms.removeFirst()
        let text = try Self.plan(state).text
        #expect(
            text == """
                + prod-sg-edge     tcp 5061 from 0.0.0.0/0  (SIP over TLS)
                + prod-sg-edge     tcp 5061 from ::/0  (SIP over TLS)
                ~ prod-sg-redis    tcp 6379 from group:prod-sg-api: 'old' -> 'Redis'
                + failed-ssh       Security/FailedSSH Sum GreaterThanThreshold 5 in 300s
                ~ prod-recordings  public access: not blocked -> blocked
                - prod-sg-api      tcp 5060 from 0.0.0.0/0  (sgr-tcp 5060 from 0.0.0.0/0)
                - prod-sg-api      tcp 22 from 0.0.0.0/0  (sgr-tcp 22 from 0.0.0.0/0)

                3 to add, 2 to remove, 2 to change.

                """)
    }

    @Test("rules in other words stay as they are; those within a new one go")
    func otherWordsStay() throws {
        var state = try Examples.declaredState()
        try state.change("prod-sg-api") { group in
            group.ingress = try [
                "tcp 22 from 203.0.113.7/32", "tcp 80 from 0.0.0.0/1", "tcp 80 from 128.0.0.0/1", "tcp 80 from ::/0",
                "tcp 443 from 10.0.0.0/8", "tcp 443 from ::/0",
            ].map { ObservedRule(rule: try rule($0), id: $0) }
        }
        #expect(
            try Self.plan(state).changes.map(\.summary) == [
                "add tcp 443 from 0.0.0.0/0 to prod-sg-api", "revoke tcp 443 from 10.0.0.0/8 in prod-sg-api",
            ])
    }

    @Test("closing an admin port to somebody who is never cut off is refused, at whatever step")
    func cutOffRefused() throws {
        var declared = try Examples.declaration()
        let state = try Examples.declaredState()
        declared.admin = [try network("198.51.100.1/32")]
        let plan = Plan.make(declared, state, today: Examples.today)
        #expect(plan.refusals.map(\.kind) == [.cutsOff, .cutsOff, .cutsOff])
        #expect(
            plan.refusals[0].reason.contains(
                "would close tcp 22 of instance i-api to 203.0.113.7/32, which never_cut_off keeps")
        )
        #expect(plan.text.contains("refused: step "))

        declared.admin = [try network("198.51.100.1/32"), try network("203.0.113.7/32")]
        #expect(Plan.make(declared, state, today: Examples.today).refusals == [])

        // An address in the middle of what is closed.
        var wide = state
        try wide.open("prod-sg-api", "tcp 0-65535 from 203.0.112.0/20")
        declared.neverCutOff.append(try network("203.0.113.9/32"))
        #expect(Plan.make(declared, wide, today: Examples.today).refusals.count == 1)
    }

    @Test("a role without any admin port can't be shut to somebody who has it now; a managed database can")
    func withoutAdminPort() throws {
        var declared = try Examples.declaration()
        declared.rolesByName["edge"]?.allow.removeAll { $0.why == "SSH" }
        var state = try Examples.declaredState()
        #expect(Plan.make(declared, state, today: Examples.today).refusals.map(\.kind) == [.cutsOff])
        state = try Examples.declaredState()
        try state.open("prod-sg-database", "tcp 22 from 0.0.0.0/0")
        let plan = try Self.plan(state)
        #expect(plan.refusals == [] && plan.changes.count == 1)
    }

    @Test("a plan in a wrong order is refused, though it ends well")
    func wrongOrderRefused() throws {
        let declared = try Examples.declaration()
        let state = try Examples.declaredState()
        let group = GroupReference(id: "sg-0", name: "prod-sg-api")
        let ssh = try rule("tcp 22 from 203.0.113.7/32")
        var plan = Plan.make(declared, state, today: Examples.today)
        plan.changes = [
            .revoke(group, ssh, ruleID: "", description: nil), .authorize(group, ssh, description: nil),
        ]
        #expect(plan.refusals(declared, state).map(\.kind) == [.cutsOff])
        plan.changes.reverse()
        #expect(plan.refusals(declared, state).map(\.kind) == [.cutsOff])
        plan.changes = [.authorize(group, ssh, description: nil)]
        #expect(plan.refusals(declared, state) == [])
    }

    @Test("a plan is stale as soon as anything moved, and only then")
    func staleWhenMoved() throws {
        let declared = try Examples.declaration()
        let state = try Examples.incident()
        let plan = Plan.make(declared, state, today: Examples.today)
        var same = state
        same.groups = same.groups.map { group in
            var group = group
            group.ingress.reverse()
            group.usedBy.reverse()
            return group
        }
        same.members.reverse()
        #expect(plan.refusals(declared, same) == [])
        let moves: [(inout Observation) -> Void] = [
            { $0.groups[0].ingress.removeLast() }, { $0.groups[0].ingress[0].id = "sgr-9" },
            { $0.groups[0].name = "x" }, { $0.members[0].groups.append("sg-1") },
            { $0.buckets[0].versioning = .suspended },
            { $0.buckets[0].lifecycle.append(LifecycleRule(id: "x")) }, { $0.prefixLists["pl-1"] = [] },
            {
                $0.alarms.append(ObservedAlarm(name: "a", namespace: "n", metric: "m", threshold: 1, periodSeconds: 60))
            },
        ]
        for move in moves {
            var moved = state
            move(&moved)
            #expect(plan.refusals(declared, moved).contains { $0.kind == .stale })
        }
    }

    @Test("an observation survives JSON")
    func observationSurvives() throws {
        var state = try Examples.incident()
        state.buckets.append(try Examples.declaredState().buckets[0])
        state.buckets[0].unreadable = [.lifecycle: "AccessDenied"]
        state.alarms = try Examples.declaredState().alarms
        state.prefixLists = ["pl-1": [try network("10.0.0.0/8"), try network("2001:db8::/32")]]
        state.members[0].addresses = [try network("10.0.1.10/32")]
        let data = try JSONEncoder().encode(state)
        let read = try JSONDecoder().decode(Observation.self, from: data)
        #expect(read == state && read.digest == state.digest)
    }

    @Test("a group by id that is gone can't be made")
    func groupByID() throws {
        var declared = try Examples.declaration()
        declared.rolesByName["api"]?.group = "sg-0gone"
        let plan = Plan.make(declared, try Examples.declaredState(), today: Examples.today)
        #expect(plan.refusals.contains { $0.kind == .groupMissing })
        #expect(!plan.changes.contains { $0.action == .createGroup })
        let again = plan.refusals(declared, try Examples.declaredState())
        #expect(again.contains { $0.kind == .groupMissing })
    }

    @Test("a plan survives a file, every kind of change")
    func survivesFile() throws {
        let group = GroupReference(id: "sg-1", name: "g")
        let ssh = try rule("tcp 22 from 203.0.113.7/32")
        let member = MemberReference(kind: .rds, id: "db")
        let alarm = ObservedAlarm(
            name: "a", namespace: "n", metric: "m", dimensions: ["d": "v"], threshold: 1.5, periodSeconds: 60,
            actions: ["arn:x"])
        let every: [Change] = [
            .createGroup(GroupReference(name: "g"), description: "d", vpc: "vpc-1"),
            .authorize(group, ssh, description: "SSH"), .authorize(group, ssh, description: nil),
            .describe(group, ssh, ruleID: "sgr-1", from: "", to: "SSH"), .attach(member, group),
            .setAlarm("a", from: nil, to: alarm), .setAlarm("a", from: alarm, to: nil),
            .blockPublicAccess(bucket: "b", from: nil, to: .everything),
            .encrypt(bucket: "b", from: nil, to: "AES256"),
            .setVersioning(bucket: "b", from: .off, to: .enabled),
            .setLifecycle(
                bucket: "b", from: [], to: [LifecycleRule(id: "x", expireAfterDays: 3, definition: "<Rule/>")]),
            .detach(member, group), .revoke(group, ssh, ruleID: "sgr-1", description: nil),
            .deleteGroup(group, description: "", vpc: nil),
        ]
        #expect(Set(every.map(\.action)) == Set(Change.Action.allCases))
        var plan = Plan.make(try Examples.declaration(), try Examples.incident(), today: Examples.today)
        plan.changes += every + every.map(\.inverse)
        let text = try plan.json()
        #expect(try Plan(json: text) == plan)
        let object = try #require(try JSONSerialization.jsonObject(with: Data(text.utf8)) as? [String: Any])
        let changes = try #require(object["changes"] as? [[String: Any]])
        #expect(changes.allSatisfy { $0["action"] is String && $0.keys.contains("group") && $0.keys.contains("rule") })
        let rules = changes.compactMap { $0["rule"] as? [String: Any] }
        #expect(rules.allSatisfy { Set($0.keys) == ["protocol", "from_port", "to_port", "source"] })
        for change in every where change.action != .setVersioning {
            #expect(change.inverse.inverse.action == change.action)
        }
    }

    @Test(
        "a file that is no plan is refused with what is wrong",
        arguments: [
            "", "[]", "{}", #"{"changes":[{"action":"explode"}],"refusals":[],"state":"x"}"#,
            #"{"changes":[{"action":"authorize","group":"g"}],"refusals":[],"state":"x"}"#,
        ])
    func noPlanRefused(text: String) {
        let error = #expect(throws: PlanFileError.self) { try Plan(json: text) }
        #expect(error?.description.isEmpty == false)
    }

    @Test("a rollback undoes what was carried out, also when only part of it was")
    func rollbackUndoes() throws {
        let declared = try Examples.declaration()
        let before = try Examples.incident()
        let plan = Plan.make(declared, before, today: Examples.today)
        for count in 0...plan.changes.count {
            let done = Array(plan.changes[..<count])
            let now = before.applying(done)
            let back = Plan.rollback(of: done, declared, now)
            #expect(back.refusals == [])
            let restored = now.applying(back.changes)
            #expect(Self.essence(restored) == Self.essence(before), "\(count)")
            #expect(Plan.rollback(of: done, declared, restored).changes.isEmpty)
        }
    }

    /// What counts when states are compared: no ids of rules, no order.
    static func essence(_ state: Observation) -> [String] {
        let groups = state.groups.map { group in
            "\(group.name) \(group.ingress.map { "\(state.named($0.rule)) \($0.description ?? "-")" }.sorted()) "
                + "\(group.usedBy.sorted())"
        }
        let members = state.members.map { "\($0.id) \(state.groups(of: $0).map(\.name).sorted())" }
        let buckets = state.buckets.map { bucket in
            let versioning = bucket.versioning == .enabled ? "versions" : "no versions"
            return
                "\(bucket.name) \(bucket.publicAccessBlocked?.missing ?? ["none"]) \(bucket.encryption ?? "-") \(versioning) "
                + "\(bucket.lifecycle.map(\.id))"
        }
        return (groups + members + buckets + state.alarms.map { "\($0)" }).sorted()
    }

    @Test("what is excepted is left as it is until the exception is over")
    func exceptedIsLeft() throws {
        var declared = try Examples.declaration()
        var state = try Examples.declaredState()
        try state.open("prod-sg-api", "tcp 9999 from 10.0.0.0/8", "tcp 22 from 10.0.0.0/8")
        state.change("prod-sg-redis") { $0.ingress.removeFirst() }
        state.alarms.removeFirst()
        state.buckets[0].versioning = .off
        let all = Plan.make(declared, state, today: Examples.today)
        #expect(all.changes.count == 5)
        let day = CalendarDate("2027-01-31")
        declared.exceptions = [
            .init(finding: .portUndeclared, group: "prod-sg-api", reason: "r", until: day),
            .init(finding: .ruleMissing, role: "redis", reason: "r", until: day),
            .init(finding: .alarmMissing, group: "failed-ssh", reason: "r", until: day),
            .init(finding: .bucketUnversioned, reason: "r", until: day),
        ]
        #expect(
            Plan.make(declared, state, today: Examples.today).changes.map(\.summary) == [
                "revoke tcp 22 from 10.0.0.0/8 in prod-sg-api"
            ])
        let later = try #require(CalendarDate("2027-02-01"))
        #expect(Plan.make(declared, state, today: later).changes == all.changes)
    }

    @Test("a shared group that is excepted stays on, with its rules")
    func exceptedSharingStays() throws {
        var declared = try Examples.declaration()
        var state = try Examples.declaredState()
        state.groups.append(
            ObservedGroup(
                id: "sg-9", name: "both", ingress: [ObservedRule(rule: try rule("tcp 22 from 203.0.113.7/32"))],
                usedBy: ["i-api", "i-edge"]))
        for index in state.members.indices where ["i-api", "i-edge"].contains(state.members[index].id) {
            state.members[index].groups.append("sg-9")
        }
        #expect(Plan.make(declared, state, today: Examples.today).changes.map(\.action) == [.detach, .detach, .revoke])
        declared.exceptions = [
            .init(finding: .groupShared, group: "both", reason: "r", until: CalendarDate("2027-01-31"))
        ]
        #expect(Plan.make(declared, state, today: Examples.today).isEmpty)
        #expect(Audit.findings(declared, state, today: Examples.today) == [])
    }

    @Test("an interrupted plan goes on with what is pending")
    func goesOnWithPending() throws {
        let state = try Examples.incident()
        let plan = try Self.plan(state)
        for count in 0...plan.changes.count {
            let now = state.applying(Array(plan.changes[..<count]))
            let pending = plan.changes.compactMap(now.pending)
            #expect(pending.map(\.summary) == plan.changes[count...].map(\.summary))
        }
    }

    @Test(
        "descriptions are what EC2 takes",
        arguments: [
            ("SSH", "SSH"), ("HTTP, which redirects", "HTTP, which redirects"),
            ("Größe \"x\" | y's", "Gr--e -x- - y-s"),
        ])
    func descriptions(why: String, text: String) {
        #expect(RuleDescription.text(why) == text)
        #expect(RuleDescription.text(String(repeating: "x", count: 999)).count == 255)
    }
}
