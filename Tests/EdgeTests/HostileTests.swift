import Edge
import CoreTypes
import Witness
import SIPMessage
import Testing

extension EdgeTests {
    @Suite("What the edge does not let happen")
    struct HostileTests {
        @Test("a preloaded Route or a Request-URI that is another element's is refused")
        func noOpenRelay() async throws {
            try await Laboratory.run { lab in
                let elsewhere = try WirePeer(host: 7)
                let own = "sip:victim@\(lab.address)"
                for (uri, lines) in [
                    ("sip:victim@\(elsewhere.endpoint)", []), (own, ["Route: <sip:\(elsewhere.endpoint);lr>"]),
                    (own, ["Route: <sip:\(lab.address);lr>", "Route: <sip:169.254.169.254;lr>"]),
                ] {
                    lab.caller.send(lab.request("INVITE", lab.newDialog(), uri: uri, lines: lines), to: lab.address)
                    #expect(try lab.caller.message().status == 403)
                }
                #expect(lab.callee.hearsNothing() && elsewhere.hearsNothing())
                #expect(
                    try await lab.records("SECURITY_REJECTED").first?[detail: "reason"]
                        == .string("foreign_request_uri"))
            }
        }

        @Test("a Route of the edge's own is taken off")
        func ownRoute() async throws {
            try await Laboratory.run { lab in
                lab.caller.send(
                    lab.request(
                        "INVITE", lab.newDialog(), lines: ["Route: <sip:\(lab.address);lr>, <sip:edge.example;lr>"]),
                    to: lab.address)
                let invite = try lab.callee.request(.invite)
                #expect(invite.values(.route).isEmpty)
            }
        }

        @Test("a forged BYE ends no call: without the cookie, with another call's, from another source")
        func forgedBye() async throws {
            try await Laboratory.run { lab in
                let first = try lab.connect()
                let second = try lab.connect()
                let stranger = try WirePeer(host: 9)
                let foreign = second.ok.values(.recordRoute).map(second.ok.text)
                for routes in [[], foreign] {
                    let bye = lab.inDialog(
                        "BYE", first.dialog, first.ok, routes: routes, branch: "z9hG4bKforged\(routes.count)")
                    stranger.send(bye, to: lab.address)
                    #expect(try stranger.message().status == 481)
                }
                #expect(lab.callee.hearsNothing())
                lab.caller.send(lab.inDialog("BYE", first.dialog, first.ok), to: lab.address)
                #expect(try lab.callee.request(.bye).callID == first.dialog.callID)
            }
        }

        @Test("a good cookie opens the way to the call's other side, and to nobody else")
        func cookieOpensOneWay() async throws {
            try await Laboratory.run { lab in
                let (dialog, _, ok) = try lab.connect()
                let elsewhere = try WirePeer(host: 7)
                lab.caller.send(
                    lab.inDialog("INFO", dialog, ok, uri: "sip:x@\(elsewhere.endpoint)"), to: lab.address)
                #expect(try lab.caller.response().status == 403)
                let own = ok.values(.recordRoute).map(ok.text)
                lab.caller.send(
                    lab.inDialog(
                        "INFO", dialog, ok, cSeq: 3, routes: own + ["<sip:\(elsewhere.endpoint);lr>"]), to: lab.address)
                #expect(try lab.caller.response().status == 403)
                #expect(elsewhere.hearsNothing())
            }
        }

        @Test("identity headers of the outside are taken out")
        func identity() async throws {
            try await Laboratory.run { lab in
                lab.caller.send(
                    lab.request(
                        "INVITE", lab.newDialog(),
                        lines: [
                            "P-Asserted-Identity: <sip:root@edge.example>", "X-IF-Authenticated-User: root",
                            "X-Custom: stays",
                        ]), to: lab.address)
                let invite = try lab.callee.request(.invite)
                #expect(!invite.has(.pAssertedIdentity))
                #expect(invite.all(named: "X-IF-Authenticated-User").isEmpty)
                #expect(invite.all(named: "x-custom").count == 1)
            }
        }

