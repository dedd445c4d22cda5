extension TortureCase {
    /// RFC 4475 section 3.1: what parsers get wrong.
    static let rfc4475Syntax: [TortureCase] = [
        // The To tag makes it a request within a dialog that the edge does not know.
        TortureCase(
            "wsinv", .rfc4475, "3.1.1.1", .forward, edge: .refuse(481),
            wire(
                """
                INVITE sip:desk@council.example;odd SIP/2.0
                tO :
                 <sip:desk@council.example>   ;  tag  =
                \tt-wsinv
                FROM   : "Q \\\\\\" uoted"   <sip:prober@lab.example>
                  ; tag = f-wsinv
                mAx-fOrWaRdS: 0030
                i: wsinv@lab.example
                cSeQ: 00012
                   INVITE
                v :  SIP  /  2.0
                  / UDP   192.0.2.90 ; branch =
                 old-branch , SIP / 2.0 / TCP  hop.lab.example ;branch=z9hG4bKhop
                s :
                X-New:  one
                  two
                X-Separators: ,;,;;,,
                c : application/sdp
                l   :    0
                m : "A \\"B\\"" <sip:prober@192.0.2.90> ; x =
                  y ; q = 0.5
                """)),
        TortureCase(
            "intmeth", .rfc4475, "3.1.1.2", .forward,
            wire(
                """
                !odd+Method.*_`%~' sip:a_b.C~(d!e)&f=g+$/h?,;:&p=1,~!(x)@council.example SIP/2.0
                Via: SIP/2.0/TCP probe.lab.example;branch=z9hG4bK-.!%2a*_+`'~
                To: "bell \\\u{7} nul \\\u{0} del \\\u{7f}" <sip:a_b.C~(d!e)&f=g+$/h?,;@council.example>
                From: to~ke`n' an_other* %.! <sip:prober@lab.example>;p''a~r+a*m="\u{17e}lu\u{165}";tag=_t~a'g`*%!-.+
                Call-ID: odd%ZY-!.*_+'@w`~)(><:\\/"][?}{
                CSeq: 2147483647 !odd+Method.*_`%~'
                Max-Forwards: 255
                X-odd-!.%*+_`'~:\u{5927}\u{505c}
                Content-Length: 0
                """)),
        TortureCase(
            "esc01", .rfc4475, "3.1.1.3", .forward,
            request(
                "INVITE", "sip:sips%3Aother%40lab.example@council.example", name: "esc01",
                ["To": "To: <sip:%64es%6b@council.example>", "From": "From: <sip:a%20b@lab.example>;tag=1"],
                adding: "Contact:\n <sip:p%72obe@192.0.2.90;%6C%72;n%61me=%25%34%31>\nContent-Type: application/sdp",
                body: offer)),
        TortureCase(
            "escnull", .rfc4475, "3.1.1.4", .forward,
            request(
                "REGISTER", "sip:council.example", name: "escnull",
                ["To": "To: <sip:a%00b@council.example>", "From": "From: <sip:a%00b@council.example>;tag=1"],
                adding: "Contact: <sip:%00@192.0.2.90>\nContact: <sip:%00%00@192.0.2.90>")),
        TortureCase(
            "esc02", .rfc4475, "3.1.1.5", .forward,
            request(
                "INV%49TE", name: "esc02",
                [
                    "Via": "Via: SIP/2.0/UDP probe.lab.example;branch=z9hG4bK%q%",
                    "To": "To: \"50%\" <sip:desk@council.example>",
                ], adding: "C%6fntact: <sip:nobody@192.0.2.90>\nContact: <sip:prober@192.0.2.90>")),
        TortureCase(
            "lwsdisp", .rfc4475, "3.1.1.6", .forward,
            request("OPTIONS", name: "lwsdisp", ["From": "From: prober<sip:prober@lab.example>;tag=1"])),
        TortureCase(
            "longreq", .rfc4475, "3.1.1.7", .forward,
            request(
                "INVITE", name: "longreq",
                [
                    "From":
                        "f: <sip:\(String(repeating: "caller", count: 30))@lab.example>;tag=\(String(repeating: "98", count: 90))",
                    "To":
                        "To: \"\(String(repeating: "very ", count: 40))\"<sip:desk@council.example:5060;p=\(String(repeating: "v", count: 200))>",
                    "Call-ID": "Call-ID: \(String(repeating: "really", count: 30))",
                ],
                adding: (1...40).map { "vIa : SIP/2.0/TCP hop\($0).lab.example" }.joined(separator: "\n")
                    + "\nX-\(String(repeating: "Long", count: 30)): \(String(repeating: "long", count: 100))")),
        TortureCase(
            "dblreq", .rfc4475, "3.1.1.8", .forward,
            request("REGISTER", "sip:council.example", name: "dblreq")
                + request("INVITE", name: "dblreq-second", adding: "Content-Type: application/sdp", body: offer)),
        TortureCase(
            "semiuri", .rfc4475, "3.1.1.9", .forward,
            request("OPTIONS", "sip:desk;x=y%40lab.example@council.example", name: "semiuri")),
        TortureCase(
            "transports", .rfc4475, "3.1.1.10", .forward,
            request(
                "OPTIONS", name: "transports",
                adding: ["SCTP", "TLS", "PIGEON", "TCP"].map {
                    "Via: SIP/2.0/\($0) \($0).lab.example;branch=z9hG4bK\($0)"
                }
                .joined(separator: "\n"))),
        TortureCase(
            "mpart01", .rfc4475, "3.1.1.11", .forward,
            binary(
                "MESSAGE", "mpart01", type: "multipart/mixed;boundary=cut",
                Array("--cut\r\nContent-Type: text/plain\r\n\r\nhello\r\n--cut\r\n\r\n".utf8)
                    + (0...255).map { UInt8($0) } + Array("\r\r\n\n\r\n--cut--\r\n".utf8))),
        // Nobody waits for these two.
        TortureCase(
            "unreason", .rfc4475, "3.1.1.12", .forward, edge: .discard,
            response("200 = 2**3 * 5**2 \u{2014} \u{43e}\u{442}\u{432}\u{435}\u{442}", name: "unreason")),
        TortureCase(
            "noreason", .rfc4475, "3.1.1.13", .forward, edge: .discard, response("100 ", name: "noreason")),
        TortureCase(
            "badinv01", .rfc4475, "3.1.2.1", .refuse(400),
            request(
                "INVITE", name: "badinv01", ["Via": "Via: SIP/2.0/UDP 192.0.2.90;;,;,,"],
                adding: "Contact: <sip:prober@192.0.2.90>;;;;")),
        TortureCase(
            "clerr", .rfc4475, "3.1.2.2", .refuse(400),
            request("INVITE", name: "clerr", ["Content-Length": ""], adding: "Content-Length: 8888", body: offer)),
        TortureCase(
            "ncl", .rfc4475, "3.1.2.3", .refuse(400),
            request("INVITE", name: "ncl", ["Content-Length": ""], adding: "Content-Length: -1", body: offer)),
        TortureCase(
            "scalar02", .rfc4475, "3.1.2.4", .refuse(400),
            request(
                "REGISTER", "sip:council.example", name: "scalar02", ["CSeq": "CSeq: 18446744073709551616 REGISTER"],
                adding: "Expires: 99999999999999999999\nContact: <sip:prober@192.0.2.90>;expires=999999999999")),
        TortureCase(
            "scalarlg", .rfc4475, "3.1.2.5", .discard,
            response("503 Busy", name: "scalarlg", cSeq: "99999999999999999999 OPTIONS")),
        TortureCase(
            "quotbal", .rfc4475, "3.1.2.6", .refuse(400),
            request("INVITE", name: "quotbal", ["To": "To: \"The Desk <sip:desk@council.example>"])),
        TortureCase(
            "ltgtruri", .rfc4475, "3.1.2.7", .refuse(400),
            request("INVITE", "<sip:desk@council.example>", name: "ltgtruri")),
        TortureCase(
            "lwsruri", .rfc4475, "3.1.2.8", .refuse(400),
            request("INVITE", "sip:desk@council.example; lr", name: "lwsruri")),
        TortureCase(
            "lwsstart", .rfc4475, "3.1.2.9", .refuse(400),
            request("INVITE", "  sip:desk@council.example  ", name: "lwsstart")),
        TortureCase(
            "trws", .rfc4475, "3.1.2.10", .refuse(400),
            wire(
                """
                OPTIONS sip:desk@council.example SIP/2.0\u{20}\u{20}
                Via: SIP/2.0/UDP probe.lab.example;branch=z9hG4bK-trws
                From: <sip:prober@lab.example>;tag=1
                To: <sip:desk@council.example>
                Call-ID: trws@lab.example
                CSeq: 1 OPTIONS
                """)),
        TortureCase(
            "escruri", .rfc4475, "3.1.2.11", .refuse(400),
            request("INVITE", "sip:desk@council.example?Route=%3Csip:evil.example%3E", name: "escruri")),
        // A proxy does not use Date. Nothing is routed by it, and the guard refuses what it can't read.
        TortureCase(
            "baddate", .rfc4475, "3.1.2.12", .forward,
            request("INVITE", name: "baddate", adding: "Date: Fri, 02 Jan 2026 08:00:00 CET")),
        // Whose the part behind the question mark is, is for the reader to guess: not passed on.
        TortureCase(
            "regbadct", .rfc4475, "3.1.2.13", .forward, edge: .refuse(400),
            request(
                "REGISTER", "sip:council.example", name: "regbadct",
                adding: "Contact: sip:prober@192.0.2.90?Route=%3Csip:evil.example%3E")),
        TortureCase(
            "badaspec", .rfc4475, "3.1.2.14", .refuse(400),
            request("OPTIONS", name: "badaspec", ["To": "To: \"Desk\" < sip:desk@council.example >"])),
        TortureCase(
            "baddn", .rfc4475, "3.1.2.15", .refuse(400),
            request("OPTIONS", name: "baddn", ["From": "From: Prober, The <sip:prober@lab.example>;tag=1"])),
        TortureCase(
            "badvers", .rfc4475, "3.1.2.16", .refuse(505),
            wire(
                """
                OPTIONS sip:desk@council.example SIP/3.0
                Via: SIP/3.0/UDP probe.lab.example;branch=z9hG4bK-badvers
                From: <sip:prober@lab.example>;tag=1
                To: <sip:desk@council.example>
                Call-ID: badvers@lab.example
                CSeq: 1 OPTIONS
                """)),
        TortureCase(
            "mismatch01", .rfc4475, "3.1.2.17", .refuse(400),
            request("OPTIONS", name: "mismatch01", ["CSeq": "CSeq: 9 INVITE"])),
        TortureCase(
            "mismatch02", .rfc4475, "3.1.2.18", .refuse(400),
            request("NOVEL", name: "mismatch02", ["CSeq": "CSeq: 9 INVITE"])),
        TortureCase(
            "bigcode", .rfc4475, "3.1.2.19", .discard, response("4294967496 wraps to 200", name: "bigcode")),
    ]

    static func response(_ status: String, name: String, cSeq: String = "7 INVITE", via: String? = nil) -> [UInt8] {
        wire(
            """
            SIP/2.0 \(status)
            Via: \(via ?? "SIP/2.0/UDP 192.0.2.91;branch=z9hG4bK-\(name)")
            From: <sip:prober@lab.example>;tag=1
            To: <sip:desk@council.example>;tag=2
            Call-ID: \(name)@lab.example
            CSeq: \(cSeq)
            Content-Length: 0
            """)
    }

    static func binary(_ method: String, _ name: String, type: String, _ body: [UInt8]) -> [UInt8] {
        wire(
            """
            \(method) sip:desk@council.example SIP/2.0
            Via: SIP/2.0/UDP probe.lab.example;branch=z9hG4bK-\(name)
            From: <sip:prober@lab.example>;tag=1
            To: <sip:desk@council.example>
            Call-ID: \(name)@lab.example
            CSeq: 1 \(method)
            Content-Type: \(type)
            Content-Length: \(body.count)
            """, body: body)
    }
}
