import CoreTypes
import Foundation
import SIPMessage
import TestSupport
import Testing
import UserAgent
import Witness

extension Integration {
    /// Not a check but a measurement, for docs/witness.md: run with SALLYPORT_MEASURE=1 and SALLYPORT_PROGRAM=.build/release/sallyport.
    @Suite(
        "Set-up time of a call by durability",
        .enabled(
            if: ProcessInfo.processInfo.environment["SALLYPORT_MEASURE"] != nil, "a measurement: SALLYPORT_MEASURE=1"),
        .timeLimit(.minutes(10)))
    struct WitnessMeasurement {
        @Test("from INVITE to 200, for calls one after the other and for sixteen at a time")
        func setUp() async throws {
            var lines: [String] = []
            // Interleaved twice, so that a change of the machine's load meets all three.
            for round in 1...2 {
                for durability in ["async", "group", "sync"] {
                    for parallel in [1, 16] {
                        let (times, wait) = try await measure(durability, parallel: parallel)
                        let median = times[times.count / 2]
                        let p99 = times[times.count * 99 / 100]
                        lines.append(
                            String(
                                format:
                                    "round %d  %@  parallel %d  calls %d  median %.2f ms  p99 %.2f ms  mean wait %.2f ms",
                                round, durability, parallel, times.count, median, p99, wait))
                    }
                }
            }
            print(lines.joined(separator: "\n"))
        }

        /// - Returns: times from INVITE to 200, sorted, and the mean that a call waited for its record; in milliseconds.
        private func measure(_ durability: String, parallel: Int) async throws -> ([Double], Double) {
            let listener = try EdgeUnderTest.Listener(.udp, "trunks")
            let phone = try await Calls.answeringPhone()
            let edge = try EdgeUnderTest(
                [listener],
                """
                profiles:
                  trunks: {source_rate: {requests: 100000, per: 10s, forget_after: 120s}, call_rate: {calls: 100000, per: 60s}}
                routes:
                  - {name: far, match: {}, to: "sip:far@\(phone.endpoints[0])"}
                witness: {durability: \(durability)}
                """)
            try edge.command("allow", "add", "127.0.0.0/8", "--tag", "trunk", "--group", "2")
            try await edge.start()
            let target = try #require(URI("sip:anyone@external.advisor"))
            let from = try #require(URI("sip:nobody@external.advisor"))
            let remote = listener.endpoint
            // The first few find caches cold.
            let calls = 640 / parallel
            let times = try await withThrowingTaskGroup(of: [Double].self) { group in
                for _ in 0..<parallel {
                    group.addTask {
                        let caller = try await Caller()
                        var times: [Double] = []
                        for _ in 0..<calls {
                            var plan = CallPlan(target: target, remote: remote, transport: .udp, from: from)
                            plan.hold = .zero
                            let report = await caller.place(plan)
                            guard report.isAnswered, let answer = report.final else {
                                throw Failure("a call got \(report.final?.status ?? 0)")
                            }
                            times.append(answer.after.inSeconds * 1000)
                        }
                        await caller.shutdown()
                        return times
                    }
                }
                var all: [Double] = []
                for try await part in group { all += part.dropFirst(2) }
                return all.sorted()
            }
            let sum = try await edge.metric("witness_commit_duration_seconds_sum")
            let count = try await edge.metric("witness_commit_duration_seconds_count")
            #expect(try await edge.stop() == 0)
            await phone.shutdown()
            return (times, sum / max(1, count) * 1000)
        }
    }
}
