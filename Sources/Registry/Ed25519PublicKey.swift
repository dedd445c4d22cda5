internal import Foundation

/// Reads the files that people keep Ed25519 public keys in (RFC 8410).
public enum Ed25519PublicKey {
    /// SubjectPublicKeyInfo of an Ed25519 key is these octets and the 32 of the key.
    private static let prefix: [UInt8] = [0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00]

    /// - Parameter text: a PEM `PUBLIC KEY`, or the base64 of the 32 octets.
    /// - Returns: 32 octets.
    public static func parse(_ text: String) throws(RegistryError) -> [UInt8] {
        guard !text.contains("PRIVATE KEY") else {
            throw RegistryError(
                .invalid, "this is a private key: keep it, and make the public one with 'openssl pkey -pubout'")
        }
        let lines = text.split(whereSeparator: \.isNewline).map { $0.trimmingCharacters(in: .whitespaces) }
        let isPEM = lines.contains { $0.hasPrefix("-----BEGIN PUBLIC KEY-----") }
        let body = lines.filter { !$0.hasPrefix("-----") && !$0.isEmpty }.joined()
        guard let data = Data(base64Encoded: body) else { throw notAKey("not base64") }
        var raw = Array(data)
        if isPEM || raw.count == prefix.count + 32 {
            guard raw.starts(with: prefix) else { throw notAKey("another kind of key") }
            raw.removeFirst(prefix.count)
        }
        guard raw.count == 32 else { throw notAKey("\(raw.count) octets instead of 32") }
        return raw
    }

    private static func notAKey(_ reason: String) -> RegistryError {
        RegistryError(
            .invalid,
            "not an Ed25519 public key (\(reason)): give a PEM file as 'openssl pkey -pubout' writes it, or 32 octets in "
                + "base64")
    }
}
