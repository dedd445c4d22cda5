import CoreTypes
import Edge
import Foundation
import SIPMessage
import Testing
import Witness

extension EdgeTests {
    @Suite("Calls that the edge ends")
    struct CallEndingTests {
        @Test("an operator's end is a BYE to both sides, as each expects it from the other")
        func connected() async throws {
            try await Laboratory.run { lab in
                let (dialog, invite, ok) = try lab.connect()
                let call = try #require(try await lab.edge.calls(activeOnly: true, limit: 10).first)
                #expect(call.state == "connected" && call.callID == dialog.callID)
                guard case .ended(let ended) = try await lab.edge.endCall(call.id, actor: "ann") else {
                    Issue.record("the call was not ended")
                    return
                }
                #expect(ended.state == "ended" && ended.endedBy == "operator" && ended.result == .answered)

                let toCallee = try lab.callee.request(.bye)
                #expect(toCallee.requestURI?.text == "sip:bob@\(lab.callee.endpoint)")
                #expect(toCallee.fromTag == "ct" && toCallee.toTag == "bt" && toCallee.callID == dialog.callID)
                #expect(toCallee.cSeq.number == invite.cSeq.number + 1)
                #expect(toCallee.vias.count == 1 && toCallee.values(.route).isEmpty)
                #expect(toCallee.text(.reason)?.contains("Ended by the operator") == true)
                lab.callee.send(lab.response(200, "OK", to: toCallee), to: lab.address)

                let toCaller = try lab.caller.request(.bye)
                #expect(toCaller.requestURI?.text == "sip:alice@\(lab.caller.endpoint)")
                #expect(toCaller.fromTag == "bt" && toCaller.toTag == "ct" && toCaller.callID == dialog.callID)
                lab.caller.send(lab.response(200, "OK", to: toCaller), to: lab.address)

                let record = try #require(try await lab.records("CALL_ENDED").first)
                #expect(record[detail: "ended_by"] == .string("operator"))
                #expect(record[detail: "result"] == .string("answered"))
                // It was written before, among those of the registry.
                let changes = try await lab.records("ADMIN_CHANGE")
                let change = try #require(changes.first { $0[detail: "action"] == .string("call.end") })
                #expect(change[detail: "actor"] == .string("ann"))
                #expect(change[detail: "object"] == .string(call.id))

                // Answered, so not sent again; and over: what follows is in no call.
                for (peer, bye) in [(lab.callee, toCallee), (lab.caller, toCaller)] {
                    // What left before the answer came may still be under way.
                    while let octets = peer.receive(within: 150) {
                        #expect(try Message(parsing: octets).topVia.branch == bye.topVia.branch)
                    }
                }
                #expect(try await lab.edge.calls(activeOnly: true, limit: 10).isEmpty)
                #expect(try await lab.edge.call(call.id) == ended)
                guard case .hadEnded = try await lab.edge.endCall(call.id, actor: "ann") else {
                    Issue.record("a call was ended twice")
                    return
                }
                lab.caller.send(lab.inDialog("BYE", dialog, ok, cSeq: 9), to: lab.address)
                #expect(try lab.caller.response().status == 481)
            }
        }

        @Test("an end for a call that is not there touches nothing")
        func unknown() async throws {
            try await Laboratory.run { lab in
                guard case .unknown = try await lab.edge.endCall("0123456789abcdef", actor: "ann") else {
                    Issue.record("there is no such call")
                    return
                }
            }
        }

