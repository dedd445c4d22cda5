import CoreTypes
import SIPMessage
import Testing
import TestSupport

/// Over the wire, against the built edge, one row of the table after the other.
@Suite("Conformance", .serialized, .timeLimit(.minutes(10)))
enum Conformance {}

extension Conformance {
    @Suite("Transactions")
    struct TransactionTests {
        @Test("row 1: INVITE to a silent server", arguments: Way.allCases)
        func trying(way: Way) async throws {
            try await row(1, way) { lab, caller in
                let call = CallIdentity()
                let start = ContinuousClock.now
                caller.send(caller.request("INVITE", call))
                _ = try await caller.response(100, call)
                #expect(ContinuousClock.now - start < .milliseconds(200))
                let invite = try await lab.downstream.request(.invite, of: call.callID)
                try invite.answer(100, "Trying")
                try invite.answer(180, "Ringing")
                _ = try await caller.response(180, call)
                #expect(caller.count(100, call) == 1)
                try invite.answer(486, "Busy Here")
            }
        }

        @Test("row 2: the same INVITE three times", arguments: [Way.udp])
        func repeated(way: Way) async throws {
            try await row(2, way) { lab, caller in
                let call = CallIdentity()
                let invite = caller.request("INVITE", call)
                for _ in 0..<3 { caller.send(invite) }
                let received = try await lab.downstream.request(.invite, of: call.callID)
                try received.answer(183, "Session Progress")
                _ = try await caller.response(183, call)
                caller.send(invite)
                _ = try await caller.response(183, call)
                // Only the branch tells a new transaction from the server's view; retransmissions share it.
                let branches = Set(
                    lab.downstream.mailbox.everything.compactMap(\.message)
                        .filter { $0.callID == call.callID && $0.method == .invite }.map(\.topVia.branch))
                #expect(branches.count == 1)
                try received.answer(486, "Busy Here")
            }
        }

        @Test("row 3: 486 with the ACK withheld", arguments: Way.allCases)
        func refused(way: Way) async throws {
            try await row(3, way) { lab, caller in
                let call = CallIdentity()
                let branch = caller.nextBranch()
                caller.send(caller.request("INVITE", call, branch: branch))
                let invite = try await lab.downstream.request(.invite, of: call.callID)
                try invite.answer(486, "Busy Here")
                let acknowledged = try await lab.downstream.request(.ack, of: call.callID).sip
                #expect(acknowledged.topVia.branch == (try invite.sip).topVia.branch)
                let busy = try await caller.response(486, call)
                if way == .udp {
                    // Timer G: T1, 2*T1, then T2.
                    for _ in 0..<3 { _ = try await caller.response(486, call) }
                }
                caller.send(
                    caller.request(
                        "ACK", call, branch: branch, to: "<sip:bob@external.advisor>;tag=\(busy.toTag ?? "")",
                        authenticates: false))
                try await lab.fence()
                let repeated = caller.count(486, call)
                // Longer than T2, the longest interval of timer G: a transaction that is not confirmed would speak.
                try await lab.passes(.milliseconds(250))
                #expect(caller.count(486, call) == repeated)
                #expect(lab.downstream.count(.ack, of: call.callID) == 1)
                #expect(way == .udp || repeated == 1)
            }
        }

        @Test("row 3: without an ACK the edge gives up after 64*T1", arguments: [Way.udp])
        func neverAcknowledged(way: Way) async throws {
            try await row(3, way) { lab, caller in
                let call = CallIdentity()
                caller.send(caller.request("INVITE", call))
                try await lab.downstream.request(.invite, of: call.callID).answer(486, "Busy Here")
                _ = try await caller.response(486, call)
                try await lab.passes(Laboratory.timeout + .milliseconds(300))
                let repeated = caller.count(486, call)
                // T1 = 50 ms, T2 = 200 ms: 50, 150, 350, and then every 200 ms up to 3,200 ms.
                #expect((12...18).contains(repeated), "\(repeated)")
                try await lab.passes(.milliseconds(450))
                #expect(caller.count(486, call) == repeated)
            }
        }

        @Test("row 4: every 200 is relayed, and the ACK goes along Record-Route", arguments: Way.allCases)
        func accepted(way: Way) async throws {
            try await row(4, way) { lab, caller in
                let call = CallIdentity()
                caller.send(caller.request("INVITE", call))
                let invite = try await lab.downstream.request(.invite, of: call.callID)
                for _ in 0..<3 { try invite.answer(200, "OK", contact: "sip:bob@\(lab.downstream.endpoint)") }
                var answer: Message?
                for _ in 0..<3 { answer = try await caller.response(200, call) }
                let ok = try #require(answer)
                #expect(ok.vias.count == 1)
                #expect(!ok.values(.recordRoute).isEmpty)
                let ack = caller.inDialog("ACK", call, ok, cSeq: 1)
                for _ in 0..<2 { caller.send(ack) }
                let first = try await lab.downstream.request(.ack, of: call.callID).sip
                #expect(first.values(.route).isEmpty && first.maxForwards == 69)
                #expect(first.requestURI?.text == "sip:bob@\(lab.downstream.endpoint)")
                // Every ACK of the caller is relayed: a retransmitted 200 may have been its reason.
                _ = try await lab.downstream.request(.ack, of: call.callID)
                try await lab.hangUp(caller, .init(call: call, invite: try invite.sip, answer: ok, branch: ""))
            }
        }

