import CoreTypes
import Foundation
import Synchronization
import TestSupport
import Testing
import Witness

extension Integration {
    @Suite("Memory under strangers", .timeLimit(.minutes(10)))
    struct StrangerMemoryTests {
        /// The whole flood takes some minutes; by default a tenth of it runs.
        private static let isLong = ProcessInfo.processInfo.environment["SALLYPORT_LONG_TESTS"] == "1"
        private static let strangers = isLong ? 200_000 : 20_000
        /// As many as fit into a receive buffer of the size that everybody gets, so that none is lost.
        private static let atOnce = 80
        /// In the whole flood as many sources as are remembered at all (65,536) are remembered at once.
        private static let forgetAfter = isLong ? "30s" : "5s"

        @Test("INVITEs of 200,000 strangers, nothing alike in them, take less than 64 MiB, and that is given back")
        func invites() async throws {
            let listener = try EdgeUnderTest.Listener(.udp, "experts")
            let edge = try EdgeUnderTest(
                [listener],
                """
                profiles:
                  experts:
                    transport_security: off
                    source_rate: {requests: 30, per: 1s, forget_after: \(Self.forgetAfter)}
                """)
            try edge.command("allow", "add", "127.0.0.0/8", "--tag", "anybody")
            try await edge.start()
            // Code, pools and the witness's buffers reach their size.
            try await call(edge, listener, 0..<2000)
            let before = try edge.running().residentKiB()

            let peak = Mutex(before)
            let watching = Task {
                while !Task.isCancelled {
                    let now = try edge.running().residentKiB()
                    peak.withLock { $0 = max($0, now) }
                    try await Task.sleep(for: .milliseconds(50))
                }
            }
            try await call(edge, listener, 2000..<2000 + Self.strangers)
            watching.cancel()
            let most = peak.withLock { $0 }
            #expect(most - before < 64 * 1024, "\(before) KiB before, at most \(most) KiB")

            // All were told to authenticate, or that there is no room; none of them is in memory.
            #expect(try await edge.metric("sip_responses_total") == Double(2000 + Self.strangers))
            let metrics = try await edge.get("/metrics")
            // Not a single one had a transaction.
            #expect(!metrics.contains("sip_transactions_total{"))
            #expect(try await edge.metric("sip_active_calls") == 0)
            var after = 0
            do {
                // Code and pools that were used for the first time stay, 4 to 6.5 MiB; what is not given back are 30.
                try await eventually("memory is given back", within: .seconds(120)) {
                    after = try edge.running().residentKiB()
                    return after - before < 10 * 1024
                }
            } catch {
                throw Failure("\(error): \(before) KiB before, \(most) KiB at most, \(after) KiB after")
            }
            print("resident: \(before) KiB before, \(most) KiB at most, \(after) KiB after")
            #expect(try await edge.stop() == 0)
            #expect(try edge.verify().defect == nil)
        }

        /// Some at a time, the next when the edge has heard those.
        private func call(_ edge: EdgeUnderTest, _ listener: EdgeUnderTest.Listener, _ numbers: Range<Int>) async throws
        {
            for first in stride(from: numbers.lowerBound, to: numbers.upperBound, by: Self.atOnce) {
                let end = min(first + Self.atOnce, numbers.upperBound)
                try Strangers.call(listener.endpoint, first..<end)
                try await eventually("the edge has heard \(end) strangers") {
                    // The metric shows up with the first response.
                    guard try await edge.get("/metrics").contains("sip_responses_total{") else { return false }
                    return try await edge.metric("sip_responses_total") >= Double(end)
                }
            }
        }
    }
}
