import CoreTypes
import SIPMessage
import SIPProxy
import Testing

private let secret = NodeSecret(Array(repeating: 3, count: 32))
private let source = Endpoint(IPAddress(v4: 0xc000_0205), port: 5070)

private func request(
    _ method: String = "INVITE", uri: String = "sip:council@external.advisor",
    to: String = "<sip:council@external.advisor>",
    lines: [String] = [], via: String = "SIP/2.0/UDP 192.0.2.5:5070;branch=z9hG4bKc1"
) throws -> Message {
    let text =
        [
            "\(method) \(uri) SIP/2.0", "Via: \(via)", "From: <sip:a@external.advisor>;tag=at", "To: \(to)",
            "Call-ID: c1", "CSeq: 7 \(method)",
        ] + lines
    return try Message(parsing: Array((text.joined(separator: "\r\n") + "\r\n\r\n").utf8))
}

extension DialogCookie {
    fileprivate func marks(of request: Message) -> [Mark] {
        var marks: [Mark] = []
        eachMark(of: request) { mark in
            marks.append(mark)
            return true
        }
        return marks
    }
}

@Suite("Dialog cookie")
struct DialogCookieTests {
    private let cookie = DialogCookie(secret: secret)

    @Test("a request with the cookie of its call tells which side sent it")
    func sides() throws {
        let user = cookie.issue(callID: "c1", callerTag: "at")
        let route = "Route: <sip:\(user)@192.0.2.1;lr>"
        let bye = try request("BYE", to: "<sip:b@x.example>;tag=bt", lines: [route])
        #expect(cookie.marks(of: bye) == [.init(side: .caller, pass: 1)])
        let other = try request("BYE", to: "<sip:a@external.advisor>;tag=at", lines: [route])
        let swapped = try Message(
            parsing: Array(
                String(decoding: other.bytes, as: UTF8.self).replacing(
                    "From: <sip:a@external.advisor>;tag=at", with: "From: <sip:b@x.example>;tag=bt"
                ).utf8))
        #expect(cookie.marks(of: swapped) == [.init(side: .callee, pass: 1)])
    }

    @Test("a spiral leaves a mark for each pass, and its requests come by in the same order")
    func spiral() throws {
        let routes = [1, 1, 2].map {
            "Route: <sip:\(cookie.issue(callID: "c1", callerTag: "at", pass: $0))@192.0.2.1;lr>"
        }
        let bye = try request("BYE", to: "<sip:b@x.example>;tag=bt", lines: routes + ["Route: <sip:far;lr>"])
        #expect(cookie.marks(of: bye) == [.init(side: .caller, pass: 1), .init(side: .caller, pass: 2)])
        let relabeled = routes[2].replacing("-2@", with: "-3@")
        let forged = try request("BYE", to: "<sip:b@x.example>;tag=bt", lines: [routes[0], relabeled])
        #expect(cookie.marks(of: forged) == [.init(side: .caller, pass: 1)])
    }

    @Test("the shard that a dialog belongs to stands in its cookie, and can't be changed")
    func shard() throws {
        let user = DialogCookie(secret: secret, shard: 10).issue(callID: "c1", callerTag: "at")
        let route = "Route: <sip:\(user)@192.0.2.1;lr>"
        #expect(user.hasPrefix("sp1-0a"))
        // Whoever has the key can read it.
        let bye = try request("BYE", to: "<sip:b@x.example>;tag=bt", lines: [route])
        #expect(cookie.marks(of: bye) == [.init(side: .caller, pass: 1, shard: 10)])
        let moved = try request(
            "BYE", to: "<sip:b@x.example>;tag=bt", lines: [route.replacing("sp1-0a", with: "sp1-0b")])
        #expect(cookie.marks(of: moved).isEmpty)
    }

    @Test("a cookie of another call, a forged one and none at all are nothing")
    func forged() throws {
        let foreign = cookie.issue(callID: "c2", callerTag: "at")
        for lines in [["Route: <sip:\(foreign)@192.0.2.1;lr>"], ["Route: <sip:sp1-00@192.0.2.1;lr>"], []] {
            #expect(cookie.marks(of: try request("BYE", to: "<sip:b@x.example>;tag=bt", lines: lines)).isEmpty)
        }
    }
}

