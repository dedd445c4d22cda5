import CoreTypes
import Foundation
import TestSupport
import Testing
import Witness

extension Integration {
    @Suite("Trunks under load", .needs(.sipp), .timeLimit(.minutes(10)))
    struct TrunkTests {
        /// The whole load takes five minutes; by default a tenth of it runs.
        private static let isLong = ProcessInfo.processInfo.environment["SALLYPORT_LONG_TESTS"] == "1"
        private static let calls = isLong ? 20_000 : 2000
        /// Longer than transactions live, when the load is: else their number is still growing when it begins.
        private static let warmUp = isLong ? 6000 : 2000
        private static let rate = 200

        @Test(
            "calls pass at 200 a second, none fails, few are sent twice, memory is given back",
            arguments: [TransportKind.udp, .tcp])
        func load(transport: TransportKind) async throws {
            let listener = try EdgeUnderTest.Listener(transport, "trunks")
            let farSide = try FreePort.next()
            // A transaction lives 64 * T1, which is the time that this test waits, twice.
            let edge = try EdgeUnderTest(
                [listener],
                """
                profiles:
                  trunks:
                    source_rate: {requests: 100000, per: 10s, forget_after: 120s}
                    call_rate: {calls: 100000, per: 60s}
                routes:
                  - {name: far, match: {}, to: "sip:far@127.0.0.1:\(farSide);transport=\(transport.rawValue)"}
                sip: {t1: 200ms, t2: 800ms, t4: 1s}
                """)
            try edge.command("allow", "add", "127.0.0.0/8", "--tag", "load", "--group", "2")
            let directory = edge.program.directory
            let answering = try await Sipp.answering(transport, port: farSide, in: directory)
            try await edge.start()

            func place(_ calls: Int, _ name: String) async throws -> Sipp.Statistics {
                let calling = try Sipp.calling(
                    name, transport, to: listener.endpoint, calls: calls, rate: Self.rate, in: directory)
                let code = try await calling.process.ends(within: .seconds(calls / Self.rate + 90))
                #expect(code == 0, "sipp: \(calling.process.output.suffix(3000))\n\(calling.errors.prefix(3000))")
                return try calling.statistics()
            }

            // Tables, pools and pages reach their size in the warm-up.
            _ = try await place(Self.warmUp, "warm-up")
            try await edge.becomesIdle()
            let before = try edge.running().residentKiB()
            let result = try await place(Self.calls, "load")
            try await edge.becomesIdle()
            let after = try edge.running().residentKiB()

            #expect(result.successful == Self.calls)
            #expect(result.failed == 0)
            // Noise: sipp sends again after half a second, and each time that the machine is busy for so long, a hundred
            // calls are waiting.
            #expect(result.retransmissions <= max(150, Self.calls / 100))
            #expect(after - before < 8 * 1024, "\(before) KiB before, \(after) KiB after")
            try await answering.process.kill()
            #expect(try await edge.stop() == 0)
            let records = try edge.records()
            #expect(records.filter(\.admits).count == Self.warmUp + Self.calls)
            #expect(records.filter { $0.kind == "CALL_ENDED" }.count == Self.warmUp + Self.calls)
            #expect(try edge.verify().defect == nil)
        }
    }
}
