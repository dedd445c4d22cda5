import CoreTypes
import Perimeter
import Testing
import TestSupport

@testable import PerimeterAWS

extension PerimeterAWSTests {
    /// The way from the incident to what is declared, and back.
    @Suite("Plans, against moto", .needsMoto) struct PlanTests {
        /// What a view has that comes back when a plan is undone. Ids of rules don't.
        private struct Essence: Equatable {
            let groups: [String: Set<String>]
            let carried: [String: [String]]
            let buckets: [ObservedBucket]
            let alarms: [ObservedAlarm]

            init(_ seen: Observation, without group: Set<String> = []) {
                groups = Dictionary(
                    seen.groups.map { found in
                        (found.name, Set(found.ingress.map { "\(seen.named($0.rule)) \($0.description ?? "")" }))
                    }
                ) { first, _ in first }
                carried = Dictionary(seen.members.map { ($0.id, $0.groups.sorted()) }) { first, _ in first }
                buckets = seen.buckets.map { bucket in
                    // Versioning that was on once can't be off again.
                    var bucket = bucket
                    if bucket.versioning == .suspended { bucket.versioning = .off }
                    return bucket
                }
                alarms = seen.alarms
            }
        }

        private static let today = CalendarDate(millisecondsSince1970: 1_800_000_000_000)

        @Test("a plan is carried out until nothing is left to do, and undone again")
        func thereAndBack() async throws {
            let incident = try await Incident()
            let declared = incident.declaration
            try await incident.with { perimeter in
                let before = try await perimeter.observe(declared)
                let plan = Plan.make(declared, before, today: Self.today)
                #expect(plan.refusals.isEmpty)
                let findings = Audit.findings(declared, before, today: Self.today)
                #expect(
                    Set(findings.map(\.id)).isSuperset(of: [
                        .groupShared, .adminOpenToWorld, .privatePortExposed, .bucketPublic, .alarmMissing,
                    ]))
                #expect(QuotaWarning.warnings(plan.changes, on: before).isEmpty)
                var expected = before
                for change in plan.changes {
                    try await perimeter.carryOut(change)
                    expected = expected.applying(change)
                }
                let after = try await perimeter.observe(declared)
                #expect(Plan.make(declared, after, today: Self.today).changes == [])
                #expect(Audit.findings(declared, after, today: Self.today).filter { $0.group != "prod-sg" } == [])
                #expect(Essence(after).groups == Essence(expected).groups)
                for change in plan.changes { try await perimeter.carryOut(change) }
                let again = try await perimeter.observe(declared)
                #expect(again == after)

                let rollback = Plan.rollback(of: plan.changes, declared, after)
                #expect(!rollback.isEmpty)
                for change in rollback.changes { try await perimeter.carryOut(change) }
                let restored = try await perimeter.observe(declared)
                #expect(Essence(restored) == Essence(before))
            }
        }

        @Test("what another hand opens is closed by the next plan, and nothing else is touched")
        func drift() async throws {
            let incident = try await Incident()
            let declared = incident.declaration
            try await incident.with { perimeter in
                for change in Plan.make(declared, try await perimeter.observe(declared), today: Self.today).changes {
                    try await perimeter.carryOut(change)
                }
                let clean = try await perimeter.observe(declared)
                let voice = try #require(clean.group("prod-sg-freeswitch"))
                try incident.moto.python(
                    """
                    client("ec2").authorize_security_group_ingress(GroupId="\(voice.id)", IpPermissions=[
                        {"IpProtocol": "tcp", "FromPort": 8021, "ToPort": 8021, "IpRanges": [
                            {"CidrIp": "0.0.0.0/1"}, {"CidrIp": "128.0.0.0/1"}]}])
                    client("s3").delete_public_access_block(Bucket="\(incident.names["bucket"] ?? "")")
                    """)
                let plan = Plan.make(declared, try await perimeter.observe(declared), today: Self.today)
                #expect(plan.changes.map(\.action) == [.blockPublicAccess, .revoke, .revoke])
                for change in plan.changes { try await perimeter.carryOut(change) }
                let mended = try await perimeter.observe(declared)
                #expect(mended == clean)
            }
        }

        @Test("quotas are told before they are hit")
        func quotas() throws {
            let group = ObservedGroup(id: "sg-1", name: "g")
            let reference = GroupReference(id: "sg-1", name: "g")
            let changes = (0..<61).compactMap { number -> Change? in
                Source("10.0.0.\(number)/32").map {
                    .authorize(reference, Rule(protocol: .tcp, ports: PortRange(22), source: $0), description: nil)
                }
            }
            let state = Observation(groups: [group])
            #expect(QuotaWarning.warnings(Array(changes.prefix(60)), on: state).isEmpty)
            #expect(QuotaWarning.warnings(changes, on: state).map { $0.contains("61 rules") } == [true])
            let six = (1...6).map { ObservedGroup(id: "sg-\($0)", name: "") }
            let member = Member(kind: .interface, id: "eni-1", groups: six.prefix(5).map(\.id))
            let carried = Observation(groups: six, members: [member])
            let attached = Change.attach(
                MemberReference(kind: .interface, id: "eni-1"), GroupReference(id: "sg-6", name: ""))
            #expect(QuotaWarning.warnings([attached], on: carried).map { $0.contains("6 groups") } == [true])
        }
    }
}
