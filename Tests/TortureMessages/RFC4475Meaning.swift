extension TortureCase {
    /// RFC 4475 sections 3.2 to 3.4: well-formed or nearly so, and still not what it seems.
    static let rfc4475Meaning: [TortureCase] = [
        TortureCase(
            "badbranch", .rfc4475, "3.2.1", .refuse(400),
            request("OPTIONS", name: "badbranch", ["Via": "Via: SIP/2.0/UDP 192.0.2.90;branch=z9hG4bK"])),
        // Without From, To and Call-ID there is nothing to answer with.
        TortureCase(
            "insuf", .rfc4475, "3.3.1", .refuse(400), edge: .discard,
            request("INVITE", name: "insuf", ["From": "", "To": "", "Call-ID": ""])),
        TortureCase(
            "unkscm", .rfc4475, "3.3.2", .forward, edge: .refuse(416),
            request("OPTIONS", "neverheard:of;this", name: "unkscm")),
        TortureCase(
            "novelsc", .rfc4475, "3.3.3", .forward, edge: .refuse(416),
            request("OPTIONS", "xmpp.beep://192.0.2.90:4711", name: "novelsc")),
        TortureCase(
            "unksm2", .rfc4475, "3.3.4", .forward,
            request(
                "REGISTER", "sip:council.example", name: "unksm2",
                ["To": "To: urn:isbn:0451450523", "From": "From: <https://lab.example>;tag=1"],
                adding: "Contact: <handle:prober>")),
        TortureCase(
            "bext01", .rfc4475, "3.3.5", .forward, edge: .refuse(420),
            request("OPTIONS", name: "bext01", adding: "Require: nobody-has\nProxy-Require: no-proxy-has, nor-this")),
        TortureCase(
            "invut", .rfc4475, "3.3.6", .forward,
            request("INVITE", name: "invut", adding: "Content-Type: application/x-lab", body: "<lab/>\n")),
        TortureCase(
            "regaut01", .rfc4475, "3.3.7", .forward,
            request(
                "REGISTER", "sip:council.example", name: "regaut01", adding: "Authorization: UnheardOf blob=value")),
        TortureCase(
            "multi01", .rfc4475, "3.3.8", .refuse(400),
            request(
                "INVITE", name: "multi01",
                adding: """
                    CSeq: 8 INVITE
                    Call-ID: another@lab.example
                    To: <sip:other@council.example>
                    From: <sip:other@lab.example>;tag=2
                    Max-Forwards: 5
                    """)),
        TortureCase(
            "mcl01", .rfc4475, "3.3.9", .refuse(400),
            request("OPTIONS", name: "mcl01", adding: "Content-Length: 3", body: "how long is this?")),
        TortureCase(
            "bcast", .rfc4475, "3.3.10", .forward, edge: .discard,
            response("200 OK", name: "bcast", via: "SIP/2.0/UDP 255.255.255.255;branch=z9hG4bKbcast")),
        TortureCase(
            "zeromf", .rfc4475, "3.3.11", .forward, edge: .refuse(483),
            request("OPTIONS", name: "zeromf", ["Max-Forwards": "Max-Forwards: 0"])),
        TortureCase(
            "cparam01", .rfc4475, "3.3.12", .forward,
            request(
                "REGISTER", "sip:council.example", name: "cparam01", adding: "Contact: sip:prober@192.0.2.90;novel")),
        TortureCase(
            "cparam02", .rfc4475, "3.3.13", .forward,
            request(
                "REGISTER", "sip:council.example", name: "cparam02", adding: "Contact: <sip:prober@192.0.2.90;novel>")),
        TortureCase(
            "regescrt", .rfc4475, "3.3.14", .forward,
            request(
                "REGISTER", "sip:council.example", name: "regescrt",
                adding: "Contact: <sip:prober@192.0.2.90?Route=%3Csip:evil.example%3E>")),
        TortureCase(
            "sdp01", .rfc4475, "3.3.15", .forward,
            request(
                "INVITE", name: "sdp01", adding: "Accept: text/unheard-of\nContent-Type: application/sdp", body: offer)),
        TortureCase(
            "inv2543", .rfc4475, "3.4.1", .forward,
            wire(
                """
                INVITE sip:desk@council.example SIP/2.0
                Via: SIP/2.0/UDP old.lab.example
                From: <sip:+12025550100@lab.example;user=phone>
                To: sip:+12025550199@council.example;user=phone
                Record-Route: <sip:desk@council.example;maddr=hop.lab.example>
                Call-ID: inv2543@lab.example
                CSeq: 3 INVITE
                Content-Type: application/sdp
                """, body: Array(offer.replacing("\n", with: "\r\n").utf8))),
    ]
}
