internal import Foundation

/// Ed25519 private keys as they lie on the disk.
public enum SigningKeyFile {
    public struct Failure: Error, Sendable, CustomStringConvertible {
        public let description: String
    }

    /// What stands before the 32 octets in PKCS #8 (RFC 8410 section 7).
    private static let prefix: [UInt8] = [
        0x30, 0x2e, 0x02, 0x01, 0x00, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x04, 0x22, 0x04, 0x20,
    ]

    /// Reads PEM as `openssl genpkey -algorithm ed25519` writes it, or 32 octets in base64.
    /// - Returns: the 32 octets.
    public static func parse(_ text: String) throws(Failure) -> [UInt8] {
        let lines = text.split(whereSeparator: \.isNewline).map { $0.trimmingCharacters(in: .whitespaces) }
        let body = lines.filter { !$0.hasPrefix("-----") }.joined()
        guard let data = Data(base64Encoded: body) else { throw Failure(description: unusable) }
        let bytes = Array(data)
        if bytes.count == 32, !text.contains("-----") { return bytes }
        guard text.contains("-----BEGIN PRIVATE KEY-----"), bytes.starts(with: prefix),
            bytes.count == prefix.count + 32
        else { throw Failure(description: unusable) }
        return Array(bytes.dropFirst(prefix.count))
    }

    private static let unusable =
        "is no Ed25519 private key; make one: openssl genpkey -algorithm ed25519 -out FILE"
}