        @Test("row 5: CANCEL before any provisional response", arguments: Way.allCases)
        func cancelled(way: Way) async throws {
            try await row(5, way) { lab, caller in
                let call = CallIdentity()
                let branch = caller.nextBranch()
                caller.send(caller.request("INVITE", call, branch: branch))
                let invite = try await lab.downstream.request(.invite, of: call.callID)
                caller.send(caller.request("CANCEL", call, branch: branch, authenticates: false))
                _ = try await caller.response(200, call, method: .cancel)
                try await lab.fence()
                #expect(lab.downstream.count(.cancel, of: call.callID) == 0)
                try invite.answer(180, "Ringing")
                let cancel = try await lab.downstream.request(.cancel, of: call.callID)
                #expect(try cancel.sip.topVia.branch == invite.sip.topVia.branch)
                #expect(try cancel.sip.vias.count == 1)
                try cancel.answer(200, "OK")
                try invite.answer(487, "Request Terminated")
                _ = try await caller.response(487, call)
            }
        }

        @Test("row 6: 200 crosses CANCEL", arguments: Way.allCases)
        func crossing(way: Way) async throws {
            try await row(6, way) { lab, caller in
                let call = CallIdentity()
                let branch = caller.nextBranch()
                caller.send(caller.request("INVITE", call, branch: branch))
                let invite = try await lab.downstream.request(.invite, of: call.callID)
                try invite.answer(180, "Ringing")
                _ = try await caller.response(180, call)
                caller.send(caller.request("CANCEL", call, branch: branch, authenticates: false))
                try invite.answer(200, "OK", contact: "sip:bob@\(lab.downstream.endpoint)")
                _ = try await caller.response(200, call, method: .cancel)
                let ok = try await caller.response(200, call, method: .invite)
                caller.send(caller.inDialog("ACK", call, ok, cSeq: 1))
                _ = try await lab.downstream.request(.ack, of: call.callID)
                try await lab.hangUp(caller, .init(call: call, invite: try invite.sip, answer: ok, branch: branch))
            }
        }

        @Test("row 7: CANCEL with a call's branch from another source", arguments: Way.allCases)
        func foreignCancel(way: Way) async throws {
            try await row(7, way) { lab, caller in
                let call = CallIdentity()
                let branch = caller.nextBranch()
                caller.send(caller.request("INVITE", call, branch: branch))
                let invite = try await lab.downstream.request(.invite, of: call.callID)
                try invite.answer(180, "Ringing")
                _ = try await caller.response(180, call)
                let stranger = try await lab.caller(way, from: .init(v4: 0x7f00_0009))
                stranger.send(caller.request("CANCEL", call, branch: branch, authenticates: false))
                _ = try await stranger.response(481, call)
                try await lab.fence()
                #expect(lab.downstream.count(.cancel, of: call.callID) == 0)
                try invite.answer(200, "OK", contact: "sip:bob@\(lab.downstream.endpoint)")
                let ok = try await caller.response(200, call)
                caller.send(caller.inDialog("ACK", call, ok, cSeq: 1))
                try await lab.hangUp(caller, .init(call: call, invite: try invite.sip, answer: ok, branch: branch))
                try await stranger.wire.close()
            }
        }

        @Test("row 9: nothing but 180, beyond timer C")
        func timerC() async throws {
            let lab = try await Laboratory(sip: ", timer_c: 400ms")
            for way in Way.allCases {
                let caller = try await lab.caller(way)
                let call = CallIdentity()
                caller.send(caller.request("INVITE", call))
                let invite = try await lab.downstream.request(.invite, of: call.callID)
                let start = ContinuousClock.now
                // Each of these starts timer C anew; together they last longer than it.
                for _ in 0..<3 {
                    try invite.answer(180, "Ringing")
                    _ = try await caller.response(180, call)
                    try await lab.passes(.milliseconds(250))
                }
                let cancel = try await lab.downstream.request(.cancel, of: call.callID)
                #expect(ContinuousClock.now - start > .milliseconds(850))
                try cancel.answer(200, "OK")
                try invite.answer(487, "Request Terminated")
                _ = try await caller.response(408, call)
                try Ledger.note(9, [way.rawValue])
            }
            try await lab.close()
        }
    }
}
