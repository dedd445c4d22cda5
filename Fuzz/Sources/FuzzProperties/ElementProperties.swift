import CoreTypes
import SIPMessage

/// What holds for the parts of messages. Those without a parser of their own are tried inside a message.
enum ElementProperties {
    /// A URI is kept as it came, and reading its parts again gives the same ones.
    static func uriViolation(_ bytes: [UInt8]) -> String? {
        let text = String(decoding: bytes, as: UTF8.self)
        guard let uri = URI(text) else { return nil }
        guard uri.text == text else { return "the text differs" }
        guard URI(uri.text) == uri else { return "read again, it differs" }
        guard uri.text.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7f }) else { return "a URI holds blanks or controls" }
        _ = uri.unescapedUser
        if uri.isSIP {
            guard uri.headers == nil || uri.text.contains("?") else { return "headers from nowhere" }
            guard let plain = URI(uri.signedForm) else { return "the signed form is no URI: \(uri.signedForm)" }
            guard plain.host == uri.host, plain.user == uri.user else { return "the signed form is another URI" }
        }
        return nil
    }

    static func viaViolation(_ bytes: [UInt8]) -> String? {
        MessageProperties.violation(message("Via: ", bytes, without: "Via"))
    }

    static func nameAddressViolation(_ bytes: [UInt8]) -> String? {
        for name in ["From", "To", "Contact", "Route", "Record-Route"] {
            if let broken = MessageProperties.violation(message("\(name): ", bytes, without: name)) {
                return "\(name): \(broken)"
            }
        }
        return nil
    }

    /// Credentials are read the same from the value alone and out of a message, and a challenge survives being written.
    static func credentialsViolation(_ bytes: [UInt8]) -> String? {
        let text = String(decoding: bytes, as: UTF8.self)
        if let credentials = DigestCredentials(text) {
            guard DigestCredentials(text) == credentials else { return "read again, they differ" }
            if let count = credentials.nonceCount, count.utf8.count != 8 { return "a nonce count of another length" }
        }
        if let challenge = DigestChallenge(text), !challenge.realm.contains(where: { "\"\\".contains($0) }),
            !challenge.nonce.contains(where: { "\"\\".contains($0) }),
            challenge.opaque?.contains(where: { "\"\\".contains($0) }) != true,
            !challenge.qop.joined().contains(where: { "\"\\".contains($0) })
        {
            guard DigestChallenge(challenge.fieldValue) != nil else { return "a challenge can't be read again" }
        }
        return MessageProperties.violation(message("Authorization: ", bytes, without: "Authorization"))
    }

    private static let fields: [(name: String, value: String)] = [
        ("Via", "SIP/2.0/UDP client.example;branch=z9hG4bK1"), ("From", "<sip:a@example.com>;tag=1"),
        ("To", "<sip:b@example.net>"), ("Call-ID", "1@client.example"), ("CSeq", "1 INVITE"), ("Content-Length", "0"),
    ]

    /// A plain request with these octets as the value of a field, in place of its own one of that name.
    private static func message(_ prefix: String, _ value: [UInt8], without replaced: String) -> [UInt8] {
        var bytes = Array("INVITE sip:b@example.net SIP/2.0\r\n\(prefix)".utf8) + value
        bytes += Array("\r\n".utf8)
        for (name, value) in fields where name != replaced { bytes += Array("\(name): \(value)\r\n".utf8) }
        bytes += Array("\r\n".utf8)
        return bytes
    }
}
