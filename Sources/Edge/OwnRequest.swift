import CoreTypes
import SIPMessage

/// Requests that the edge makes itself.
enum OwnRequest {
    /// The ACK to a non-2xx final response: of the INVITE's hop, with the To of the response (RFC 3261 section
    /// 17.1.1.3). Nil when the octets are no request, which can't be for what the edge sent.
    static func ack(for invite: [UInt8], response: Message) -> [UInt8]? {
        request(.ack, like: invite, to: response.text(.to))
    }

    /// The CANCEL of a request (RFC 3261 section 9.1).
    static func cancel(for request: [UInt8]) -> [UInt8]? {
        self.request(.cancel, like: request, to: nil)
    }

    private static func request(_ method: Method, like octets: [UInt8], to: String?) -> [UInt8]? {
        guard let original = try? Message(parsing: octets), let target = original.requestURI,
            let from = original.text(.from), let ownTo = original.text(.to)
        else { return nil }
        var text = "\(method.name) \(target.text) SIP/2.0\r\n"
        text += "Via: \(original.text(original.topVia.range))\r\n"
        for field in original.all(.route) { text += "Route: \(original.text(field.value))\r\n" }
        text += "Max-Forwards: 70\r\n"
        text += "From: \(from)\r\nTo: \(to ?? ownTo)\r\nCall-ID: \(original.callID)\r\n"
        text += "CSeq: \(original.cSeq.number) \(method.name)\r\nContent-Length: 0\r\n\r\n"
        return Array(text.utf8)
    }

    /// A question whether somebody is there (RFC 3261 section 11).
    /// - Parameters:
    ///   - local: `host:port` of the edge towards that hop.
    ///   - id: unlike any other; for tag and Call-ID.
    static func options(
        to uri: URI, node: String, local: String, transport: TransportKind, branch: Branch, id: String
    ) -> [UInt8] {
        let text = """
            OPTIONS \(uri.text) SIP/2.0\r
            Via: SIP/2.0/\(transport.viaToken) \(local);rport;branch=\(branch)\r
            Max-Forwards: 70\r
            From: <sip:\(node)@\(local)>;tag=\(id)\r
            To: <\(uri.text)>\r
            Call-ID: \(id)\r
            CSeq: 1 OPTIONS\r
            Accept: application/sdp\r
            Content-Length: 0\r
            \r

            """
        return Array(text.utf8)
    }
}
