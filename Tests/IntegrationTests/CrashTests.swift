import CoreTypes
import SIPMessage
import Synchronization
import TestSupport
import Testing
import UserAgent
import Witness

extension Integration {
    @Suite("Crashes", .needs(.sipp), .timeLimit(.minutes(5)))
    struct CrashTests {
        @Test("killed ten times under load, the witness verifies and has every call that reached the far side")
        func crashes() async throws {
            let listener = try EdgeUnderTest.Listener(.udp, "trunks")
            let phone = try await Calls.answeringPhone()
            let edge = try EdgeUnderTest(
                [listener],
                """
                profiles:
                  trunks:
                    source_rate: {requests: 100000, per: 10s, forget_after: 120s}
                    call_rate: {calls: 100000, per: 60s}
                routes:
                  - {name: far, match: {}, to: "sip:far@\(phone.endpoints[0])"}
                """)
            try edge.command("allow", "add", "127.0.0.0/8", "--tag", "load", "--group", "2")
            try await edge.start()

            let reached = CallIDs()
            let watching = Task {
                for await received in phone.messages() where received.message.method == .invite {
                    reached.insert(received.message.callID)
                }
            }
            let load = try Sipp.calling(
                "load", .udp, to: listener.endpoint, calls: 100_000, rate: 200, in: edge.program.directory)
            for round in 1...10 {
                let before = reached.count
                try await eventually("calls reach the far side in round \(round)") {
                    guard load.process.isRunning else { throw Failure("sipp: \(load.process.output.suffix(2000))") }
                    return reached.count >= before + 30
                }
                try await edge.crash()
                let atCrash = reached.all
                try await edge.start()
                let report = try edge.verify()
                #expect(report.defect == nil, "round \(round)")
                let recorded = Set(try edge.records().filter(\.admits).compactMap { $0.text("call_id") })
                let missing = atCrash.subtracting(recorded)
                #expect(missing.isEmpty, "round \(round): \(missing.count) of \(atCrash.count), \(missing.first ?? "")")
            }
            try await load.process.kill()
            #expect(try await edge.stop() == 0)
            let recorded = Set(try edge.records().filter(\.admits).compactMap { $0.text("call_id") })
            #expect(reached.all.isSubset(of: recorded))
            #expect(try edge.records().filter { $0.kind == "STARTED" }.count == 11)
            #expect(try edge.verify().defect == nil)
            await phone.shutdown()
            await watching.value
        }
    }
}

/// Calls that were seen, each once.
private final class CallIDs: Sendable {
    private let seen = Mutex<Set<String>>([])

    var all: Set<String> { seen.withLock { $0 } }
    var count: Int { seen.withLock { $0.count } }

    func insert(_ callID: String) { seen.withLock { _ = $0.insert(callID) } }
}
