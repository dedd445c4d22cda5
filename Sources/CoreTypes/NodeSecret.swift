import Crypto

/// A keyed hash for everything that the edge must recognize as its own: nonces, cookies, tags.
public struct NodeSecret: Sendable {
    private let key: SymmetricKey

    /// - Parameter bytes: at least 32 octets from a good source of randomness.
    public init(_ bytes: [UInt8]) {
        key = SymmetricKey(data: bytes)
    }

    /// HMAC-SHA-256 over the parts, each preceded by its length so that no two lists of parts run together.
    public func authenticate(_ purpose: StaticString, _ parts: [[UInt8]]) -> [UInt8] {
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
