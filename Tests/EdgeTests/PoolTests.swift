import CoreTypes
import Edge
import SIPMessage
import Testing

extension EdgeTests {
    @Suite("Pools and forks")
    struct PoolTests {
        /// An INVITE, sent; for tests that need no more of it.
        private func call(_ lab: Laboratory, body: String = "") -> Laboratory.Dialog {
            let dialog = lab.newDialog()
            lab.caller.send(lab.request("INVITE", dialog, body: body), to: lab.address)
            return dialog
        }

        private func forked(_ body: (Laboratory, WirePeer, WirePeer) async throws -> Void) async throws {
            let (one, two) = (try WirePeer(host: 4), try WirePeer(host: 5))
            let targets = ["sip:\(one.endpoint)", "sip:\(two.endpoint)"]
            try await Laboratory.run(targets: targets, pool: "ring: together\n    probe: off", priorities: [1, 1]) {
                lab in
                try await body(lab, one, two)
            }
        }

        @Test("targets that ring together all get the call; the one that answers gets it, the others are cancelled")
        func fork() async throws {
            try await forked { lab, one, two in
                _ = call(lab)
                let (first, second) = (try one.request(.invite), try two.request(.invite))
                #expect(first.topVia.branch != second.topVia.branch)
                one.send(lab.response(180, "Ringing", to: first, tag: "one"), to: lab.address)
                #expect(try lab.caller.response().status == 180)
                two.send(lab.response(200, "OK", to: second, tag: "two"), to: lab.address)
                #expect(try lab.caller.response().toTag == "two")
                #expect(try one.request(.cancel).topVia.branch == first.topVia.branch)
            }
        }

        @Test("a busy fork waits for the other; both 401 give both challenges; a 6xx ends it")
        func best() async throws {
            try await forked { lab, one, two in
                let busy = call(lab).callID
                one.send(
                    lab.response(486, "Busy Here", to: try one.request(.invite, callID: busy)), to: lab.address)
                let second = try two.request(.invite, callID: busy)
                while let early = lab.caller.receive(within: 100) {
                    let answer = try Message(parsing: early)
                    #expect(answer.status == 100)
                }
                two.send(lab.response(404, "Not Found", to: second), to: lab.address)
                let best = try lab.caller.response()
                #expect(best.status == 404 || best.status == 486)

                let challenged = call(lab).callID
                for (peer, realm) in [(one, "a"), (two, "b")] {
                    let challenge = "WWW-Authenticate: Digest realm=\"\(realm)\", nonce=\"n\""
                    peer.send(
                        lab.response(
                            401, "Unauthorized", to: try peer.request(.invite, callID: challenged), lines: [challenge]),
                        to: lab.address)
                }
                let unauthorized = try lab.caller.final(401)
                #expect(unauthorized.all(.wwwAuthenticate).count == 2)

                let declined = call(lab).callID
                let ringing = try one.request(.invite, callID: declined)
                one.send(lab.response(180, "Ringing", to: ringing), to: lab.address)
                let third = try two.request(.invite, callID: declined)
                two.send(lab.response(603, "Decline", to: third), to: lab.address)
                let cancel = try one.request(.cancel, callID: declined)
                #expect(cancel.topVia.branch == ringing.topVia.branch)
            }
        }

        @Test("two forks that both answer are two dialogs: the call lasts until both have hung up")
        func twoAnswers() async throws {
            try await forked { lab, one, two in
                let dialog = call(lab)
                let (first, second) = (try one.request(.invite), try two.request(.invite))
                one.send(
                    lab.response(200, "OK", to: first, tag: "one", contact: "sip:bob@\(one.endpoint)"), to: lab.address)
                let ok = try lab.caller.response()
                two.send(
                    lab.response(200, "OK", to: second, tag: "two", contact: "sip:bob@\(two.endpoint)"), to: lab.address
                )
                let other = try lab.caller.final(200, tag: "two")
                for (answer, peer, cSeq) in [(other, two, 2), (ok, one, 3)] {
                    lab.caller.send(
                        lab.inDialog("BYE", dialog, answer, cSeq: cSeq, uri: "sip:bob@\(peer.endpoint)"),
                        to: lab.address)
                    peer.send(lab.response(200, "OK", to: try peer.request(.bye)), to: lab.address)
                    #expect(try lab.caller.final(200, cSeq: cSeq).status == 200)
                }
                #expect(try await lab.records("CALL_ENDED").count == 1)
            }
        }

