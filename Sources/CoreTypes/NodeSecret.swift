import Crypto

/// A keyed hash for everything that the edge must recognize as its own: nonces, cookies, tags.
///
/// What one node made, another recognizes that holds the same key. While a key is being replaced, what was made with an
/// earlier one is still recognized.
public struct NodeSecret: Sendable {
    private let key: SymmetricKey
    private let earlier: [SymmetricKey]

    /// - Parameters:
    ///   - bytes: at least 32 octets from a good source of randomness.
    ///   - earlier: keys that are only recognized any more.
    public init(_ bytes: [UInt8], earlier: [[UInt8]] = []) {
        key = SymmetricKey(data: bytes)
        self.earlier = earlier.map { SymmetricKey(data: $0) }
    }

    /// Keys in text: 64 hexadecimal digits a line, the one in use first. Nil for anything else.
    public init?(lines text: String) {
        let keys = text.split(whereSeparator: \.isNewline).map { Hexadecimal.decode(Array($0.utf8)) ?? [] }
        guard let first = keys.first, keys.allSatisfy({ $0.count == 32 }) else { return nil }
        self.init(first, earlier: Array(keys.dropFirst()))
    }

    /// HMAC-SHA-256 over the parts, each preceded by its length so that no two lists of parts run together.
    public func authenticate(_ purpose: StaticString, _ parts: [[UInt8]]) -> [UInt8] {
        Self.hash(key, purpose, parts)
    }

    /// Whether a hash, or the beginning of one, is of these parts, by the key in use or an earlier one.
    public func recognizes(_ mac: [UInt8], _ purpose: StaticString, _ parts: [[UInt8]]) -> Bool {
        var isOwn = constantTimeEqual(mac, Array(Self.hash(key, purpose, parts).prefix(mac.count)))
        for key in earlier {
            isOwn = constantTimeEqual(mac, Array(Self.hash(key, purpose, parts).prefix(mac.count))) || isOwn
        }
        return isOwn
    }

    private static func hash(_ key: SymmetricKey, _ purpose: StaticString, _ parts: [[UInt8]]) -> [UInt8] {
        var mac = HMAC<SHA256>(key: key)
        purpose.withUTF8Buffer { mac.update(data: Array($0)) }
        for part in parts {
            let length = UInt32(truncatingIfNeeded: part.count)
            mac.update(data: [
                UInt8(truncatingIfNeeded: length >> 24), UInt8(truncatingIfNeeded: length >> 16),
                UInt8(truncatingIfNeeded: length >> 8), UInt8(truncatingIfNeeded: length),
            ])
            mac.update(data: part)
        }
        return Array(mac.finalize())
    }
}

/// Equality that takes the same time wherever the first difference stands.
public func constantTimeEqual(_ first: [UInt8], _ second: [UInt8]) -> Bool {
    guard first.count == second.count else { return false }
    var difference: UInt8 = 0
    for index in first.indices { difference |= first[index] ^ second[index] }
    return difference == 0
}