@Suite("Loops")
struct LoopTests {
    @Test("the same request coming back is a loop, a changed Request-URI makes it a spiral")
    func loops() throws {
        var mint = BranchMint(secret: secret, shard: 1, start: 5)
        let original = try request()
        let branch = mint.mint(for: original)
        let via = "SIP/2.0/UDP 192.0.2.1;branch=\(branch), SIP/2.0/UDP 192.0.2.5:5070;branch=z9hG4bKc1"
        #expect(mint.isLoop(try request(via: via)))
        #expect(!mint.isLoop(try request(uri: "sip:other@external.advisor", via: via)))
        #expect(!mint.isLoop(original))
        #expect(branch != mint.mint(for: original))
    }
}

@Suite("Request validation (16.3)")
struct RequestCheckTests {
    @Test(
        "what can't be forwarded is answered",
        arguments: [
            ("sip:a@b.example", ["Max-Forwards: 0"], 483), ("sip:a@b.example", ["Proxy-Require: foo, bar"], 420),
            ("tel:+4930123", [], 416), ("sip:a@b.example", ["Route: <sip:x"], 400),
            ("sip:a@b.example", ["Contact: sip:a b"], 400), ("sip:a@b.example", ["Require: foo"], nil),
            ("sip:a@b.example", ["Max-Forwards: 1"], nil), ("sip:a@b.example", ["Contact: *"], nil),
        ] as [(String, [String], Int?)])
    func examine(uri: String, lines: [String], status: Int?) throws {
        let mint = BranchMint(secret: secret, shard: 0, start: 0)
        #expect(RequestCheck.examine(try request(uri: uri, lines: lines), branches: mint)?.status == status)
    }
}

@Suite("Routes")
struct RouteTests {
    private let contact = URI("sips:safety@192.0.2.9:5061")

    private func decide(_ routes: [Route], _ message: Message, profile: String = "experts", tag: String? = nil)
        -> RouteTable.Outcome
    {
        RouteTable(routes).decide(message, profile: profile, tag: tag) { id in
            id == "expert-safety@external.advisor" ? contact : nil
        }
    }

    @Test("the first match wins")
    func firstMatch() throws {
        let bridge = try #require(URI("sip:h323-gateway@127.0.0.1:5062"))
        let pool = try #require(URI("sip:10.0.1.20:5060;transport=udp"))
        let routes = [
            Route(name: "experts", match: .init(user: "expert-*", domain: "external.advisor"), destination: .registry),
            Route(name: "trunk", match: .init(profile: "trunks"), destination: .uri(pool)),
            Route(name: "bridge", match: .init(), destination: .uri(bridge), isBridge: true),
        ]
        guard case .forward(let expert) = decide(routes, try request(uri: "sip:expert-safety@external.advisor")) else {
            Issue.record("not routed")
            return
        }
        #expect(expert.destination == contact.map { .uri($0) })
        #expect(expert.isExpert)
        guard case .noContact = decide(routes, try request(uri: "sip:expert-x@external.advisor")) else {
            Issue.record("an expert without a contact was routed")
            return
        }
        guard case .forward(let other) = decide(routes, try request()) else {
            Issue.record("not routed")
            return
        }
        #expect(other.destination == .uri(bridge))
        #expect(other.isBridge)
        guard
            case .forward(let trunk) = decide(
                routes, try request(uri: "sip:%2B4930@external.advisor"), profile: "trunks")
        else {
            Issue.record("not routed")
            return
        }
        #expect(trunk.destination == URI("sip:%2B4930@10.0.1.20:5060;transport=udp").map { .uri($0) })
    }

    @Test(
        "conditions are patterns",
        arguments: [
            (Route.Match(user: "coun*l"), true), (.init(user: "coun"), false), (.init(user: "*"), true),
            (.init(user: "c?uncil"), true), (.init(user: "**c*l*"), true), (.init(domain: "External.Advisor"), true),
            (.init(domain: "other"), false), (.init(tag: "acme"), true), (.init(tag: "x"), false),
            (.init(headers: ["X-Kind": "a*"]), true), (.init(headers: ["x-kind": "b*"]), false),
        ])
    func patterns(match: Route.Match, matches: Bool) throws {
        let target = try #require(URI("sip:t@192.0.2.1"))
        let outcome = decide(
            [Route(name: "r", match: match, destination: .uri(target))],
            try request(lines: ["X-Kind: abc"]), tag: "acme")
        if case .forward = outcome { #expect(matches) } else { #expect(!matches) }
    }
}

@Suite("Forwarding (16.6)")
struct ForwardingTests {
    private static let via = Array("SIP/2.0/UDP edge;branch=z9hG4bKe".utf8)

