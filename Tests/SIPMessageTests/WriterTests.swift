import CoreTypes
import SIPMessage
import Testing

@Suite("Writing messages")
struct WriterTests {
    let source = Endpoint(IPAddress(v4: 0xc000_0263), port: 5099)

    @Test("what is not rewritten goes out octet for octet")
    func verbatim() throws {
        let bytes = wire(
            Message.plainInvite + "\nX-Odd :  a ,\n  b%41\nContent-Length:  3", body: "a\u{0}b")
        #expect(try Message(parsing: bytes).written() == bytes)
    }

    @Test("a rewrite changes what it names and nothing else")
    func rewrite() throws {
        let message = try Message.invite(adding: "X-Keep: 1\nX-Drop: 2\nContent-Length: 0")
        var rewrite = Rewrite()
        rewrite.requestURI = "sip:bob@192.0.2.4"
        rewrite.prepend(.via, "SIP/2.0/UDP 192.0.2.1;branch=z9hG4bKown")
        rewrite.append(.reason, "none")
        let drop = try #require(message.fields.firstIndex { message.text($0.nameRange) == "X-Drop" })
        rewrite.remove(field: drop)
        let text = String(decoding: message.written(applying: rewrite), as: UTF8.self)
        #expect(
            text.hasPrefix("INVITE sip:bob@192.0.2.4 SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bKown\r\nVia: "))
        #expect(text.contains("X-Keep: 1\r\n"))
        #expect(!text.contains("X-Drop"))
        #expect(text.hasSuffix("Content-Length: 0\r\nReason: none\r\n\r\n"))
    }

    @Test("a missing Content-Length is added")
    func contentLength() throws {
        let message = try Message.invite(body: "abcd")
        #expect(String(decoding: message.written(), as: UTF8.self).hasSuffix("Content-Length: 4\r\n\r\nabcd"))
    }

    @Test(
        "received and rport say where a request really came from",
        arguments: [
            (";branch=z9hG4bKkjshdyff", ";branch=z9hG4bKkjshdyff;received=192.0.2.99"),
            (";rport;branch=z9hG4bKkjshdyff", ";branch=z9hG4bKkjshdyff;received=192.0.2.99;rport=5099"),
            (
                ";received=10.9.9.9;rport=1;branch=z9hG4bKkjshdyff",
                ";branch=z9hG4bKkjshdyff;received=192.0.2.99;rport=5099"
            ),
        ])
    func received(before: String, after: String) throws {
        let message = try Message.invite(replacing: (";branch=z9hG4bKkjshdyff", before))
        #expect(try message.topViaAmended(source: source) == "SIP/2.0/UDP pc33.atlanta.example:5066" + after)
    }

    @Test("an amended Via keeps the values that follow it on its line")
    func viaList() throws {
        let message = try Message.invite(
            replacing: (";branch=z9hG4bKkjshdyff", ";rport;branch=z9hG4bKa, SIP/2.0/TCP other.example;branch=z9hG4bKb"))
        #expect(
            try message.topViaAmended(source: source)
                == "SIP/2.0/UDP pc33.atlanta.example:5066;branch=z9hG4bKa;received=192.0.2.99;rport=5099"
                + ", SIP/2.0/TCP other.example;branch=z9hG4bKb")
    }

    @Test("a response copies what RFC 3261 8.2.6.2 names and adds the tag once")
    func response() throws {
        let message = try Message.invite()
        let bytes = message.replyFields.response(
            ResponseDraft(486, "Busy Here", toTag: 0xabc, fields: [("Retry-After", "5")]), source: source)
        let response = try Message(parsing: bytes)
        #expect(response.status == 486)
        #expect(response.toTag == "0000000000000abc")
        #expect(response.fromTag == message.fromTag)
        #expect(response.callID == message.callID)
        #expect(response.cSeq == message.cSeq)
        #expect(response.topVia.received == source.address)
        #expect(response.text(.retryAfter) == "5")
    }
}
