import CoreTypes
import Foundation
import SIPMessage
import TestSupport
import Testing

extension Conformance {
    @Suite("Validation and routing")
    struct RoutingTests {
        @Test("row 10: Max-Forwards", arguments: Way.allCases)
        func maxForwards(way: Way) async throws {
            try await row(10, way) { lab, caller in
                for (lines, status) in [
                    (["Max-Forwards: 0"], 483), (["Max-Forwards: 256"], 400), (["Max-Forwards: -1"], 400),
                ] {
                    let call = CallIdentity()
                    caller.send(caller.request("INVITE", call, lines: lines))
                    _ = try await caller.response(status, call)
                    #expect(!lab.downstream.knows(call.callID), "\(lines)")
                }
                for (lines, left) in [([], 70), (["Max-Forwards: 1"], 0), (["Max-Forwards: 70"], 69)] {
                    let call = CallIdentity()
                    caller.send(caller.request("INVITE", call, lines: lines))
                    let invite = try await lab.downstream.request(.invite, of: call.callID)
                    #expect(try invite.sip.maxForwards == left)
                    #expect(try invite.sip.all(.maxForwards).count == 1)
                    try invite.answer(486, "Busy Here")
                }
            }
        }

        @Test("row 11: Via as the caller would like it", arguments: Way.allCases)
        func via(way: Way) async throws {
            try await row(11, way) { lab, caller in
                let call = CallIdentity()
                let branch = caller.nextBranch()
                let wanted = "SIP/2.0/\(way.rawValue.uppercased()) \(caller.address);branch=\(branch);rport"
                let told =
                    "SIP/2.0/\(way.rawValue.uppercased()) 203.0.113.9:4711;received=198.51.100.1;rport=1"
                    + ";maddr=192.0.2.77;branch=\(branch)"
                caller.send(caller.request("INVITE", call, branch: branch).replacing(wanted, with: told))
                let invite = try await lab.downstream.request(.invite, of: call.callID)
                let vias = try invite.sip.vias
                #expect(vias.count == 2)
                let own = try #require(vias.first)
                #expect(own.hasMagicCookie && own.branch != branch)
                let theirs = try #require(vias.last)
                #expect(theirs.received == caller.wire.local.address)
                #expect(theirs.rport == .some(.some(caller.wire.local.port)))
                #expect(theirs.host == .address(IPAddress(v4: 0xcb00_7109)) && theirs.port == 4711)
                // The answer comes to the real source, though maddr and received say otherwise.
                try invite.answer(486, "Busy Here")
                let answer = try await caller.response(486, call)
                #expect(answer.topVia.branch == branch)
            }
        }

        @Test("row 11: without rport the answer goes to the port of sent-by", arguments: [Way.udp])
        func withoutRport(way: Way) async throws {
            try await row(11, way) { lab, caller in
                let call = CallIdentity()
                let other = try await lab.caller(way)
                let branch = caller.nextBranch()
                caller.send(
                    caller.request("INVITE", call, branch: branch, viaParameters: "")
                        .replacing("UDP \(caller.address);", with: "UDP \(other.address);"))
                try await lab.downstream.request(.invite, of: call.callID).answer(486, "Busy Here")
                _ = try await other.response(486, call)
                #expect(caller.count(486, call) == 0)
                try await other.wire.close()
            }
        }

