import CoreTypes
import SIPMessage
import Testing

@Suite("Message parser")
struct ParserTests {
    @Test("a plain request gives its parts")
    func plainRequest() throws {
        let message = try Message.invite(adding: "Content-Type: text/plain\nContent-Length: 5", body: "hello and more")
        #expect(message.method == .invite)
        #expect(message.requestURI?.user == "bob")
        #expect(message.callID == "987asjd97y7atg")
        #expect(message.cSeq == CSeq(number: 986_759, method: .invite))
        #expect(message.fromTag == "88sja8x")
        #expect(message.toTag == nil)
        #expect(message.maxForwards == 70)
        #expect(message.topVia.branch == "z9hG4bKkjshdyff")
        #expect(message.topVia.port == 5066)
        #expect(message.text(message.body) == "hello")
    }

    @Test("compact names, folding, blanks around the colon and odd case mean the same")
    func tortuous() throws {
        let text = """
            INVITE sip:vivekg@chair-dnrc.example.com;unknownparam SIP/2.0
            TO :
             sip:vivekg@chair-dnrc.example.com ;   tag    = 1918181833n
            f: "J Rosenberg \\\\\\""       <sip:jdrosen@example.com>
              ;
              tag = 98asjd8
            MaX-fOrWaRdS: 0068
            i: wsinv.ndaksdj@192.0.2.1
            Content-Length   : 4
            cseq: 0009
              INVITE
            v:  SIP  / 2.0  / TCP     spindle.example.com   ;
              branch  =   z9hG4bK9ikj8  ,
             SIP  /    2.0   / UDP  192.168.255.111   ; branch=
             z9hG4bK30239
            m:"Quoted string \\"\\"" <sip:jdrosen@example.com> ; newparam =
                  newvalue ;
              secondparam ; q = 0.33
            """
        let message = try Message(parsing: wire(text, body: "v=0\n"))
        #expect(message.vias.count == 2)
        #expect(message.vias[1].branch == "z9hG4bK30239")
        #expect(message.vias[0].transport == "TCP")
        #expect(message.toTag == "1918181833n")
        #expect(message.fromTag == "98asjd8")
        #expect(message.addresses(.contact)?.count == 1)
        #expect(message.maxForwards == 68)
    }

    @Test(
        "a defect is refused with what is wrong, and the answer has somewhere to go",
        arguments: [
            ("INVITE sip:bob@biloxi.example SIP/2.0", "INVITE  sip:bob@biloxi.example SIP/2.0", 400),
            ("INVITE sip:bob@biloxi.example SIP/2.0", "INVITE sip:bob@biloxi.example SIP/2.0 ", 400),
            ("INVITE sip:bob@biloxi.example SIP/2.0", "INVITE <sip:bob@biloxi.example> SIP/2.0", 400),
            ("INVITE sip:bob@biloxi.example SIP/2.0", "INVITE sip:bob@biloxi.example?Route=x SIP/2.0", 400),
            ("INVITE sip:bob@biloxi.example SIP/2.0", "INVITE sip:bob@biloxi.example SIP/7.0", 505),
            ("INVITE sip:bob@biloxi.example SIP/2.0", "INVITE sip:bob@[2001:db8 SIP/2.0", 400),
            ("INVITE sip:bob@biloxi.example SIP/2.0", "INVITE sip:bo%b@biloxi.example SIP/2.0", 400),
            ("CSeq: 986759 INVITE", "CSeq: 986759 BYE", 400),
            ("CSeq: 986759 INVITE", "CSeq: 4294967296 INVITE", 400),
            ("Max-Forwards: 70", "Max-Forwards: 256", 400),
            ("Max-Forwards: 70", "Max-Forwards: -1", 400),
            ("Max-Forwards: 70", "Max-Forwards: 70\nMax-Forwards: 70", 400),
            ("To: Bob", "To: \"Bob", 400),
            ("To: Bob", "To: Bob, Esq.", 400),
            ("To: Bob <sip:bob@biloxi.example>", "To: Bob <sip:bob @biloxi.example>", 400),
            ("Max-Forwards: 70", "Content-Length: 0\nContent-Length: 0", 400),
            ("Max-Forwards: 70", "Content-Length: 99", 400),
            ("Max-Forwards: 70", "Content-Length: -1", 400),
            ("Max-Forwards: 70", "Content-Length: 0x0", 400),
            ("Max-Forwards: 70", "Bad Name: 1", 400),
            ("Max-Forwards: 70", "No-Colon", 400),
            ("Max-Forwards: 70", "X: a\u{0}b", 400),
            ("Max-Forwards: 70", "X: a\u{7f}b", 400),
            ("Max-Forwards: 70", "X: \u{1b}a", 400),
            ("Max-Forwards: 70", "X: a\u{7}", 400),
            ("Max-Forwards: 70", "X: \u{0}", 400),
        ])
    func defects(original: String, broken: String, status: Int) {
        let error = #expect(throws: ParseFailure.self) { try Message.invite(replacing: (original, broken)) }
        #expect(error?.status == status)
        #expect(error?.reply != nil)
    }