        @Test("a call that fails at one target goes to the next; a 503 with Retry-After leaves it alone for a while")
        func failover() async throws {
            let next = try WirePeer(host: 4)
            let callee = try WirePeer(host: 5)
            let targets = ["sip:\(callee.endpoint)", "sip:\(next.endpoint)"]
            try await Laboratory.run(targets: targets, pool: "probe: {every: 3600s}") { lab in
                _ = call(lab)
                let first = try callee.request(.invite)
                callee.send(
                    lab.response(503, "Overloaded", to: first, lines: ["Retry-After: 30 (busy)"]), to: lab.address)
                let second = try next.request(.invite)
                #expect(second.topVia.branch != first.topVia.branch)
                #expect(second.cSeq == first.cSeq && second.callID == first.callID)
                _ = try callee.request(.ack)
                let dialog = call(lab)
                let third = try next.request(.invite, callID: dialog.callID)
                #expect(third.callID == dialog.callID)
                while let octets = callee.receive(within: 150) {
                    let message = try Message(parsing: octets)
                    #expect(message.callID != dialog.callID)
                }
            }
        }

        @Test("a large request tries TCP, and goes by UDP where nobody takes TCP")
        func largeRequest() async throws {
            try await Laboratory.run { lab in
                for _ in 0..<2 {
                    let dialog = call(lab, body: String(repeating: "a", count: 2000))
                    let invite = try lab.callee.request(.invite, callID: dialog.callID)
                    #expect(invite.topVia.transport == "UDP")
                    #expect(invite.body.count == 2000)
                }
                let metrics = await lab.edge.metricsText()
                // The second one no longer asks.
                #expect(metrics.contains("sip_transport_failures_total{reason=\"connection_refused\"} 1"))
            }
        }

        @Test("a spiral passes, and hanging up ends all of its rounds; the same INVITE by another way does not")
        func spiral() async throws {
            try await Laboratory.run { lab in
                let dialog = call(lab)
                let first = try lab.callee.request(.invite)
                // The callee sends it on to another user at the edge, as a proxy would.
                let again = String(decoding: first.bytes, as: UTF8.self)
                    .replacing("INVITE \(first.requestURI?.text ?? "") SIP", with: "INVITE sip:carol@edge.example SIP")
                    .replacing(
                        "\r\nVia: SIP/2.0/UDP \(lab.address)",
                        with:
                            "\r\nVia: SIP/2.0/UDP \(lab.callee.endpoint);branch=z9hG4bKspiral\r\nVia: SIP/2.0/UDP \(lab.address)"
                    )
                lab.callee.send(again, to: lab.address)
                let second = try lab.callee.request(.invite)
                #expect(second.requestURI?.user == "carol")
                #expect(second.values(.recordRoute).count == 2)
                lab.callee.send(lab.response(200, "OK", to: second, tag: "carol"), to: lab.address)
                // Back through the proxy.
                let relayed = try lab.callee.final(200)
                lab.callee.send(
                    String(decoding: relayed.bytes, as: UTF8.self).replacing(
                        "Via: SIP/2.0/UDP \(lab.callee.endpoint);branch=z9hG4bKspiral\r\n", with: ""), to: lab.address)
                let ok = try lab.caller.response()
                #expect(ok.status == 200)
                lab.caller.send(lab.inDialog("BYE", dialog, ok), to: lab.address)
                let bye = try lab.callee.request(.bye)
                #expect(bye.values(.route).isEmpty)
                lab.callee.send(lab.response(200, "OK", to: bye), to: lab.address)
                #expect(try lab.caller.response().status == 200)
                let metrics = await lab.edge.metricsText()
                #expect(metrics.contains("sip_active_calls 0"))

                let merged = call(lab)
                _ = try lab.callee.request(.invite)
                lab.caller.send(lab.request("INVITE", merged, branch: "z9hG4bKotherway"), to: lab.address)
                #expect(try lab.caller.final(482).status == 482)
            }
        }
    }
}
