import CoreTypes
import Foundation
import Synchronization
import TestSupport
import Testing
import Witness

extension Integration {
    @Suite("Memory under strangers", .timeLimit(.minutes(10)))
    struct StrangerMemoryTests {
        /// The whole flood takes two minutes; by default a tenth of it runs.
        private static let isLong = ProcessInfo.processInfo.environment["SALLYPORT_LONG_TESTS"] == "1"
        private static let strangers = isLong ? 200_000 : 20_000
        private static let rate = 2500
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
            try await Strangers.call(listener.endpoint, first: 0, count: 2000, rate: Self.rate)
            try await eventually("they are answered") { try await edge.metric("sip_requests_total") >= 1900 }
            let before = try edge.running().residentKiB()

            let peak = Mutex(before)
            let watching = Task {
                while !Task.isCancelled {
                    let now = try edge.running().residentKiB()
                    peak.withLock { $0 = max($0, now) }
                    try await Task.sleep(for: .milliseconds(50))
                }
            }
            try await Strangers.call(listener.endpoint, first: 2000, count: Self.strangers, rate: Self.rate)
            watching.cancel()
            let most = peak.withLock { $0 }
            #expect(most - before < 64 * 1024, "\(before) KiB before, at most \(most) KiB")

            // They were heard and told to authenticate, or that there is no room; none of them is in memory.
            let answered = try await edge.metric("sip_responses_total")
            #expect(answered > Double(Self.strangers) * 0.5)
            let metrics = try await edge.get("/metrics")
            // Not a single one had a transaction.
            #expect(!metrics.contains("sip_transactions{"))
            #expect(try await edge.metric("sip_active_calls") == 0)
            var after = 0
            do {
                try await eventually("memory is given back", within: .seconds(120)) {
                    after = try edge.running().residentKiB()
                    return after - before < 6 * 1024
                }
            } catch {
                throw Failure("\(error): \(before) KiB before, \(most) KiB at most, \(after) KiB after")
            }
            print("resident: \(before) KiB before, \(most) KiB at most, \(after) KiB after")
            #expect(try await edge.stop() == 0)
            #expect(try edge.verify().defect == nil)
        }
    }
}
