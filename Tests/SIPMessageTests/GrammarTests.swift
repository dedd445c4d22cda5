import CoreTypes
import SIPMessage
import Testing

@Suite("URIs and header values")
struct GrammarTests {
    @Test(
        "a URI gives its parts",
        arguments: [
            ("sip:alice@atlanta.example", "alice", "atlanta.example", nil),
            ("sip:alice:secret@atlanta.example:5070;transport=tcp", "alice", "atlanta.example", 5070),
            ("sips:1212@gateway.example", "1212", "gateway.example", nil),
            ("sip:user;par=u%40example.net@Example.COM", "user;par=u%40example.net", "example.com", nil),
            ("sip:[2001:db8::10]:5070", nil, "[2001:db8::10]", 5070),
            ("sip:[2001:db8::10:5070]", nil, "[2001:db8::10:5070]", nil),
            ("sip:sips%3Auser%40example.com@example.net", "sips%3Auser%40example.com", "example.net", nil),
            ("sip:bob@192.0.2.4;lr", "bob", "192.0.2.4", nil),
            ("sip:example.com.", nil, "example.com", nil),
        ] as [(String, String?, String, UInt16?)])
    func parts(text: String, user: String?, host: String, port: UInt16?) throws {
        let uri = try #require(URI(text))
        #expect(uri.user == user)
        #expect(uri.host.description == host)
        #expect(uri.port == port)
        #expect(uri.text == text)
    }

    @Test(
        "what is no URI is refused",
        arguments: [
            "", "sip:", "sip:@host", "sip:a b@host", "sip:a@", "sip:a@host:0", "sip:a@host:99999", "sip:a@-host",
            "sip:a@ho..st", "sip:a@1.2.3.256", "sip:a@2001:db8::10", "sip:a@[1.2.3.4]", "sip:a@[2001:db8::1",
            "sip:a@host;lr;lr", "sip:a@host;", "sip:a@host?", "sip:%4@host", "sip:a@host?a", "1sip:a@host", "sip",
            "sip:a@host@host2", "sip:a<b@host", "sip:a@host;x=%zz", "sip:host:",
        ])
    func refused(text: String) {
        #expect(URI(text) == nil)
    }

    @Test("other schemes are carried, not understood")
    func otherSchemes() throws {
        #expect(try #require(URI("tel:+358-555-1234567;postd=pp22")).scheme == .other("tel"))
        #expect(try #require(URI("isbn:2983792873")).addressOfRecord == nil)
    }

    @Test("an address of record ignores port, parameters and escapes that need none")
    func addressOfRecord() {
        #expect(URI("sip:Al%69ce@Atlanta.Example:5070;x=y")?.addressOfRecord == "Alice@atlanta.example")
        #expect(URI("sip:a%00b@h.example")?.addressOfRecord == "a%00b@h.example")
        #expect(URI("sips:bob@H.example:1;p")?.signedForm == "sips:bob@h.example")
    }

    @Test(
        "credentials are read, and what is incomplete or doubled is refused",
        arguments: [
            ("Digest username=\"a\", realm=\"r\", nonce=\"n\", uri=\"sip:x\", response=\"00\"", true),
            ("digest username=\"a\",realm=\"r\",nonce=\"n\",uri=\"sip:x\",response=\"00\",qop=auth,nc=00000001", true),
            ("Digest username=\"a\\\"b\", realm=\"r\", nonce=\"n\", uri=\"sip:x\", response=\"00\"", true),
            ("Digest username=\"a\", realm=\"r\", nonce=\"n\", uri=\"sip:x\"", false),
            ("Digest username=\"a\", username=\"b\", realm=\"r\", nonce=\"n\", uri=\"u\", response=\"0\"", false),
            ("Digest username=\"a\", realm=\"r\", nonce=\"n\", uri=\"sip:x\", response=\"00\", nc=1", false),
            ("Basic dXNlcjpwYXNz", false), ("NoOneKnowsThisScheme opaque=1", false), ("", false), ("Digest", false),
        ])
    func credentials(value: String, valid: Bool) {
        #expect((DigestCredentials(value) != nil) == valid)
    }

    @Test("a challenge is read back as it was written")
    func challenge() {
        let challenge = DigestChallenge(
            realm: "external.advisor", nonce: "abc", algorithm: .sha256, opaque: nil, stale: true)
        #expect(DigestChallenge(challenge.fieldValue) == challenge)
    }
}
