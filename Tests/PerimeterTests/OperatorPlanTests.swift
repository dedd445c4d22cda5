import CoreTypes
import Foundation
import Testing

@testable import Perimeter

/// Plans that have to do with where operators come from.
@Suite struct OperatorPlanTests {
    @Test("an operator who moved is let in by every group before the old address is shut out, and nothing else changes")
    func operatorMoved() throws {
        var state = try Examples.declaredState()
        state.groups.append(
            ObservedGroup(
                id: "sg-9", name: "bastion",
                ingress: [
                    ObservedRule(rule: try rule("tcp 20-30 from 203.0.113.7/32"), id: "sgr-a", description: "by hand"),
                    ObservedRule(rule: try rule("tcp 443 from 203.0.113.7/32"), id: "sgr-b", description: ""),
                    ObservedRule(rule: try rule("tcp 20-30 from 2001:db8::7/128"), id: "sgr-c", description: ""),
                ]))
        try state.open("prod-sg-api", "tcp 9999 from 0.0.0.0/0")
        let old = [try network("203.0.113.7/32")]
        let new = [try network("198.51.100.9/32"), try network("2001:db8::7/128")]
        var declared = try Examples.declaration()
        #expect(
            Plan.movingAdmins(from: old, to: new, declared, state).refusals.map(\.kind) == [
                .cutsOff, .cutsOff, .cutsOff,
            ])
        (declared.admin, declared.neverCutOff) = (new, new)
        let plan = Plan.movingAdmins(from: old, to: new, declared, state)
        #expect(plan.refusals == [])
        #expect(
            plan.changes.map(\.summary) == [
                "add tcp 22 from 198.51.100.9/32 to prod-sg-api", "add tcp 22 from 2001:db8::7/128 to prod-sg-api",
                "add tcp 22 from 198.51.100.9/32 to prod-sg-edge", "add tcp 22 from 2001:db8::7/128 to prod-sg-edge",
                "add tcp 22 from 198.51.100.9/32 to prod-sg-freeswitch",
                "add tcp 22 from 2001:db8::7/128 to prod-sg-freeswitch",
                "add tcp 20-30 from 198.51.100.9/32 to bastion", "revoke tcp 22 from 203.0.113.7/32 in prod-sg-api",
                "revoke tcp 22 from 203.0.113.7/32 in prod-sg-edge",
                "revoke tcp 22 from 203.0.113.7/32 in prod-sg-freeswitch",
                "revoke tcp 20-30 from 203.0.113.7/32 in bastion",
            ])
        let after = state.applying(plan.changes)
        #expect(Plan.movingAdmins(from: old, to: new, declared, after).isEmpty)
        #expect(
            Plan.make(declared, after, today: Examples.today).changes.map(\.summary) == [
                "revoke tcp 9999 from 0.0.0.0/0 in prod-sg-api"
            ])
    }

    @Test("an operator who comes beside others gets their ways in, once each, and they keep theirs")
    func operatorIsAdded() throws {
        var declared = try Examples.declaration()
        var state = try Examples.declaredState()
        try state.open("prod-sg-api", "tcp 22 from 198.51.100.1/32")
        let old = [try network("203.0.113.7/32"), try network("198.51.100.1/32")]
        let new = old + [try network("2001:db8::7/128")]
        (declared.admin, declared.neverCutOff) = (new, new)
        let plan = Plan.movingAdmins(from: old, to: new, declared, state)
        #expect(
            plan.changes.map(\.summary) == [
                "add tcp 22 from 2001:db8::7/128 to prod-sg-api", "add tcp 22 from 2001:db8::7/128 to prod-sg-edge",
                "add tcp 22 from 2001:db8::7/128 to prod-sg-freeswitch",
            ])
        #expect(plan.refusals == [])
    }

    @Test("a host's one set of rules is planned from addresses, and keeps its operators")
    func hostIsPlanned() throws {
        let text = """
            admin: [203.0.113.7/32]
            never_cut_off: [203.0.113.7/32]
            provider: {nftables: {role: freeswitch}}
            roles:
              api: {group: api, members: {addresses: [10.0.1.10, 10.0.1.11]}}
              freeswitch:
                group: freeswitch
                allow:
                  - {port: 22, protocol: tcp, from: admin}
                  - {port: 8021, protocol: tcp, from: role:api}
            private_ports: [8021]
            buckets: [{name: b}]
            """
        var declared = try Declaration.parse(text, file: "p.yaml")
        let host = ObservedGroup(
            id: "sallyport", name: "freeswitch",
            ingress: try ["tcp 22 from 0.0.0.0/0", "tcp 8021 from 10.0.1.0/24"].map { ObservedRule(rule: try rule($0)) }
        )
        var state = Observation(groups: [host], members: [Member(kind: .host, id: "here", groups: ["freeswitch"])])
        let findings = Audit.findings(declared, state, today: Examples.today)
        #expect(Set(findings.map(\.id)) == [.adminOpenToWorld, .privatePortExposed])
        let plan = Plan.make(declared, state, today: Examples.today)
        #expect(plan.refusals == [])
        #expect(
            plan.changes.map(\.summary) == [
                "add tcp 22 from 203.0.113.7/32 to freeswitch", "add tcp 8021 from 10.0.1.10/32 to freeswitch",
                "add tcp 8021 from 10.0.1.11/32 to freeswitch", "revoke tcp 8021 from 10.0.1.0/24 in freeswitch",
                "revoke tcp 22 from 0.0.0.0/0 in freeswitch",
            ])
        let after = state.applying(plan.changes)
        #expect(Plan.make(declared, after, today: Examples.today).isEmpty)
        #expect(Audit.findings(declared, after, today: Examples.today) == [])
        // Also where the host does not show as a member.
        state.members = []
        declared.admin = [try network("198.51.100.1/32")]
        #expect(Plan.make(declared, state, today: Examples.today).refusals.map(\.kind) == [.cutsOff])
    }
}
