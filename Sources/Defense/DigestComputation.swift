import CoreTypes
import Crypto
import CryptoExtras
public import SIPMessage

/// The arithmetic of digest authentication (RFC 7616 section 3.4.1, RFC 8760).
public enum DigestComputation {
    /// `H(username:realm:password)`, lower-case hexadecimal.
    public static func ha1(
        _ algorithm: DigestAlgorithm, username: String, realm: String, password: String
    ) -> String {
        hash(algorithm, "\(username):\(realm):\(password)")
    }

    /// The `response` value for credentials with `qop`, lower-case hexadecimal.
    /// - Parameter body: hashed into the response for `auth-int` only.
    public static func response(
        _ algorithm: DigestAlgorithm, ha1: String, method: String, uri: String, nonce: String, nonceCount: String,
        cnonce: String, qop: String, body: some Collection<UInt8> = []
    ) -> String {
        var text: [UInt8] = []
        text.reserveCapacity(256)
        text.append(contentsOf: method.utf8)
        text.append(UInt8(ascii: ":"))
        text.append(contentsOf: uri.utf8)
        if qop.lowercased() == "auth-int" {
            text.append(UInt8(ascii: ":"))
            appendHash(algorithm, of: Array(body), to: &text)
        }
        let a2 = text
        text.removeAll(keepingCapacity: true)
        for part in [ha1, nonce, nonceCount, cnonce, qop] {
            text.append(contentsOf: part.utf8)
            text.append(UInt8(ascii: ":"))
        }
        appendHash(algorithm, of: a2, to: &text)
        return hash(algorithm, text)
    }

    static func hash(_ algorithm: DigestAlgorithm, _ text: String) -> String {
        hash(algorithm, Array(text.utf8))
    }

    static func hash(_ algorithm: DigestAlgorithm, _ bytes: [UInt8]) -> String {
        var text: [UInt8] = []
        text.reserveCapacity(64)
        appendHash(algorithm, of: bytes, to: &text)
        return String(decoding: text, as: UTF8.self)
    }

    private static func appendHash(_ algorithm: DigestAlgorithm, of bytes: [UInt8], to output: inout [UInt8]) {
        func append(_ digest: some Digest) {
            for octet in digest { Hexadecimal.append(octet: octet, to: &output) }
        }
        switch algorithm {
        case .md5: append(Insecure.MD5.hash(data: bytes))
        case .sha256: append(SHA256.hash(data: bytes))
        case .sha512_256: append(SHA512256.hash(data: bytes))
        }
    }
}