    @Test(
        "without what an answer needs, none is offered",
        arguments: ["Via: SIP/2.0/UDP pc33.atlanta.example:5066;branch=z9hG4bKkjshdyff\n", "Call-ID: 987asjd97y7atg\n"])
    func unanswerable(line: String) {
        let error = #expect(throws: ParseFailure.self) { try Message.invite(replacing: (line, "")) }
        #expect(error?.status == 400)
        #expect(error?.reply == nil)
    }

    @Test("bare line ends are a defect wherever they stand", arguments: ["X: a\rb", "X: a\nb: c", "X\r: a"])
    func bareLineEnds(line: String) {
        let text = Message.plainInvite.replacing("\n", with: "\r\n") + "\r\n" + line + "\r\n\r\n"
        #expect(throws: ParseFailure.self) { try Message(parsing: Array(text.utf8)) }
    }

    @Test("controls may stand behind a backslash in quotes")
    func quotedControls() throws {
        _ = try Message.invite(replacing: ("\"Alice\"", "\"BEL:\\\u{7} NUL:\\\u{0} DEL:\\\u{7f}\""))
    }

    @Test("limits hold", arguments: [0, 1, 2, 3])
    func limits(kind: Int) {
        var limits = MessageLimits()
        switch kind {
        case 0: limits.messageBytes = 100
        case 1: limits.headers = 3
        case 2: limits.headerBytes = 20
        default: limits.uriBytes = 5
        }
        let error = #expect(throws: ParseFailure.self) {
            try Message(parsing: wire(Message.plainInvite), limits: limits)
        }
        #expect([513, 513, 513, 414][kind] == error?.status)
    }

    @Test("no prefix of a message and no changed octet crashes the parser")
    func robustness() {
        let whole = wire(
            Message.plainInvite + "\nAuthorization: Digest username=\"a\", realm=\"b\"\nContent-Length: 3", body: "abc")
        for end in 0..<whole.count { _ = try? Message(parsing: Array(whole[..<end])) }
        for index in whole.indices {
            for byte in [UInt8(0), 9, 10, 13, 32, 34, 44, 58, 59, 60, 62, 91, 92, 127, 255] {
                var changed = whole
                changed[index] = byte
                _ = try? Message(parsing: changed)
            }
        }
    }

    @Test("a response gives its status and reason, overlarge codes are refused")
    func responses() throws {
        let text = """
            SIP/2.0 200 = 2**3 * 5**2
            Via: SIP/2.0/UDP 192.0.2.198;branch=z9hG4bK1324923
            From: <sip:a@x.example>;tag=1
            To: <sip:b@x.example>;tag=2
            Call-ID: u
            CSeq: 1 INVITE
            """
        let message = try Message(parsing: wire(text))
        #expect(message.status == 200)
        #expect(message.reasonPhrase == "= 2**3 * 5**2")
        #expect(throws: ParseFailure.self) {
            try Message(parsing: wire(text.replacing("200 ", with: "4294967301 ")))
        }
        #expect(try Message(parsing: wire(text.replacing("200 = 2**3 * 5**2", with: "100 "))).reasonPhrase == "")
    }
}
