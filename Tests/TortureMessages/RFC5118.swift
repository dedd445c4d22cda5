extension TortureCase {
    /// RFC 5118: IPv6 addresses where they are easily misread.
    static let rfc5118: [TortureCase] = [
        TortureCase(
            "ipv6-good", .rfc5118, "4.1", .forward,
            request("REGISTER", "sip:[2001:db8::77]", name: "v6good", ["Via": via("[2001:db8::9:1]")])),
        TortureCase(
            "ipv6-bad", .rfc5118, "4.2", .refuse(400), request("REGISTER", "sip:2001:db8::77", name: "v6bad")),
        // Read as an address that ends in :5070.
        TortureCase(
            "port-ambiguous", .rfc5118, "4.3", .forward,
            request("REGISTER", "sip:[2001:db8::77:5070]", name: "v6port")),
        TortureCase(
            "port-unambiguous", .rfc5118, "4.4", .forward,
            request("REGISTER", "sip:[2001:db8::77]:5070", name: "v6port2")),
        // The To tag makes it a request within a dialog that the edge does not know.
        TortureCase(
            "via-received-param-with-delim", .rfc5118, "4.5", .forward, edge: .refuse(481),
            request(
                "BYE", "sip:[2001:db8::77]", name: "v6received",
                [
                    "Via": via("[2001:db8::9:1]", ";received=[2001:db8::9:255]"),
                    "To": "To: <sip:desk@council.example>;tag=2",
                ])),
        TortureCase(
            "via-received-param-no-delim", .rfc5118, "4.5", .forward,
            request(
                "OPTIONS", "sip:[2001:db8::77]", name: "v6received2",
                ["Via": via("[2001:db8::9:1]", ";received=2001:db8::9:255")])),
        TortureCase(
            "ipv6-in-sdp", .rfc5118, "4.6", .forward,
            request(
                "INVITE", "sip:desk@[2001:db8::77]", name: "v6sdp", adding: "Content-Type: application/sdp",
                body: offer.replacing("IP4 192.0.2.90", with: "IP6 2001:db8::90"))),
        TortureCase(
            "mult-ip-in-header", .rfc5118, "4.7", .forward, edge: .refuse(481),
            request(
                "BYE", name: "v6mixed",
                ["Via": via("[2001:db8::9:1]:6050"), "To": "To: <sip:desk@council.example>;tag=2"],
                adding: """
                    Via: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bKfour
                    Via: SIP/2.0/TCP [2001:db8::9:255];branch=z9hG4bKsix;received=192.0.2.200
                    """)),
        TortureCase(
            "mult-ip-in-sdp", .rfc5118, "4.8", .forward,
            request(
                "INVITE", "sip:desk@[2001:db8::77]", name: "v6sdp2", adding: "Content-Type: application/sdp",
                body: offer + "m=video 40002 RTP/AVP 31\nc=IN IP6 2001:db8::90\n")),
        TortureCase(
            "ipv4-mapped-ipv6", .rfc5118, "4.9", .forward,
            request(
                "INVITE", name: "v6mapped", ["Via": via("[::ffff:192.0.2.10]:19823")],
                adding: "Contact: <sip:prober@[::ffff:192.0.2.2]>\nContent-Type: application/sdp",
                body: offer.replacing("IP4 192.0.2.90", with: "IP6 ::ffff:192.0.2.2"))),
        // RFC 3261's first grammar produced three colons by mistake; one parser's address is another one's garbage.
        TortureCase(
            "ipv6-bug-abnf-3-colons", .rfc5118, "4.10", .refuse(400),
            request("OPTIONS", "sip:desk@[2001:db8:::192.0.2.1]", name: "v6colons")),
        TortureCase(
            "ipv6-correct-abnf-2-colons", .rfc5118, "4.10", .forward,
            request("OPTIONS", "sip:desk@[2001:db8::192.0.2.1]", name: "v6colons2")),
    ]

    private static func via(_ sentBy: String, _ parameters: String = "") -> String {
        "Via: SIP/2.0/UDP \(sentBy)\(parameters);branch=z9hG4bKsix-\(sentBy.utf8.count)"
    }
}
