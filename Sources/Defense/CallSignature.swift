import CoreTypes
import Crypto
import FoundationEssentials
import SIPMessage

/// `X-IF-Signature: <key-id>:<base64>`: Ed25519 (RFC 8032) over what a call is about.
public enum CallSignature {
    /// The octets that are signed: seven lines joined by LF, in UTF-8.
    public static func signedText(
        traceID: String, hazard: String, from: String, requestURI: String, callID: String, date: String
    ) -> [UInt8] {
        Array(["sallyport-v1", traceID, hazard, from, requestURI, callID, date].joined(separator: "\n").utf8)
    }

    /// The header value for a key; nil when the private key is not 32 octets.
    public static func sign(_ text: [UInt8], keyID: String, privateKey: [UInt8]) -> String? {
        guard let key = try? Curve25519.Signing.PrivateKey(rawRepresentation: privateKey),
            let signature = try? key.signature(for: text)
        else { return nil }
        return keyID + ":" + Data(signature).base64EncodedString()
    }

    /// The key's name and the 64 octets of the signature; nil when the value has another form.
    static func parse(_ value: String) -> (keyID: String, signature: [UInt8])? {
        guard let colon = value.firstIndex(of: ":") else { return nil }
        let keyID = value[..<colon]
        guard (1...64).contains(keyID.utf8.count),
            let signature = Data(base64Encoded: String(value[value.index(after: colon)...])), signature.count == 64
        else { return nil }
        return (String(keyID), Array(signature))
    }

    static func isValid(_ signature: [UInt8], over text: [UInt8], key: ExpertKey) -> Bool {
        guard let publicKey = try? Curve25519.Signing.PublicKey(rawRepresentation: key.publicKey) else { return false }
        return publicKey.isValidSignature(signature, for: text)
    }
}

/// Signatures seen within the time in which their Date is still good.
struct SignatureReplays: Sendable {
    private struct Signature: Hashable, Sendable {
        var bytes: [UInt8]
    }

    private var seen: BoundedTable<Signature, Int64>
    /// Signatures dated up to this time may have been pushed out of the table: they count as seen.
    private var horizon = Int64.min

    init(capacity: Int) {
        seen = BoundedTable(capacity: capacity)
    }

    /// Notes a signature.
    /// - Parameters:
    ///   - date: of its message, milliseconds since 1970.
    ///   - window: for how long after its date a signature is good, in milliseconds.
    /// - Returns: whether it is new.
    mutating func isNew(_ signature: [UInt8], date: Int64, window: Int64, now: Moment) -> Bool {
        for _ in 0..<2 {
            guard let oldest = seen.oldestEntry, oldest.value + window < now.wall else { break }
            seen.removeOldest()
        }
        let key = Signature(bytes: signature)
        guard seen.peek(key) == nil, date > horizon else { return false }
        if let evicted = seen.set(key, date), evicted.value + window >= now.wall {
            horizon = max(horizon, evicted.value)
        }
        return true
    }
}
