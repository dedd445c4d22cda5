import CoreTypes
import Edge
import SIPMessage
import Testing
import Witness

extension EdgeTests {
    @Suite("Calls whose sides are gone")
    struct LivenessTests {
        private static let profile = ", liveness: {every: 200ms, misses: 2}"

        @Test("a side that says nothing is asked inside the dialog, by a number that moves nothing on")
        func asked() async throws {
            try await Laboratory.run(profile: Self.profile) { lab in
                let (dialog, invite, ok) = try lab.connect()
                for _ in 0..<3 {
                    let toCallee = try lab.callee.request(.options)
                    #expect(toCallee.cSeq.number == invite.cSeq.number)
                    #expect(toCallee.toTag == "bt" && toCallee.fromTag == "ct" && toCallee.callID == dialog.callID)
                    lab.callee.send(lab.response(200, "OK", to: toCallee), to: lab.address)
                    let toCaller = try lab.caller.request(.options)
                    #expect(toCaller.cSeq.number == 0)
                    #expect(toCaller.toTag == "ct" && toCaller.fromTag == "bt")
                    lab.caller.send(lab.response(200, "OK", to: toCaller), to: lab.address)
                }
                lab.caller.send(lab.inDialog("BYE", dialog, ok), to: lab.address)
                let bye = try lab.callee.request(.bye)
                lab.callee.send(lab.response(200, "OK", to: bye), to: lab.address)
                let record = try #require(try await lab.records("CALL_ENDED").first)
                #expect(record[detail: "result"] == .string("answered"))
            }
        }

        @Test("a side that refuses the question is there", arguments: [405, 501, 500, 403, 401])
        func refuses(status: Int) async throws {
            try await Laboratory.run(profile: Self.profile) { lab in
                _ = try lab.connect()
                for _ in 0..<5 {
                    for peer in [lab.callee, lab.caller] {
                        let question = try peer.request(.options)
                        peer.send(lab.response(status, "No", to: question), to: lab.address)
                    }
                }
                #expect(try await lab.edge.calls(activeOnly: true, limit: 1).first?.state == "connected")
                #expect(try await lab.records("CALL_ENDED", patience: 5).isEmpty)
            }
        }

        @Test("a side that talks is not asked")
        func talks() async throws {
            try await Laboratory.run(profile: ", liveness: {every: 1s, misses: 2}") { lab in
                let (dialog, _, ok) = try lab.connect()
                for cSeq in 2..<10 {
                    lab.caller.send(lab.inDialog("INFO", dialog, ok, cSeq: cSeq), to: lab.address)
                    let info = try lab.callee.request(.info)
                    lab.callee.send(lab.response(200, "OK", to: info), to: lab.address)
                    #expect(try lab.caller.message().cSeq.method == .info)
                    #expect(lab.callee.hearsNothing(for: 200))
                }
            }
        }

        @Test("when both are silent, the call ends in bounded time", .timeLimit(.minutes(1)))
        func silent() async throws {
            try await Laboratory.run(profile: Self.profile) { lab in
                _ = try lab.connect()
                let start = ContinuousClock.now
                let record = try #require(try await lab.records("CALL_ENDED", patience: 1000).first)
                #expect(record[detail: "result"] == .string("vanished"))
                #expect(record[detail: "ended_by"] == nil)
                // Two questions with 64 times T1 each (1.3 s), at rounds of 200 ms.
                #expect(ContinuousClock.now - start < .seconds(8))
                #expect(try await lab.edge.calls(activeOnly: true, limit: 1).isEmpty)
            }
        }

        @Test("when one is gone, the other is hung up on")
        func oneGone() async throws {
            try await Laboratory.run(profile: Self.profile) { lab in
                let (dialog, _, _) = try lab.connect()
                // The callee is silent; the caller answers whatever comes.
                var bye: Message?
                while bye == nil {
                    let message = try lab.caller.message(within: 8000)
                    guard message.isRequest else { continue }
                    lab.caller.send(lab.response(200, "OK", to: message), to: lab.address)
                    if message.method == .bye { bye = message }
                }
                #expect(bye?.callID == dialog.callID)
                #expect(bye?.text(.reason)?.contains("gone") == true)
                let record = try #require(try await lab.records("CALL_ENDED").first)
                #expect(record[detail: "result"] == .string("vanished"))
            }
        }

        @Test("one that knows no such call any more has started anew: the call ends at once")
        func startedAnew() async throws {
            try await Laboratory.run(profile: ", liveness: {every: 200ms, misses: 50}") { lab in
                _ = try lab.connect()
                let question = try lab.callee.request(.options)
                lab.callee.send(lab.response(481, "Call/Transaction Does Not Exist", to: question), to: lab.address)
                _ = try lab.caller.request(.bye)
                let record = try #require(try await lab.records("CALL_ENDED").first)
                #expect(record[detail: "result"] == .string("vanished"))
            }
        }

        @Test("where it is off, nobody is asked")
        func off() async throws {
            try await Laboratory.run(profile: ", liveness: off") { lab in
                _ = try lab.connect()
                #expect(lab.callee.hearsNothing(for: 700) && lab.caller.hearsNothing(for: 100))
            }
        }
    }
}