        @Test("its BYE counts on behind what each side has seen, and goes to where each side was last")
        func sequence() async throws {
            try await Laboratory.run { lab in
                let (dialog, _, ok) = try lab.connect()
                // The caller moves on to another Contact, with a higher number.
                let moved = lab.inDialog("INVITE", dialog, ok, cSeq: 7)
                    .replacingOccurrences(
                        of: "sip:alice@\(lab.caller.endpoint)>", with: "sip:alice2@\(lab.caller.endpoint)>")
                lab.caller.send(moved, to: lab.address)
                let again = try lab.callee.request(.invite)
                lab.callee.send(
                    lab.response(200, "OK", to: again, contact: "sip:bob2@\(lab.callee.endpoint)"), to: lab.address)
                _ = try lab.caller.final(200, cSeq: 7)
                lab.caller.send(
                    lab.inDialog("ACK", dialog, ok, cSeq: 7, uri: "sip:bob2@\(lab.callee.endpoint)"), to: lab.address)
                _ = try lab.callee.request(.ack)
                // And the callee has asked something under a number of its own.
                let route = try #require(ok.values(.recordRoute).first.map(ok.text))
                lab.callee.send(
                    lab.fromCallee("INFO", dialog, cSeq: 40, route: route, branch: "z9hG4bKinfo"), to: lab.address)
                let info = try lab.caller.request(.info)
                lab.caller.send(lab.response(200, "OK", to: info), to: lab.address)
                #expect(try lab.callee.response().status == 200)

                let call = try #require(try await lab.edge.calls(activeOnly: true, limit: 1).first)
                _ = try await lab.edge.endCall(call.id, actor: "ann")
                let toCallee = try lab.callee.request(.bye)
                #expect(toCallee.cSeq.number == 8)
                #expect(toCallee.requestURI?.user == "bob2")
                let toCaller = try lab.caller.request(.bye)
                #expect(toCaller.cSeq.number == 41)
                #expect(toCaller.requestURI?.user == "alice2")
            }
        }

        @Test("its BYE counts on behind what was said before the answer, too")
        func earlySequence() async throws {
            try await Laboratory.run { lab in
                let dialog = lab.newDialog()
                lab.caller.send(lab.request("INVITE", dialog), to: lab.address)
                let invite = try lab.callee.request(.invite)
                lab.callee.send(lab.response(183, "Session Progress", to: invite), to: lab.address)
                let progress = try lab.caller.response()
                lab.caller.send(lab.inDialog("PRACK", dialog, progress, cSeq: 5), to: lab.address)
                let prack = try lab.callee.request(.prack)
                lab.callee.send(lab.response(200, "OK", to: prack), to: lab.address)
                #expect(try lab.caller.response().cSeq.method == .prack)
                lab.callee.send(lab.response(200, "OK", to: invite), to: lab.address)
                #expect(try lab.caller.response().status == 200)
                let call = try #require(try await lab.edge.calls(activeOnly: true, limit: 1).first)
                _ = try await lab.edge.endCall(call.id, actor: "ann")
                #expect(try lab.callee.request(.bye).cSeq.number == 6)
            }
        }

        @Test("its BYE takes the way through the proxies on both sides")
        func routes() async throws {
            try await Laboratory.run { lab in
                let near = "<sip:near@\(lab.caller.endpoint);lr>"
                let far = "<sip:far@\(lab.caller.endpoint);lr>"
                let dialog = lab.newDialog()
                lab.caller.send(
                    lab.request(
                        "INVITE", dialog, lines: ["Max-Forwards: 70", "Record-Route: \(near)", "Record-Route: \(far)"]),
                    to: lab.address)
                let invite = try lab.callee.request(.invite)
                // Two proxies behind the edge, the one next to the phone on top.
                var ok = lab.response(200, "OK", to: invite)
                let last = "<sip:last@\(lab.callee.endpoint);lr>"
                let first = "<sip:first@\(lab.callee.endpoint);lr>"
                let own = try #require(ok.range(of: "Record-Route: "))
                ok.insert(
                    contentsOf: "Record-Route: \(last)\r\nRecord-Route: \(first)\r\n", at: own.lowerBound)
                lab.callee.send(ok, to: lab.address)
                #expect(try lab.caller.response().status == 200)
                let call = try #require(try await lab.edge.calls(activeOnly: true, limit: 1).first)
                _ = try await lab.edge.endCall(call.id, actor: "ann")
                let toCallee = try lab.callee.request(.bye)
                #expect(toCallee.values(.route).map(toCallee.text) == [first, last])
                #expect(toCallee.requestURI?.user == "bob")
                let toCaller = try lab.caller.request(.bye)
                #expect(toCaller.values(.route).map(toCaller.text) == [near, far])
                #expect(toCaller.requestURI?.user == "alice")
            }
        }

