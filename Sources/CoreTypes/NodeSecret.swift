import Crypto

/// A key for everything that the edge must recognize as its own: nonces, cookies, tags, branches.
///
/// What one node made, another recognizes that holds the same key. While a key is being replaced, what was made with an
/// earlier one is still recognized.
public struct NodeSecret: Sendable {
    private let current: KeyedHash
    private let earlier: [KeyedHash]

    /// - Parameters:
    ///   - bytes: at least 32 octets from a good source of randomness.
    ///   - earlier: keys that are only recognized any more.
    public init(_ bytes: [UInt8], earlier: [[UInt8]] = []) {
        current = Self.hash(of: bytes)
        self.earlier = earlier.map(Self.hash)
    }

    /// Keys in text: 64 hexadecimal digits a line, the one in use first. Nil for anything else.
    public init?(lines text: String) {
        let keys = text.split(whereSeparator: \.isNewline).map { Hexadecimal.decode(Array($0.utf8)) ?? [] }
        guard let first = keys.first, keys.allSatisfy({ $0.count == 32 }) else { return nil }
        self.init(first, earlier: Array(keys.dropFirst()))
    }

    /// All of the key's octets count for the sixteen that the hash takes.
    private static func hash(of key: [UInt8]) -> KeyedHash {
        let code = HMAC<SHA256>.authenticationCode(
            for: Array("sallyport keyed hash".utf8), using: SymmetricKey(data: key))
        return KeyedHash(key: Array(code))
    }

    /// Begins a hash with the key in use. Hashes for different purposes have nothing in common.
    public func begin(_ purpose: StaticString) -> KeyedHash.State {
        var state = current.begin()
        state.absorb(purpose)
        return state
    }

    /// Whether a hash is of these parts, by the key in use or an earlier one.
    /// - Parameter parts: absorbs what was hashed; called once for each key.
    public func recognizes(
        _ value: KeyedHash.Value, _ purpose: StaticString, _ parts: (inout KeyedHash.State) -> Void
    ) -> Bool {
        var state = begin(purpose)
        parts(&state)
        var isOwn = state.finish().equalsInConstantTime(value)
        for hash in earlier {
            var state = hash.begin()
            state.absorb(purpose)
            parts(&state)
            isOwn = state.finish().equalsInConstantTime(value) || isOwn
        }
        return isOwn
    }
}

/// Equality that takes the same time wherever the first difference stands.
public func constantTimeEqual(_ first: [UInt8], _ second: [UInt8]) -> Bool {
    guard first.count == second.count else { return false }
    var difference: UInt8 = 0
    for index in first.indices { difference |= first[index] ^ second[index] }
    return difference == 0
}
