import SIPMessage
import Testing

/// What lets two parsers see two messages in one (RFC 3261 sections 7.3 and 20.14).
@Suite("Ambiguous headers")
struct AmbiguousHeaderTests {
    private static let plain = wire(Message.plainInvite + "\nContent-Length: 0")

    private static func status(_ bytes: [UInt8]) -> Int? {
        do {
            _ = try Message(parsing: bytes)
            return nil
        } catch {
            return error.status
        }
    }

    @Test("the plain message is accepted, so that a refusal is for what was added")
    func control() { #expect(Self.status(Self.plain) == nil) }

    /// A line between the others; line ends as written, the last one is added.
    @Test(
        "a line that can be read in two ways is refused",
        arguments: [
            "X-A: b\rc", "X-A: b\nc", "X-A: b\r\r\nX-B: c", "X-A: b\n\r\nX-B: c", "X-A\r: b", "X-A\n: b", "\nX-A: b",
            "\rX-A: b", "X-A\r\n : b", "X-A: b\u{0}", "X-A: \u{0}b", "X\u{0}-A: b", "X-A: b\u{1}", "X-A: b\u{b}c",
            "X-A: b\u{c}c", "X-A: b\u{7f}", "X-A: \u{1b}[31m", "X-A\u{b}: b", "X A: b", "X-A", ": b", "X(A): b",
            "X@A: b",
            "X\"A\": b", "X/A: b", "X-\u{e9}: b", "\u{feff}X-A: b", "X-A;: b", "X-A,: b", "<X-A>: b",
        ])
    func lines(line: String) {
        let text = String(decoding: Self.plain, as: UTF8.self)
        let bytes = Array(text.replacing("Max-Forwards", with: line + "\r\nMax-Forwards").utf8)
        #expect(Self.status(bytes) == 400)
    }

    @Test(
        "a field that stands once stands once, by whichever name, also when the values are the same",
        arguments: [
            "From: \"Alice\" <sip:alice@atlanta.example>;tag=88sja8x", "f: <sip:mallory@atlanta.example>;tag=2",
            "To: Bob <sip:bob@biloxi.example>", "T : <sip:other@biloxi.example>", "Call-ID: 987asjd97y7atg", "i: other",
            "CSeq: 986759 INVITE", "CSEQ: 1 INVITE", "Max-Forwards: 70", "max-forwards: 5", "Content-Length: 0", "l: 0",
            "L : 5", "Content-Length:\r\n 0",
        ])
    func duplicates(line: String) {
        let text = String(decoding: Self.plain, as: UTF8.self)
        for place in ["Via: ", "Max-Forwards", "Content-Length"] {
            let bytes = Array(text.replacing(place, with: line + "\r\n" + place).utf8)
            #expect(Self.status(bytes) == 400, "before \(place)")
        }
    }

    @Test(
        "a length is one plain number that the message has room for",
        arguments: [
            "-1", "+0", "0x0", "1", "0, 0", "0 0", "0;x=1", "\"0\"", "", "0.0", "1e0", "99999999999999999999",
            "18446744073709551616", "0\u{0}", "\u{660}",
        ])
    func lengths(value: String) {
        #expect(Self.status(wire(Message.plainInvite + "\nContent-Length: \(value)")) == 400)
    }

    @Test("blanks between a name and its colon are legal (HCOLON), before the first name they are not")
    func blanks() throws {
        let message = try Message(parsing: wire(Message.plainInvite + "\nContent-Length \t : 5", body: "12345"))
        #expect(message.body.count == 5)
        for blank in [" ", "\t", "\r\n"] {
            let text = String(decoding: Self.plain, as: UTF8.self)
            #expect(Self.status(Array(text.replacing("Via:", with: blank + "Via:").utf8)) == 400)
        }
    }

    @Test("blanks behind a Call-ID are not a part of it for some and are for others", arguments: [" ", "\t", "\r\n "])
    func callID(blank: String) {
        let text = String(decoding: Self.plain, as: UTF8.self)
        #expect(Self.status(Array(text.replacing("97y7atg", with: "97y7atg" + blank).utf8)) == 400)
    }

    @Test("controls in a reason phrase are refused", arguments: ["\u{0}", "\u{1b}", "\u{7f}", "\r", "\n"])
    func reason(control: String) {
        let text = String(decoding: Self.plain, as: UTF8.self)
        let response = text.replacing("INVITE sip:bob@biloxi.example SIP/2.0", with: "SIP/2.0 200 O\(control)K")
        #expect(Self.status(Array(response.utf8)) != nil)
    }
}