        @Test("row 13: a dialog along Record-Route, from both sides", arguments: Way.allCases)
        func dialog(way: Way) async throws {
            try await row(13, way) { lab, caller in
                let up = try await lab.connect(caller)
                // The edge's Route twice, as elements with two faces leave it.
                let own = up.answer.values(.recordRoute).map(up.answer.text)
                let top = try #require(own.last)
                caller.send(caller.inDialog("INFO", up.call, up.answer, routes: [top, top]))
                let info = try await lab.downstream.request(Method("INFO"), of: up.call.callID)
                #expect(try info.sip.values(.route).isEmpty)
                try info.answer(200, "OK")
                _ = try await caller.response(200, up.call, method: Method("INFO"))

                // From the callee, towards the caller's Contact.
                let recorded = up.invite.values(.recordRoute).map(up.invite.text)
                let bye = """
                    BYE sip:caller@\(caller.address);transport=\(way.rawValue) SIP/2.0\r
                    Via: SIP/2.0/UDP \(lab.downstream.endpoint);branch=z9hG4bKbye\(up.call.tag);rport\r
                    Max-Forwards: 70\r
                    From: <sip:bob@external.advisor>;tag=bt\r
                    To: <sip:caller@external.advisor>;tag=\(up.call.tag)\r
                    Call-ID: \(up.call.callID)\r
                    CSeq: 3 BYE\r
                    \(recorded.map { "Route: \($0)\r\n" }.joined())Content-Length: 0\r
                    \r

                    """
                let speaker = try await Wire.connect(
                    .udp, to: try lab.address(.udp), from: lab.downstream.endpoint.address)
                speaker.send(bye)
                let received = try await caller.request(.bye, of: up.call)
                #expect(try received.sip.values(.route).isEmpty)
                try received.answer(200, "OK")
                _ = try await speaker.mailbox.take("200 to BYE") { $0.status == 200 && $0.method == .bye }
                try await speaker.close()
            }
        }

        @Test("row 13: a strict-routing server before the callee", arguments: Way.allCases)
        func strictServer(way: Way) async throws {
            try await row(13, way) { lab, caller in
                let strict = "<sip:strict@\(lab.downstream.endpoint)>"
                let call = CallIdentity()
                caller.send(caller.request("INVITE", call))
                let invite = try await lab.downstream.request(.invite, of: call.callID)
                // It has put itself above the edge, without lr.
                let text = String(decoding: invite.octets, as: UTF8.self)
                var lines = ["Record-Route: \(strict)"]
                for field in try invite.sip.all(.recordRoute) {
                    lines.append("Record-Route: \(try invite.sip.text(field.value))")
                }
                #expect(text.contains(";lr>"))
                let request = try invite.sip
                var answer = "SIP/2.0 200 OK\r\n"
                for field in request.all(.via) { answer += "Via: \(request.text(field.value))\r\n" }
                answer += lines.joined(separator: "\r\n") + "\r\n"
                answer += "From: \(request.text(.from) ?? "")\r\nTo: \(request.text(.to) ?? "");tag=bt\r\n"
                answer +=
                    "Call-ID: \(call.callID)\r\nCSeq: 1 INVITE\r\nContact: <sip:bob@\(lab.downstream.endpoint)>\r\n"
                invite.reply(answer + "Content-Length: 0\r\n\r\n")
                let ok = try await caller.response(200, call)
                caller.send(caller.inDialog("ACK", call, ok, cSeq: 1))
                let ack = try await lab.downstream.request(.ack, of: call.callID).sip
                // Section 16.6 step 6: the strict router in the Request-URI, the target as the last Route.
                #expect(ack.requestURI?.text == "sip:strict@\(lab.downstream.endpoint)")
                #expect(ack.values(.route).map(ack.text) == ["<sip:bob@\(lab.downstream.endpoint)>"])
                caller.send(caller.inDialog("BYE", call, ok))
                try await lab.downstream.request(.bye, of: call.callID).answer(200, "OK")
                _ = try await caller.response(200, call, method: .bye)
            }
        }

        @Test("row 13: a strict-routing caller", arguments: Way.allCases)
        func strictCaller(way: Way) async throws {
            try await row(13, way) { lab, caller in
                let up = try await lab.connect(caller)
                let own = up.answer.addresses(.recordRoute) ?? []
                let target = try #require(own.last?.uri.text)
                // Section 12.2.1.1: the first route in the Request-URI, the target as the last Route.
                let routes =
                    own.dropLast().reversed().map { "<\($0.uri.text)>" } + ["<sip:bob@\(lab.downstream.endpoint)>"]
                caller.send(caller.inDialog("INFO", up.call, up.answer, uri: target, routes: routes))
                let info = try await lab.downstream.request(Method("INFO"), of: up.call.callID)
                #expect(try info.sip.requestURI?.text == "sip:bob@\(lab.downstream.endpoint)")
                #expect(try info.sip.values(.route).isEmpty)
                try info.answer(200, "OK")
                _ = try await caller.response(200, up.call, method: Method("INFO"))
                try await lab.hangUp(caller, up)
            }
        }

