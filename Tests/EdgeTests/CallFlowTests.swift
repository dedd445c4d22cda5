import Edge
import Witness
import CoreTypes
import SIPMessage
import Testing

extension EdgeTests {
    @Suite("Calls through the edge")
    struct CallFlowTests {
        @Test("a call comes up, is talked, and ends from either side")
        func wholeCall() async throws {
            for hangsUp in ["caller", "callee"] {
                try await Laboratory.run { lab in
                    let (dialog, invite, ok) = try lab.connect()
                    #expect(invite.vias.count == 2)
                    #expect(invite.maxForwards == 69)
                    #expect(invite.requestURI?.text == "sip:bob@\(lab.callee.endpoint)")
                    #expect(ok.vias.count == 1)
                    if hangsUp == "caller" {
                        lab.caller.send(lab.inDialog("BYE", dialog, ok), to: lab.address)
                        let bye = try lab.callee.request(.bye)
                        #expect(bye.values(.route).isEmpty)
                        lab.callee.send(lab.response(200, "OK", to: bye), to: lab.address)
                        #expect(try lab.caller.response().status == 200)
                    } else {
                        let route = try #require(ok.values(.recordRoute).first.map(ok.text))
                        lab.callee.send(
                            """
                            BYE sip:alice@\(lab.caller.endpoint) SIP/2.0\r
                            Via: SIP/2.0/UDP \(lab.callee.endpoint);branch=z9hG4bKbye\r
                            From: <sip:bob@edge.example>;tag=bt\r
                            To: <sip:alice@edge.example>;tag=ct\r
                            Call-ID: \(dialog.callID)\r
                            CSeq: 5 BYE\r
                            Route: \(route)\r
                            Content-Length: 0\r
                            \r

                            """, to: lab.address)
                        let bye = try lab.caller.request(.bye)
                        #expect(bye.requestURI?.text == "sip:alice@\(lab.caller.endpoint)")
                    }
                    let ended = try await lab.records("CALL_ENDED")
                    if hangsUp == "caller" {
                        #expect(ended.first?[detail: "ended_by"] == .string("caller"))
                        #expect(ended.first?[detail: "result"] == .string("answered"))
                    }
                }
            }
        }

        @Test("100 comes from the edge, a 100 of the callee is not relayed; a repeated INVITE is forwarded once")
        func trying() async throws {
            try await Laboratory.run { lab in
                let dialog = lab.newDialog()
                for _ in 0..<3 { lab.caller.send(lab.request("INVITE", dialog), to: lab.address) }
                #expect(try lab.caller.message().status == 100)
                let invite = try lab.callee.request(.invite)
                lab.callee.send(lab.response(100, "Trying", to: invite), to: lab.address)
                lab.callee.send(lab.response(180, "Ringing", to: invite), to: lab.address)
                #expect(try lab.caller.response().status == 180)
                #expect(lab.callee.hearsNothing())
                lab.caller.send(lab.request("INVITE", dialog), to: lab.address)
                #expect(try lab.caller.response().status == 180)
            }
        }

