import CoreTypes
import SIPMessage
import Testing

@Suite("Session descriptions")
struct SessionDescriptionTests {
    private static let offer = """
        v=0
        o=alice 2890844526 2890844527 IN IP4 host.atlanta.example
        s=Council 12
        c=IN IP4 192.0.2.17
        t=0 0
        a=recvonly
        m=audio 49170 RTP/AVP 0 8 97
        a=rtpmap:97 iLBC/8000
        m=video 51372/2 RTP/SAVPF 31
        i=the room
        c=IN IP6 2001:db8::9:1
        b=AS:512
        """

    private static func parse(_ text: String, limits: SessionDescription.Limits = .init()) throws(SessionDescription
        .Failure) -> SessionDescription
    {
        let bytes = Array(text.utf8)
        return try SessionDescription(parsing: bytes, 0..<bytes.count, limits: limits)
    }

    private static func failure(_ text: String, limits: SessionDescription.Limits = .init()) -> SessionDescription
        .Failure?
    {
        do {
            _ = try parse(text, limits: limits)
            return nil
        } catch {
            return error
        }
    }

    @Test("where media flow is read, whatever the line ends", arguments: ["\n", "\r\n"], ["", "\n", "\r\n\r\n"])
    func offer(lineEnd: String, trailer: String) throws {
        let bytes = Array((Self.offer.replacing("\n", with: lineEnd) + trailer).utf8)
        let session = try SessionDescription(parsing: bytes, 0..<bytes.count)
        func text(_ range: Range<Int>) -> String { String(decoding: bytes[range], as: UTF8.self) }
        #expect(text(session.origin.username) == "alice")
        #expect(text(session.origin.sessionVersion) == "2890844527")
        #expect(session.origin.host == .name("host.atlanta.example"))
        #expect(text(session.name) == "Council 12")
        #expect(session.connection?.host.description == "192.0.2.17")
        #expect(session.attributes.map { text($0.name) } == ["recvonly"])
        try #require(session.media.count == 2)
        let (audio, video) = (session.media[0], session.media[1])
        #expect(text(audio.kind) == "audio" && audio.port == 49170 && audio.portCount == 1)
        #expect(text(audio.transport) == "RTP/AVP")
        #expect(audio.formats.map(text) == ["0", "8", "97"])
        #expect(audio.attributes.first?.value.map(text) == "97 iLBC/8000")
        #expect(session.connections(of: audio).map(\.host.description) == ["192.0.2.17"])
        #expect(video.port == 51372 && video.portCount == 2)
        #expect(session.connections(of: video).map(\.host.description) == ["[2001:db8::9:1]"])
    }

    @Test(
        "addresses are of the family that they claim; multicast has its TTL and count",
        arguments: [
            ("IN IP4 233.252.0.1/127/3", 127, 3), ("IN IP4 233.252.0.1/127", 127, 1), ("IN IP6 ff15::101/3", nil, 3),
            ("IN IP6 ::ffff:192.0.2.2", nil, 1), ("IN IP4 media.example.com", nil, 1),
        ] as [(String, UInt8?, Int)])
    func connections(value: String, timeToLive: UInt8?, count: Int) throws {
        let session = try Self.parse(Self.offer.replacing("IN IP4 192.0.2.17", with: value))
        #expect(session.connection?.timeToLive == timeToLive)
        #expect(session.connection?.count == count)
    }

    @Test(
        "what does not say where media flow is refused, with the line",
        arguments: [
            ("v=0\n", "", .order, 1), ("v=0", "v=1", .version, 1), ("s=Council 12\n", "", .order, 3),
            ("t=0 0\n", "", .order, 11), ("s=Council 12", "s=a\ns=b", .order, 4),
            ("s=Council 12", "o=a 1 1 IN IP4 192.0.2.1", .order, 3), ("2890844526", "x", .origin, 2),
            ("192.0.2.17", "2001:db8::1", .connection, 4), ("IN IP4 192.0.2.17", "IN IP6 192.0.2.17", .connection, 4),
            ("192.0.2.17", "192.0.2.999", .connection, 4), ("192.0.2.17", "192.0.2.17/256", .connection, 4),
            ("192.0.2.17", "192.0.2.17/1/2/3", .connection, 4), ("192.0.2.17", "192.0.2.17/1/0", .connection, 4),
            ("192.0.2.17", "[2001:db8::1]", .connection, 4), ("c=IN IP4 192.0.2.17\n", "", .noAddress, 6),
            ("c=IN IP4", "c=TN IP4", .connection, 4), ("t=0 0", "t=0", .time, 5), ("t=0 0", "t=0 -1", .time, 5),
            ("49170", "65536", .media, 7), ("49170", "-1", .media, 7), ("49170", "49170/0", .media, 7),
            ("49170", "65535/2", .media, 7), ("RTP/AVP 0 8 97", "RTP/AVP", .media, 7),
            ("RTP/AVP 0 8", "RTP/AVP  0 8", .media, 7), ("a=recvonly", "a=", .attribute, 6),
            ("a=recvonly", "a=recv only", .attribute, 6), ("a=recvonly", "a", .malformedLine, 6),
            ("a=recvonly", " a=recvonly", .malformedLine, 6), ("a=recvonly", "x=y", .malformedLine, 6),
            ("a=recvonly", "", .malformedLine, 6), ("Council 12", "Council\r12", .malformedLine, 3),
            ("Council 12", "Council\u{0}12", .malformedLine, 3), ("i=the room", "t=0 0", .order, 10),
            ("b=AS:512", "v=0", .order, 12),
        ] as [(String, String, SessionDescription.Failure.Kind, Int)])
    func refused(before: String, after: String, kind: SessionDescription.Failure.Kind, line: Int) {
        #expect(Self.failure(Self.offer.replacing(before, with: after)) == .init(kind, line: line))
    }

    @Test("a description is bounded in bytes, lines, their length and media")
    func limits() {
        #expect(Self.failure(Self.offer, limits: .init(bytes: 100))?.kind == .tooLarge)
        #expect(Self.failure(Self.offer, limits: .init(lines: 6)) == .init(.tooLarge, line: 7))
        #expect(Self.failure(Self.offer, limits: .init(lineBytes: 20)) == .init(.tooLarge, line: 2))
        #expect(Self.failure(Self.offer, limits: .init(media: 1)) == .init(.tooLarge, line: 9))
        #expect(Self.failure("") == .init(.order, line: 0))
    }

    @Test("a message has one when its type says so")
    func ofMessage() throws {
        let body = Self.offer.replacing("\n", with: "\r\n")
        #expect(
            try Message.invite(adding: "c : Application / SDP;x=y", body: body).sessionDescription?.media.count == 2)
        #expect(try Message.invite(adding: "Content-Type: text/plain", body: body).sessionDescription == nil)
        #expect(try Message.invite(adding: "c: application/sdp\ne: gzip", body: body).sessionDescription == nil)
        #expect(try Message.invite(adding: "c: application/sdp").sessionDescription == nil)
        #expect(try Message.invite(body: body).sessionDescription == nil)
        let broken = try Message.invite(adding: "c: application/sdp", body: "v=0\r\n")
        #expect(throws: SessionDescription.Failure(.order, line: 1)) { try broken.sessionDescription }
    }
}