        @Test("row 14: nobody sends the edge elsewhere", arguments: Way.allCases)
        func noRelay(way: Way) async throws {
            try await row(14, way) { lab, caller in
                let elsewhere = try await Downstream(IPAddress(v4: 0x7f00_0007))
                let edge = try lab.address(way)
                for (uri, lines) in [
                    ("sip:x@\(elsewhere.endpoint)", []), ("sip:x@127.0.0.1:\(elsewhere.endpoint.port)", []),
                    ("sip:x@169.254.169.254", []), ("sip:x@[fe80::1]", []), ("sip:x@224.0.1.75", []),
                    ("sip:x@external.advisor", ["Route: <sip:\(elsewhere.endpoint);lr>"]),
                    ("sip:x@external.advisor", ["Route: <sip:\(edge);lr>, <sip:\(elsewhere.endpoint);lr>"]),
                ] {
                    let call = CallIdentity()
                    caller.send(caller.request("INVITE", call, uri: uri, lines: ["Max-Forwards: 70"] + lines))
                    #expect(try await caller.response(call).status == 403)
                    #expect(!lab.downstream.knows(call.callID), "\(uri) \(lines)")
                }
                // Names lead where the routes say and nowhere else.
                let call = CallIdentity()
                caller.send(
                    caller.request(
                        "INVITE", call, uri: "sip:x@localhost:\(elsewhere.endpoint.port)",
                        lines: ["Max-Forwards: 70", "Route: <sip:localhost:\(elsewhere.endpoint.port);lr>"]))
                let invite = try await lab.downstream.request(.invite, of: call.callID)
                #expect(try invite.sip.values(.route).isEmpty)
                try invite.answer(486, "Busy Here")
                _ = try await caller.response(486, call)
                #expect(elsewhere.mailbox.everything.isEmpty)
                await elsewhere.close()
            }
        }

        @Test("row 14: inside a dialog only where the other side has said that it is", arguments: Way.allCases)
        func noRelayInside(way: Way) async throws {
            try await row(14, way) { lab, caller in
                let elsewhere = try await Downstream(IPAddress(v4: 0x7f00_0007))
                let up = try await lab.connect(caller)
                let own = up.answer.values(.recordRoute).map(up.answer.text)
                for (cSeq, uri, routes) in [
                    (2, "sip:x@\(elsewhere.endpoint)", own), (3, "sip:x@169.254.169.254", own),
                    (4, "sip:bob@\(lab.downstream.endpoint)", own + ["<sip:\(elsewhere.endpoint);lr>"]),
                ] {
                    caller.send(
                        caller.inDialog(
                            "INFO", up.call, up.answer, cSeq: cSeq, uri: uri, routes: routes.reversed().reversed()))
                    let answer = try await caller.response(403, up.call, method: Method("INFO"))
                    #expect(answer.cSeq.number == UInt32(cSeq))
                }
                #expect(elsewhere.mailbox.everything.isEmpty)
                try await lab.hangUp(caller, up)
                await elsewhere.close()
            }
        }