    private func text(_ forwarded: ForwardedRequest, _ message: Message) -> String {
        String(decoding: forwarded.octets(of: message, via: Self.via), as: UTF8.self)
    }

    @Test("Via on top, the old one amended, Max-Forwards one less, unknown fields and order kept")
    func basics() throws {
        let message = try request(lines: ["X-First: 1", "Max-Forwards: 10", "x-last :  y"])
        var forwarded = ForwardedRequest(source: source)
        forwarded.recordRoutes = ["<sip:sp1-a@edge;lr>"]
        #expect(
            text(forwarded, message).hasPrefix(
                "INVITE sip:council@external.advisor SIP/2.0\r\nVia: SIP/2.0/UDP edge;branch=z9hG4bKe\r\n"
                    + "Record-Route: <sip:sp1-a@edge;lr>\r\nVia: SIP/2.0/UDP 192.0.2.5:5070;branch=z9hG4bKc1\r\n"))
        #expect(text(forwarded, message).contains("X-First: 1\r\nMax-Forwards: 9\r\nx-last :  y\r\n"))
        #expect(text(forwarded, try request()).contains("Max-Forwards: 70\r\n"))
    }

    @Test("identity headers and the realm's credentials of a stranger are taken out, others stay")
    func stripping() throws {
        let message = try request(lines: [
            "P-Asserted-Identity: <sip:president@external.advisor>", "X-IF-Authenticated-User: root",
            "x-if-source: inside", "X-IF-Bridge-Mode: a", "Remote-Party-ID: <sip:x@y.example>", "X-IF-Hazard: safety",
            "Authorization: Digest username=\"a\", realm=\"edge\", nonce=\"n\", uri=\"u\", response=\"r\"",
            "Authorization: Digest username=\"a\", realm=\"other\", nonce=\"n\", uri=\"u\", response=\"r\"",
        ])
        var forwarded = ForwardedRequest(source: source)
        forwarded.realm = "edge"
        forwarded.added = [("X-IF-Authenticated-User", "a@edge")]
        let output = text(forwarded, message)
        for gone in ["president", "root", "inside", "Bridge-Mode", "Remote-Party", "realm=\"edge\""] {
            #expect(!output.contains(gone), "\(gone)")
        }
        #expect(output.contains("X-IF-Hazard: safety\r\n"))
        #expect(output.contains("realm=\"other\""))
        #expect(output.contains("X-IF-Authenticated-User: a@edge\r\n"))
    }

    @Test(
        "own Routes end here, wherever the list is cut into lines",
        arguments: [
            (["Route: <sip:o1>, <sip:o2>", "Route: <sip:next;lr>"], 2, ["<sip:next;lr>"]),
            (["Route: <sip:o1>", "Route: <sip:o2>, <sip:next;lr>"], 2, ["<sip:next;lr>"]),
            (["Route: <sip:o1>,<sip:next;lr> , <sip:far>"], 1, ["<sip:next;lr>", "<sip:far>"]),
            (["Route: <sip:o1>"], 1, []),
        ])
    func routes(lines: [String], dropped: Int, left: [String]) throws {
        var forwarded = ForwardedRequest(source: source)
        forwarded.routesToDrop = dropped
        let output = try Message(parsing: forwarded.octets(of: try request(lines: lines), via: Self.via))
        #expect(output.values(.route).map(output.text) == left)
    }

    @Test("a stranger's Routes lead nowhere; strict routing is mended at both ends")
    func strict() throws {
        var forwarded = ForwardedRequest(source: source)
        forwarded.dropsAllRoutes = true
        let message = try request(lines: ["Route: <sip:evil;lr>", "Route: <sip:worse>"])
        #expect(try Message(parsing: forwarded.octets(of: message, via: Self.via)).values(.route).isEmpty)
        forwarded.dropsAllRoutes = false
        forwarded.dropsLastRoute = true
        forwarded.appendedRoute = "sip:target@192.0.2.8"
        let output = try Message(parsing: forwarded.octets(of: message, via: Self.via))
        #expect(output.values(.route).map(output.text) == ["<sip:evil;lr>", "<sip:target@192.0.2.8>"])
    }
}