        @Test("a call that rings is cancelled at the callee and refused at the caller")
        func ringing() async throws {
            try await Laboratory.run { lab in
                let dialog = lab.newDialog()
                lab.caller.send(lab.request("INVITE", dialog), to: lab.address)
                let invite = try lab.callee.request(.invite)
                lab.callee.send(lab.response(180, "Ringing", to: invite), to: lab.address)
                #expect(try lab.caller.response().status == 180)
                let call = try #require(try await lab.edge.calls(activeOnly: true, limit: 1).first)
                #expect(call.state == "ringing")
                _ = try await lab.edge.endCall(call.id, actor: "ann")
                let refusal = try lab.caller.response()
                #expect(refusal.status == 480)
                #expect(refusal.text(.reason)?.contains("Ended by the operator") == true)
                lab.caller.send(lab.request("ACK", dialog, to: refusal.text(.to) ?? ""), to: lab.address)
                let cancel = try lab.callee.request(.cancel)
                #expect(cancel.topVia.branch == invite.topVia.branch)
                lab.callee.send(lab.response(200, "OK", to: cancel), to: lab.address)
                lab.callee.send(lab.response(487, "Request Terminated", to: invite), to: lab.address)
                #expect(try lab.callee.request(.ack).toTag == "bt")
                let record = try #require(try await lab.records("CALL_ENDED").first)
                #expect(record[detail: "ended_by"] == .string("operator"))
                #expect(record[detail: "result"] == .string("refused"))
                #expect(record[detail: "status"] == .integer(480))
                #expect(try await lab.records("CALL_ENDED").count == 1)
            }
        }

        @Test("who picks up when the call has been ended is acknowledged and hung up on, once")
        func crossing() async throws {
            try await Laboratory.run { lab in
                let dialog = lab.newDialog()
                lab.caller.send(lab.request("INVITE", dialog), to: lab.address)
                let invite = try lab.callee.request(.invite)
                lab.callee.send(lab.response(180, "Ringing", to: invite), to: lab.address)
                #expect(try lab.caller.response().status == 180)
                let call = try #require(try await lab.edge.calls(activeOnly: true, limit: 1).first)
                _ = try await lab.edge.endCall(call.id, actor: "ann")
                #expect(try lab.caller.response().status == 480)
                for _ in 0..<2 { lab.callee.send(lab.response(200, "OK", to: invite), to: lab.address) }
                let ack = try lab.callee.request(.ack)
                #expect(ack.cSeq.number == invite.cSeq.number && ack.toTag == "bt")
                let bye = try lab.callee.request(.bye)
                #expect(bye.cSeq.number == invite.cSeq.number + 1 && bye.toTag == "bt" && bye.fromTag == "ct")
                lab.callee.send(lab.response(200, "OK", to: bye), to: lab.address)
                // The caller hears nothing of it but 480 again, as it has acknowledged nothing.
                while let octets = lab.caller.receive(within: 200) {
                    #expect(try Message(parsing: octets).status == 480)
                }
                while let octets = lab.callee.receive(within: 100) {
                    let message = try Message(parsing: octets)
                    #expect(!message.isRequest || message.method != .bye || message.topVia.branch == bye.topVia.branch)
                }
            }
        }

        @Test("of a call that several phones have answered, each is hung up on")
        func forked() async throws {
            let second = try WirePeer(host: 4)
            let third = try WirePeer(host: 5)
            try await Laboratory.run(
                targets: [second, third].map { "sip:\($0.endpoint)" }, pool: "ring: together\n    probe: off",
                priorities: [1, 1]
            ) { lab in
                let dialog = lab.newDialog()
                lab.caller.send(lab.request("INVITE", dialog), to: lab.address)
                for (peer, tag) in [(second, "t2"), (third, "t3")] {
                    let invite = try peer.request(.invite)
                    peer.send(
                        lab.response(200, "OK", to: invite, tag: tag, contact: "sip:\(tag)@\(peer.endpoint)"),
                        to: lab.address)
                    _ = try lab.caller.final(200, tag: tag)
                }
                let call = try #require(try await lab.edge.calls(activeOnly: true, limit: 1).first)
                _ = try await lab.edge.endCall(call.id, actor: "ann")
                #expect(try second.request(.bye).toTag == "t2")
                #expect(try third.request(.bye).toTag == "t3")
                let tags = try (0..<2).map { _ in try lab.caller.request(.bye).fromTag }
                #expect(Set(tags) == ["t2", "t3"])
            }
        }