        @Test(
            "Max-Forwards, Proxy-Require and broken requests get the answer that the RFC asks for",
            arguments: [
                (["Max-Forwards: 0"], 483), (["Max-Forwards: 256"], 400), (["Max-Forwards: -1"], 400),
                (["Proxy-Require: foo, bar"], 420), (["CSeq: 2 INVITE"], 400), (["X: a\u{1}b"], 400),
            ])
        func answers(lines: [String], status: Int) async throws {
            try await Laboratory.run { lab in
                lab.caller.send(lab.request("INVITE", lab.newDialog(), lines: lines), to: lab.address)
                let answer = try lab.caller.message()
                #expect(answer.status == status)
                if status == 420 { #expect(answer.text(.unsupported) == "foo, bar") }
                #expect(lab.callee.hearsNothing(for: 50))
            }
        }

        @Test("without Max-Forwards 70 is added; unknown methods, fields and bodies pass octet for octet")
        func verbatim() async throws {
            try await Laboratory.run { lab in
                lab.caller.send(
                    lab.request(
                        "FROBNICATE", lab.newDialog(), lines: ["X-Odd:  a ,b;c=\"d\" ", "Content-Type: application/x"],
                        body: "\u{0}\r\n\r\nINVITE\u{7f}"), to: lab.address)
                let received = try lab.callee.request(.other("FROBNICATE"))
                #expect(received.maxForwards == 70)
                #expect(String(decoding: received.bytes, as: UTF8.self).contains("\r\nX-Odd:  a ,b;c=\"d\" \r\n"))
                #expect(received.text(received.body) == "\u{0}\r\n\r\nINVITE\u{7f}")
            }
        }

        @Test("answers go to where a request really came from, whatever its Via says")
        func via() async throws {
            try await Laboratory.run { lab in
                lab.caller.send(
                    lab.request(
                        "INVITE", lab.newDialog(), viaParameters: ";received=127.0.0.9;rport=9;maddr=127.0.0.9"),
                    to: lab.address)
                #expect(try lab.caller.message().status == 100)
                let invite = try lab.callee.request(.invite)
                let via = invite.vias[1]
                #expect(via.received == lab.caller.endpoint.address)
                #expect(via.rport == .some(lab.caller.endpoint.port))
            }
        }

        @Test("a loop is found")
        func loop() async throws {
            try await Laboratory.run { lab in
                lab.caller.send(lab.request("INVITE", lab.newDialog()), to: lab.address)
                let invite = try lab.callee.request(.invite)
                // The callee sends it back as it was before the edge changed the Request-URI.
                var rewrite = Rewrite()
                rewrite.requestURI = "sip:bob@edge.example"
                rewrite.prepend(.via, "SIP/2.0/UDP \(lab.callee.endpoint);branch=z9hG4bKback")
                lab.callee.send(invite.written(applying: rewrite), to: lab.address)
                var status: Int?
                while status != 482 { status = try lab.callee.message().status }
            }
        }

        @Test("stray responses, junk and keep-alives get silence")
        func silence() async throws {
            try await Laboratory.run { lab in
                let victim = try WirePeer(host: 8)
                let stray = """
                    SIP/2.0 200 OK\r
                    Via: SIP/2.0/UDP \(lab.address);branch=z9hG4bKguess\r
                    Via: SIP/2.0/UDP \(victim.endpoint);branch=z9hG4bKx\r
                    From: <sip:a@b.example>;tag=1\r
                    To: <sip:c@d.example>;tag=2\r
                    Call-ID: stray\r
                    CSeq: 1 INVITE\r
                    Content-Length: 0\r
                    \r

                    """
                for datagram in [stray, "\r\n\r\n", "", "\0\0\0\0", "junk", "INVITE"] {
                    lab.caller.send(datagram, to: lab.address)
                }
                #expect(victim.hearsNothing())
                #expect(lab.caller.hearsNothing())
                // It is still there.
                lab.caller.send(lab.request("OPTIONS", lab.newDialog(), uri: "sip:edge.example"), to: lab.address)
                #expect(try lab.caller.message().status == 200)
            }
        }

        @Test("an answer to an unproven address is at most three times its cause; the strongest challenge is kept")
        func amplification() async throws {
            try await Laboratory.run(profile: ", authentication: {realm: edge.example}") { lab in
                let request = """
                    MESSAGE sip:a@edge.example SIP/2.0\r
                    Via: SIP/2.0/UDP \(lab.caller.endpoint);branch=z9hG4bKs\r
                    From: <sip:a@b.c>;tag=1\r
                    To: <sip:a@b.c>\r
                    Call-ID: s\r
                    CSeq: 1 MESSAGE\r
                    \r

                    """
                lab.caller.send(request, to: lab.address)
                let octets = try #require(lab.caller.receive())
                #expect(octets.count <= 3 * request.utf8.count)
                let answer = try Message(parsing: octets)
                #expect(answer.status == 401)
                #expect(answer.text(.wwwAuthenticate)?.contains("SHA-256") == true)
            }
        }

        @Test("a second INVITE for a call that is up is refused, and the first call counts once")
        func mergedRequest() async throws {
            try await Laboratory.run { lab in
                let (dialog, _, ok) = try lab.connect()
                lab.caller.send(lab.request("INVITE", dialog, branch: "z9hG4bKother"), to: lab.address)
                #expect(try lab.caller.response().status == 482)
                lab.caller.send(lab.inDialog("BYE", dialog, ok), to: lab.address)
                lab.callee.send(lab.response(200, "OK", to: try lab.callee.request(.bye)), to: lab.address)
                #expect(try lab.caller.response().status == 200)
                #expect(try await lab.records("CALL_ENDED").count == 1)
                #expect(await lab.edge.metricsText().contains("sip_active_calls 0\n"))
            }
        }

        @Test("a BYE that nobody answers ends the call all the same")
        func unansweredBye() async throws {
            try await Laboratory.run { lab in
                let (dialog, _, ok) = try lab.connect()
                lab.caller.send(lab.inDialog("BYE", dialog, ok), to: lab.address)
                #expect(try lab.caller.response(within: 4000).status == 408)
                #expect(try await lab.records("CALL_ENDED").count == 1)
            }
        }

        @Test("a strict router before the edge, and one behind it, are mended")
        func strictRouting() async throws {
            try await Laboratory.run { lab in
                let (dialog, _, ok) = try lab.connect()
                let own = try #require(ok.addresses(.recordRoute)?.first?.uri.text)
                lab.caller.send(
                    lab.inDialog("INFO", dialog, ok, uri: own, routes: ["<sip:bob@\(lab.callee.endpoint)>"]),
                    to: lab.address)
                let info = try lab.callee.request(.info)
                #expect(info.requestURI?.text == "sip:bob@\(lab.callee.endpoint)")
                #expect(info.values(.route).isEmpty)
            }
        }

        @Test(
            "a stranger is refused before anything else, and a challenge or refusal is no longer than three times its cause"
        )
        func stranger() async throws {
            try await Laboratory.run { lab in
                let stranger = try WirePeer(host: 0x1_01)
                let request = lab.request("INVITE", lab.newDialog())
                stranger.send(request, to: lab.address)
                let octets = try #require(stranger.receive())
                #expect(try Message(parsing: octets).status == 403)
                #expect(octets.count <= 3 * request.utf8.count)
                let records = try await lab.records("IP_NOT_ALLOWLISTED")
                #expect(records.count == 1)
            }
        }
    }
}
