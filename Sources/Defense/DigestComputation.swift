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
        var a2 = "\(method):\(uri)"
        if qop.lowercased() == "auth-int" { a2 += ":" + hash(algorithm, Array(body)) }
        return hash(algorithm, "\(ha1):\(nonce):\(nonceCount):\(cnonce):\(qop):\(hash(algorithm, a2))")
    }

    static func hash(_ algorithm: DigestAlgorithm, _ text: String) -> String {
        hash(algorithm, Array(text.utf8))
    }

    static func hash(_ algorithm: DigestAlgorithm, _ bytes: [UInt8]) -> String {
        switch algorithm {
        case .md5: Hexadecimal.string(Array(Insecure.MD5.hash(data: bytes)))
        case .sha256: Hexadecimal.string(Array(SHA256.hash(data: bytes)))
        case .sha512_256: Hexadecimal.string(Array(SHA512256.hash(data: bytes)))
        }
    }
}