        @Test("the longest duration ends a call at both sides, counted from the answer")
        func longest() async throws {
            try await Laboratory.run(profile: ", max_duration: 1s") { lab in
                let (dialog, _, _) = try lab.connect()
                let toCallee = try lab.callee.request(.bye, callID: dialog.callID, within: 5000)
                lab.callee.send(lab.response(200, "OK", to: toCallee), to: lab.address)
                let toCaller = try lab.caller.request(.bye, callID: dialog.callID)
                #expect(toCaller.text(.reason)?.contains("Maximum duration") == true)
                let record = try #require(try await lab.records("CALL_ENDED").first)
                #expect(record[detail: "result"] == .string("max_duration"))
                guard case .integer(let milliseconds)? = record[detail: "duration_ms"] else {
                    Issue.record("no duration")
                    return
                }
                #expect((1000..<2000).contains(milliseconds))
            }
        }

        @Test("nothing rings for longer than the longest duration either")
        func ringsTooLong() async throws {
            try await Laboratory.run(profile: ", max_duration: 1s") { lab in
                let dialog = lab.newDialog()
                lab.caller.send(lab.request("INVITE", dialog), to: lab.address)
                let invite = try lab.callee.request(.invite)
                lab.callee.send(lab.response(180, "Ringing", to: invite), to: lab.address)
                #expect(try lab.caller.response().status == 180)
                #expect(try lab.caller.response(within: 5000).status == 480)
                _ = try lab.callee.request(.cancel)
            }
        }

        @Test("calls are listed newest first, page by page, those that ended behind them")
        func pages() async throws {
            try await Laboratory.run { lab in
                for _ in 0..<20 {
                    let dialog = lab.newDialog()
                    lab.caller.send(lab.request("INVITE", dialog), to: lab.address)
                    let invite = try lab.callee.request(.invite, callID: dialog.callID)
                    lab.callee.send(lab.response(486, "Busy Here", to: invite), to: lab.address)
                    _ = try lab.callee.request(.ack, callID: dialog.callID)
                    // That of a call before may have been sent again meanwhile.
                    var refusal = try lab.caller.final(486)
                    while refusal.callID != dialog.callID { refusal = try lab.caller.final(486) }
                    lab.caller.send(lab.request("ACK", dialog, to: refusal.text(.to) ?? ""), to: lab.address)
                }
                while lab.caller.receive(within: 200) != nil {}
                let (last, _, _) = try lab.connect()
                let all = try await lab.edge.calls(activeOnly: false, limit: 2000)
                #expect(all.count == 21)
                #expect(all.first?.callID == last.callID && all.first?.state == "connected")
                #expect(all.map(\.number) == all.map(\.number).sorted(by: >))
                #expect(
                    all.dropFirst().allSatisfy { $0.status == 486 && $0.result == .refused && $0.milliseconds == 0 })
                let page = try await lab.edge.calls(activeOnly: false, before: all[9].number, limit: 5)
                #expect(page == Array(all[10..<15]))
                #expect(try await lab.edge.calls(activeOnly: true, limit: 10).count == 1)
            }
        }
    }
}

extension Laboratory {
    /// A request of the callee inside a dialog.
    func fromCallee(_ method: String, _ dialog: Dialog, cSeq: Int, route: String, branch: String) -> String {
        [
            "\(method) sip:alice@\(caller.endpoint) SIP/2.0", "Via: SIP/2.0/UDP \(callee.endpoint);branch=\(branch)",
            "From: <sip:bob@edge.example>;tag=bt", "To: <sip:alice@edge.example>;tag=\(dialog.callerTag)",
            "Call-ID: \(dialog.callID)", "CSeq: \(cSeq) \(method)", "Max-Forwards: 70", "Route: \(route)",
            "Content-Length: 0",
        ].joined(separator: "\r\n") + "\r\n\r\n"
    }
}
