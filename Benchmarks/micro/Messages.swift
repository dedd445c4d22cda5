import CoreTypes
import SIPMessage

/// What the operations are done to: messages as telephones send them.
enum Messages {
    static let caller = Endpoint(IPAddress(v4: 0xc000_0205), port: 40_000)
    static let edge = "198.51.100.1:5060"
    static let realm = "external.advisor"
    static let user = "expert-safety"

    static let description = [
        "v=0", "o=- 3975 3975 IN IP4 192.0.2.5", "s=-", "c=IN IP4 192.0.2.5", "t=0 0",
        "m=audio 30000 RTP/AVP 0 8 101", "a=rtpmap:0 PCMU/8000", "a=rtpmap:8 PCMA/8000",
        "a=rtpmap:101 telephone-event/8000", "a=fmtp:101 0-15", "a=sendrecv",
    ].map { $0 + "\r\n" }.joined()

    /// An INVITE with a session description.
    /// - Parameters:
    ///   - number: two with different numbers belong to different calls.
    ///   - lines: further fields.
    static func invite(_ number: Int = 0, lines: [String] = []) -> [UInt8] {
        request(
            "INVITE sip:council@\(realm)", to: "<sip:council@\(realm)>", number,
            lines: [
                "Contact: <sip:\(user)@\(caller)>", "X-IF-Trace-ID: if-trace-1", "X-IF-Hazard: safety",
                "Allow: INVITE, ACK, CANCEL, OPTIONS, BYE, INFO", "Supported: timer, replaces",
                "Content-Type: application/sdp",
            ] + lines, body: description)
    }

    /// - Parameter routes: the Route values, topmost first.
    static func bye(routes: [String]) -> [UInt8] {
        request(
            "BYE sip:council@203.0.113.9:5070", to: "<sip:council@\(realm)>;tag=callee-1", 0,
            lines: routes.map { "Route: \($0)" })
    }

    static let options = request("OPTIONS sip:\(realm)", to: "<sip:\(realm)>", 0)

    /// What a called party answers.
    /// - Parameter branch: of the edge's Via.
    static func ok(branch: Branch) -> [UInt8] {
        let lines = [
            "SIP/2.0 200 OK", "Via: SIP/2.0/UDP \(edge);rport;branch=\(branch)",
            "Via: SIP/2.0/UDP \(caller);branch=z9hG4bKcaller0;received=192.0.2.5;rport=40000",
            "Record-Route: <sip:sp1-0011223344556677@\(edge);transport=udp;lr>",
            "From: \"Safety\" <sip:\(user)@\(realm)>;tag=\(tag)", "To: <sip:council@\(realm)>;tag=callee-1",
            "Call-ID: \(callID(0))", "CSeq: 1 INVITE", "Contact: <sip:council@203.0.113.9:5070>",
            "Content-Type: application/sdp", "Content-Length: \(description.utf8.count)",
        ]
        return Array((lines.joined(separator: "\r\n") + "\r\n\r\n" + description).utf8)
    }

    static let tag = "caller-1"
    static func callID(_ number: Int) -> String { "call-\(number)@192.0.2.5" }

    private static func request(
        _ start: String, to: String, _ number: Int, lines: [String] = [], body: String = ""
    ) -> [UInt8] {
        let method = start.prefix { $0 != " " }
        let all =
            [
                "\(start) SIP/2.0", "Via: SIP/2.0/UDP \(caller);branch=z9hG4bKcaller\(number);rport",
                "Max-Forwards: 70", "From: \"Safety\" <sip:\(user)@\(realm)>;tag=\(tag)", "To: \(to)",
                "Call-ID: \(callID(number))", "CSeq: 1 \(method)", "User-Agent: Telephone/2.1",
            ] + lines + ["Content-Length: \(body.utf8.count)"]
        return Array((all.joined(separator: "\r\n") + "\r\n\r\n" + body).utf8)
    }
}
