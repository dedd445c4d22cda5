import CoreTypes
import SIPMessage

/// A message written as readable lines: line ends become CRLF, and the empty line behind the header is added.
func wire(_ text: String, body: String = "") -> [UInt8] {
    Array((text.replacing("\n", with: "\r\n") + "\r\n\r\n" + body).utf8)
}

extension Message {
    static let plainInvite = """
        INVITE sip:bob@biloxi.example SIP/2.0
        Via: SIP/2.0/UDP pc33.atlanta.example:5066;branch=z9hG4bKkjshdyff
        To: Bob <sip:bob@biloxi.example>
        From: "Alice" <sip:alice@atlanta.example>;tag=88sja8x
        Max-Forwards: 70
        Call-ID: 987asjd97y7atg
        CSeq: 986759 INVITE
        """

    static func invite(adding lines: String = "", replacing: (String, String)? = nil, body: String = "") throws
        -> Message
    {
        var text = plainInvite
        if let replacing { text = text.replacing(replacing.0, with: replacing.1) }
        if !lines.isEmpty { text += "\n" + lines }
        return try Message(parsing: wire(text, body: body))
    }
}

extension Message {
    /// The value of the topmost Via field as it leaves.
    func topViaAmended(source: Endpoint) throws -> String {
        var isTop = true
        let octets = copied(
            deciding: [.via],
            fate: { field, output in
                defer { isTop = false }
                return isTop && writeTopVia(field, source: source, to: &output) ? .written : .keep
            })
        let copy = try Message(parsing: octets)
        return copy.text(.via) ?? ""
    }
}