        @Test("row 15: Proxy-Require", arguments: Way.allCases)
        func proxyRequire(way: Way) async throws {
            try await row(15, way) { lab, caller in
                let call = CallIdentity()
                caller.send(
                    caller.request("INVITE", call, lines: ["Max-Forwards: 70", "Proxy-Require: foo, bar"]))
                let answer = try await caller.response(420, call)
                #expect(answer.tokens(.unsupported) == ["foo", "bar"])
                #expect(!lab.downstream.knows(call.callID))
                // Require is for the far end.
                let next = CallIdentity()
                caller.send(caller.request("INVITE", next, lines: ["Max-Forwards: 70", "Require: foo"]))
                try await lab.downstream.request(.invite, of: next.callID).answer(486, "Busy Here")
                _ = try await caller.response(486, next)
            }
        }

        @Test("row 16: what a proxy has no business with", arguments: Way.allCases)
        func transparent(way: Way) async throws {
            try await row(16, way) { lab, caller in
                let call = CallIdentity()
                let lines = [
                    "Max-Forwards: 70", "x-Unknown \t:  a,b , \"c,d\";e=%41  ", "Subject: folded\r\n  over two lines",
                    "Accept: application/sdp, text/*;q=0.5,application/x-private", "Supported: 100rel,timer",
                    "X-Empty:", "X-Unicode: \u{e4}\u{1F4DE}", "x-Unknown: again", "Content-Type: application/x-odd",
                ]
                let body = Array(0...255).map { UInt8($0) } + [13, 10, 13, 10]
                let head = caller.request("FROBNICATE", call, lines: lines)
                    .replacing("Content-Length: 0\r\n\r\n", with: "Content-Length: \(body.count)\r\n\r\n")
                caller.wire.send(Array(head.utf8) + body)
                let item = try await lab.downstream.request(Method("FROBNICATE"), of: call.callID)
                let received = String(decoding: item.octets.dropLast(body.count), as: UTF8.self)
                #expect(Array(item.octets.suffix(body.count)) == body)
                // Max-Forwards is the one line among these that a proxy must change.
                for line in lines.dropFirst() { #expect(received.contains("\r\n\(line)\r\n"), "\(line)") }
                let order = [
                    "x-Unknown \t", "Subject", "Accept", "Supported", "X-Empty", "X-Unicode", "x-Unknown: again",
                ]
                let positions = order.compactMap { received.range(of: "\r\n\($0)")?.lowerBound }
                #expect(positions.count == order.count && positions == positions.sorted())
                try item.answer(299, "Fine")
                #expect(try await caller.response(call).status == 299)
            }
        }

        @Test("row 17: a loop ends, a spiral passes", arguments: Way.allCases)
        func loops(way: Way) async throws {
            try await row(17, way) { lab, caller in
                let call = CallIdentity()
                caller.send(caller.request("INVITE", call))
                let invite = try await lab.downstream.request(.invite, of: call.callID)
                let back = try await Wire.connect(
                    .udp, to: try lab.address(.udp), from: lab.downstream.endpoint.address)
                let own = "Via: \(try invite.sip.text(try invite.sip.topVia.range))"
                func sentOn(_ uri: String, _ branch: String) throws -> String {
                    String(decoding: invite.octets, as: UTF8.self)
                        .replacing("INVITE \(try invite.sip.requestURI?.text ?? "") SIP", with: "INVITE \(uri) SIP")
                        .replacing(own, with: "Via: SIP/2.0/UDP \(back.local);branch=\(branch);rport\r\n\(own)")
                }
                // Unchanged: a loop.
                back.send(try sentOn("sip:bob@external.advisor", "z9hG4bKloop\(call.tag)"))
                _ = try await back.mailbox.take("482") { $0.status == 482 }
                // To somebody else: a spiral.
                back.send(try sentOn("sip:carol@external.advisor", "z9hG4bKspiral\(call.tag)"))
                let spiraled = try await lab.downstream.request(.invite, of: call.callID)
                #expect(try spiraled.sip.requestURI?.user == "carol")
                #expect(try spiraled.sip.vias.count == 4)
                try spiraled.answer(486, "Busy Here")
                _ = try await back.mailbox.take("486") { $0.status == 486 }
                try invite.answer(486, "Busy Here")
                _ = try await caller.response(486, call)
                try await back.close()
            }
        }
    }
}
