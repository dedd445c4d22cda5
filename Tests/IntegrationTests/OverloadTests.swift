import CoreTypes
import Foundation
import TestSupport
import Testing
import Witness

extension Integration {
    /// A debug build spends as much on refusing as on serving, and other suites want the processors too: so only when
    /// asked for, alone, with a release build. What can be judged at any load is in EdgeTests.
    @Suite(
        "Overload", .needs(.sipp), .timeLimit(.minutes(5)),
        .enabled(
            if: Program.isGiven,
            "SALLYPORT_PROGRAM=.build/release/sallyport make test ARGS='--filter OverloadTests' runs it"))
    struct OverloadTests {
        private static let share = 0.8
        /// Calls that are up while all this goes on.
        private static let talkers = 50

        @Test(
            "at twice its capacity the edge refuses early, serves four fifths, loses nothing that is up, and recovers")
        func overload() async throws {
            let listener = try EdgeUnderTest.Listener(.udp, "trunks")
            let talkers = try EdgeUnderTest.Listener(.udp, "trunks")
            let farSide = try FreePort.next()
            let edge = try EdgeUnderTest(
                [listener, talkers],
                """
                profiles:
                  trunks:
                    source_rate: {requests: 1000000, per: 10s, forget_after: 120s}
                    call_rate: {calls: 1000000, per: 60s}
                routes:
                  - {name: far, match: {}, to: "sip:far@127.0.0.1:\(farSide)"}
                sip: {t1: 200ms, t2: 800ms, t4: 1s}
                """)
            try edge.command("allow", "add", "127.0.0.0/8", "--tag", "load", "--group", "2")
            let directory = edge.program.directory
            let answering = try await Sipp.answering(.udp, port: farSide, in: directory)
            try await edge.start()

            func place(_ name: String, rate: Int, seconds: Int) async throws -> (answered: Int, refused: Int) {
                let before = try await counts(edge)
                let sipp = try Sipp.calling(
                    name, scenario: "overload", .udp, to: listener.endpoint, calls: rate * seconds, rate: rate,
                    in: directory)
                _ = try await sipp.process.ends(within: .seconds(seconds + 90))
                let after = try await counts(edge)
                return (after.answered - before.answered, after.refused - before.refused)
            }

            // The capacity: the last of rising rates at which every call is answered.
            var capacity = 225
            while true {
                let rate = capacity * 4 / 3
                // As long as what is measured against it: in a second or two the buffers help.
                let seconds = rate > 2000 ? 8 : 3
                let result = try await place("capacity-\(rate)", rate: rate, seconds: seconds)
                guard result.refused == 0, result.answered >= rate * seconds * 99 / 100, rate < 20_000 else { break }
                capacity = rate
            }

            // Other programs on this machine want their share too: the best of three rounds is what the edge can do.
            var goodput = 0.0
            for round in 1...3 where goodput < Self.share * Double(capacity) {
                // What talks is to be up before it begins, and is told by the number of calls: some that sipp has
                // given up stay behind.
                var before = -1.0
                try await eventually("the round before is over", within: .seconds(60)) {
                    let calls = try await edge.metric("sip_active_calls")
                    defer { before = calls }
                    return try await edge.metric("sip_overload_limit") == 0 && calls == before
                }
                let talking = try Sipp.calling(
                    "talking-\(round)", scenario: "talk", .udp, to: talkers.endpoint, calls: Self.talkers, rate: 25,
                    in: directory)
                try await eventually("all of them talk") {
                    try await edge.metric("sip_active_calls") >= before + Double(Self.talkers)
                }
                let seconds = 12
                let result = try await place("overload-\(round)", rate: capacity * 2, seconds: seconds)
                goodput = max(goodput, Double(result.answered) / Double(seconds))
                print(
                    "overload: capacity \(capacity)/s, offered \(capacity * 2)/s, answered "
                        + "\(result.answered / seconds)/s, refused \(result.refused / seconds)/s")
                let talk = try await talking.process.ends(within: .seconds(60))
                let said = try talking.statistics()
                #expect(result.refused > 0)
                #expect(
                    talk == 0 && said.failed == 0 && said.successful == Self.talkers,
                    "\(talking.errors.prefix(2000))")
            }
            #expect(goodput >= Self.share * Double(capacity))
            _ = try await edge.witnesses(.degraded) { $0.text("component") == "capacity" }
            _ = try await edge.witnesses(.recovered, within: .seconds(30)) { $0.text("component") == "capacity" }
            let calm = try await place("calm", rate: max(20, capacity / 3), seconds: 3)
            #expect(calm.refused == 0 && calm.answered == max(20, capacity / 3) * 3)
            try await answering.process.kill()
            #expect(try await edge.stop() == 0)
            #expect(try edge.verify().defect == nil)
        }

        private func counts(_ edge: EdgeUnderTest) async throws -> (answered: Int, refused: Int) {
            let lines = try await edge.get("/metrics").split(whereSeparator: \.isNewline)
            func sum(_ prefix: String, _ part: String = " ") -> Int {
                lines.filter { $0.hasPrefix(prefix) && $0.contains(part) }
                    .compactMap { $0.split(separator: " ").last.flatMap { Double($0) } }.reduce(0) { $0 + Int($1) }
            }
            return (sum("sip_calls_total{", "answered"), sum("sip_overload_refusals_total "))
        }
    }
}
