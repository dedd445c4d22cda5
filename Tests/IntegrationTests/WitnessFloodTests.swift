import CoreTypes
import TestSupport
import Testing
import UserAgent
import Witness

extension Integration {
    @Suite("Floods in the witness", .timeLimit(.minutes(2)))
    struct WitnessFloodTests {
        @Test("what is collapsed adds up to what was refused, through a stop and a start")
        func counts() async throws {
            let listener = try EdgeUnderTest.Listener(.udp, "trunks")
            // Nobody is allowlisted.
            let edge = try EdgeUnderTest(
                [listener],
                """
                profiles:
                  trunks: {source_rate: {requests: 100000, per: 10s, forget_after: 120s}}
                """)
            var refused = 0
            var counted = 0.0
            for _ in 0..<2 {
                try await edge.start()
                for _ in 0..<60 {
                    let report = try await Calls.place(to: listener.endpoint, as: nil)
                    if report.final?.status == 403 { refused += 1 }
                }
                counted += try await edge.metric("ip_allowlist_denials_total")
                #expect(try await edge.stop() == 0)
            }
            let records = try edge.records().filter { $0.kind == SecurityEvent.Kind.ipNotAllowlisted.rawValue }
            #expect(refused == 120)
            #expect(records.reduce(0) { $0 + ($1.number("count") ?? 1) } == 120)
            #expect(counted == 120)
            // Five as they come and one with the rest, in each ten seconds.
            #expect(records.count <= 24)
            #expect(records.contains { ($0.number("count") ?? 1) > 10 })
            #expect(try edge.verify().defect == nil)
        }
    }
}