        @Test("a refusal is acknowledged by the edge, repeated on timer G until the ACK, which goes no further")
        func refusal() async throws {
            try await Laboratory.run { lab in
                let dialog = lab.newDialog()
                lab.caller.send(lab.request("INVITE", dialog), to: lab.address)
                let invite = try lab.callee.request(.invite)
                lab.callee.send(lab.response(486, "Busy Here", to: invite), to: lab.address)
                let ack = try lab.callee.request(.ack)
                #expect(ack.topVia.branch == invite.topVia.branch)
                #expect(ack.toTag == "bt")
                for _ in 0..<3 { #expect(try lab.caller.response().status == 486) }
                lab.caller.send(
                    lab.request("ACK", dialog, to: "<sip:bob@edge.example>;tag=bt"), to: lab.address)
                while let octets = lab.caller.receive(within: 200) {
                    #expect(try Message(parsing: octets).status == 486)
                }
                #expect(lab.callee.hearsNothing())
            }
        }

        @Test("every 2xx is relayed")
        func repeatedOK() async throws {
            try await Laboratory.run { lab in
                lab.caller.send(lab.request("INVITE", lab.newDialog()), to: lab.address)
                let invite = try lab.callee.request(.invite)
                for _ in 0..<3 {
                    lab.callee.send(lab.response(200, "OK", to: invite), to: lab.address)
                    #expect(try lab.caller.response().status == 200)
                }
            }
        }

        @Test("a CANCEL is answered at once, goes on after a provisional response, and 487 comes back")
        func cancel() async throws {
            try await Laboratory.run { lab in
                let dialog = lab.newDialog()
                lab.caller.send(lab.request("INVITE", dialog), to: lab.address)
                let invite = try lab.callee.request(.invite)
                lab.caller.send(lab.request("CANCEL", dialog), to: lab.address)
                let answer = try lab.caller.response()
                #expect(answer.status == 200 && answer.cSeq.method == .cancel)
                lab.callee.send(lab.response(180, "Ringing", to: invite), to: lab.address)
                let cancel = try lab.callee.request(.cancel)
                #expect(cancel.topVia.branch == invite.topVia.branch)
                lab.callee.send(lab.response(200, "OK", to: cancel), to: lab.address)
                lab.callee.send(lab.response(487, "Request Terminated", to: invite), to: lab.address)
                var status = 0
                while status < 300 { status = try #require(try lab.caller.response().status) }
                #expect(status == 487)
            }
        }

        @Test("a 200 that crosses the CANCEL stands")
        func crossing() async throws {
            try await Laboratory.run { lab in
                let dialog = lab.newDialog()
                lab.caller.send(lab.request("INVITE", dialog), to: lab.address)
                let invite = try lab.callee.request(.invite)
                lab.callee.send(lab.response(180, "Ringing", to: invite), to: lab.address)
                #expect(try lab.caller.response().status == 180)
                lab.caller.send(lab.request("CANCEL", dialog), to: lab.address)
                lab.callee.send(lab.response(200, "OK", to: invite), to: lab.address)
                var methods: Set<String> = []
                for _ in 0..<2 {
                    let answer = try lab.caller.response()
                    #expect(answer.status == 200)
                    methods.insert(answer.cSeq.method.name)
                }
                #expect(methods == ["INVITE", "CANCEL"])
            }
        }

        @Test("a CANCEL with the branch of a call, from elsewhere, is 481 and touches nothing")
        func foreignCancel() async throws {
            try await Laboratory.run { lab in
                let dialog = lab.newDialog()
                lab.caller.send(lab.request("INVITE", dialog), to: lab.address)
                let invite = try lab.callee.request(.invite)
                let stranger = try WirePeer(host: 9)
                stranger.send(lab.request("CANCEL", dialog), to: lab.address)
                #expect(try stranger.message().status == 481)
                lab.callee.send(lab.response(180, "Ringing", to: invite), to: lab.address)
                #expect(try lab.caller.response().status == 180)
                #expect(lab.callee.hearsNothing())
            }
        }

        @Test("a silent callee is 408 after 64*T1, a callee that only rings is cancelled by timer C")
        func timeouts() async throws {
            try await Laboratory.run { lab in
                lab.caller.send(lab.request("INVITE", lab.newDialog()), to: lab.address)
                _ = try lab.callee.request(.invite)
                #expect(try lab.caller.response(within: 4000).status == 408)
            }
            try await Laboratory.run(timerC: "300ms") { lab in
                lab.caller.send(lab.request("INVITE", lab.newDialog()), to: lab.address)
                let invite = try lab.callee.request(.invite)
                lab.callee.send(lab.response(180, "Ringing", to: invite), to: lab.address)
                #expect(try lab.caller.response().status == 180)
                #expect(try lab.callee.request(.cancel).callID == invite.callID)
                #expect(try lab.caller.response().status == 408)
            }
        }

        @Test("a dead target is passed over with a new branch; a relayed 503 becomes 500")
        func failover() async throws {
            let next = try WirePeer(host: 4)
            let targets = ["sip:127.0.0.1:9;transport=tcp", "sip:\(next.endpoint)"]
            try await Laboratory.run(targets: targets) { lab in
                lab.caller.send(lab.request("INVITE", lab.newDialog()), to: lab.address)
                let invite = try next.request(.invite)
                next.send(lab.response(503, "Overloaded", to: invite), to: lab.address)
                #expect(try lab.caller.response().status == 500)
            }
        }

        @Test("over its limit the edge refuses new calls with Retry-After, counts them, and carries what is up")
        func overLimit() async throws {
            try await Laboratory.run(more: "limits: {new_calls_per_second: 1}") { lab in
                let (dialog, _, ok) = try lab.connect()
                let refused = 20
                for _ in 0..<refused { lab.caller.send(lab.request("INVITE", lab.newDialog()), to: lab.address) }
                var answers = 0
                while answers < refused {
                    let answer = try lab.caller.response()
                    // A second may pass meanwhile on a busy machine, and let another call in.
                    if answer.status != 503 { break }
                    #expect((5...15).contains(answer.text(.retryAfter).flatMap { Int($0) } ?? 0))
                    answers += 1
                    if answers == refused - 1 { break }
                }
                #expect(answers >= 1)
                lab.caller.send(lab.inDialog("INFO", dialog, ok), to: lab.address)
                lab.callee.send(lab.response(200, "OK", to: try lab.callee.request(Method("INFO"))), to: lab.address)
                #expect(try lab.caller.final(200, cSeq: 2).status == 200)
                let records = try await lab.records("SECURITY_REJECTED").filter {
                    $0[detail: "reason"] == .string("overload")
                }
                #expect(!records.isEmpty)
            }
        }

        @Test(
            "with its transactions used up the edge refuses new calls, keeps the rest for those that are up, and says so"
        )
        func full() async throws {
            try await Laboratory.run(more: "limits: {transactions: 16}") { lab in
                let (dialog, _, ok) = try lab.connect()
                for _ in 1..<15 {
                    lab.caller.send(lab.request("INVITE", lab.newDialog()), to: lab.address)
                    _ = try lab.callee.request(.invite)
                }
                lab.caller.send(lab.request("INVITE", lab.newDialog()), to: lab.address)
                #expect(try lab.caller.final(503, cSeq: 1).text(.retryAfter) != nil)
                lab.caller.send(lab.inDialog("INFO", dialog, ok), to: lab.address)
                lab.callee.send(lab.response(200, "OK", to: try lab.callee.request(Method("INFO"))), to: lab.address)
                #expect(try lab.caller.final(200, cSeq: 2).status == 200)
                lab.caller.send(lab.inDialog("INFO", dialog, ok, cSeq: 3), to: lab.address)
                #expect(try lab.caller.final(503, cSeq: 3).status == 503)
                let record = try #require(
                    try await lab.records("SECURITY_REJECTED").first { $0[detail: "reason"] == .string("overload") })
                #expect(record[detail: "count"] == .integer(1))
                #expect([.integer(15), .integer(16)].contains(record[detail: "transactions"]))
                #expect(record[detail: "calls"] == .integer(15))
            }
        }

        @Test("while the edge drains, new calls are refused")
        func draining() async throws {
            try await Laboratory.run { lab in
                let dialog = lab.newDialog()
                lab.caller.send(lab.request("INVITE", dialog), to: lab.address)
                let invite = try lab.callee.request(.invite)
                let edge = lab.edge
                async let stopped: Void = edge.stop(limit: .seconds(5))
                var refused: Message?
                let deadline = ContinuousClock.now + .seconds(5)
                while refused?.status != 503, ContinuousClock.now < deadline {
                    // Lets the other task have this thread.
                    try await Task.sleep(for: .milliseconds(1))
                    lab.caller.send(lab.request("INVITE", lab.newDialog()), to: lab.address)
                    while let octets = lab.caller.receive(within: 50) {
                        let message = try Message(parsing: octets)
                        if message.callID != dialog.callID { refused = message }
                    }
                    if let early = lab.callee.receive(within: 1) {
                        let message = try Message(parsing: early)
                        if message.callID != dialog.callID {
                            lab.callee.send(lab.response(486, "Busy Here", to: message), to: lab.address)
                        }
                    }
                }
                #expect(refused?.text(.retryAfter) != nil)
                lab.callee.send(lab.response(200, "OK", to: invite), to: lab.address)
                #expect(try lab.caller.response().status == 200)
                await stopped
            }
        }
    }
}
