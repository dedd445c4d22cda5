/// SipHash-2-4 with 128 bits of output (Aumasson and Bernstein, 2012): a keyed hash for short inputs, which nobody
/// without the key can predict or forge. RFC 9018 uses it for the same purpose, cookies bound to an address.
///
/// What is hashed is absorbed part by part; each part counts with its length, so that no two lists of parts run together.
public struct KeyedHash: Sendable {
    private let keys: (UInt64, UInt64)

    /// - Parameter key: 16 octets; further ones are not used, missing ones count as 0.
    public init(key: some Collection<UInt8>) {
        func word(_ octets: some Collection<UInt8>) -> UInt64 { octets.reversed().reduce(0) { $0 << 8 | UInt64($1) } }
        keys = (word(key.prefix(8)), word(key.dropFirst(8).prefix(8)))
    }

    /// Begins a hash.
    public func begin() -> State { State(keys.0, keys.1) }

    /// 128 bits.
    public struct Value: Hashable, Sendable {
        public let first: UInt64
        public let second: UInt64

        public init(first: UInt64, second: UInt64) {
            self.first = first
            self.second = second
        }

        /// The sixteen octets in the order of the reference implementation.
        public var bytes: [UInt8] {
            (0..<8).map { UInt8(truncatingIfNeeded: first >> UInt64(8 * $0)) }
                + (0..<8).map { UInt8(truncatingIfNeeded: second >> UInt64(8 * $0)) }
        }

        /// Takes the same time wherever the first difference stands.
        public func equalsInConstantTime(_ other: Value) -> Bool {
            (first ^ other.first) | (second ^ other.second) == 0
        }
    }

    /// A hash that is being made.
    public struct State: Sendable {
        private var v0: UInt64
        private var v1: UInt64
        private var v2: UInt64
        private var v3: UInt64
        /// Octets that don't fill a word yet, the first one lowest.
        private var rest: UInt64 = 0
        private var restCount: UInt64 = 0
        private var length: UInt64 = 0

        fileprivate init(_ k0: UInt64, _ k1: UInt64) {
            v0 = k0 ^ 0x736f_6d65_7073_6575
            v1 = k1 ^ 0x646f_7261_6e64_6f6d ^ 0xee
            v2 = k0 ^ 0x6c79_6765_6e65_7261
            v3 = k1 ^ 0x7465_6462_7974_6573
        }

        @inline(__always)
        private mutating func round() {
            v0 = v0 &+ v1
            v1 = v1 << 13 | v1 >> 51
            v1 ^= v0
            v0 = v0 << 32 | v0 >> 32
            v2 = v2 &+ v3
            v3 = v3 << 16 | v3 >> 48
            v3 ^= v2
            v0 = v0 &+ v3
            v3 = v3 << 21 | v3 >> 43
            v3 ^= v0
            v2 = v2 &+ v1
            v1 = v1 << 17 | v1 >> 47
            v1 ^= v2
            v2 = v2 << 32 | v2 >> 32
        }

        @inline(__always)
        private mutating func compress(_ word: UInt64) {
            v3 ^= word
            round()
            round()
            v0 ^= word
        }

        private mutating func add(_ octet: UInt8) {
            rest |= UInt64(octet) << (8 * restCount)
            restCount += 1
            length &+= 1
            guard restCount == 8 else { return }
            compress(rest)
            rest = 0
            restCount = 0
        }

        /// Eight octets at once, wherever the word border lies.
        @inline(__always)
        private mutating func add(word: UInt64) {
            length &+= 8
            guard restCount > 0 else { return compress(word) }
            let shift = 8 * restCount
            compress(rest | word << shift)
            rest = word >> (64 - shift)
        }

        /// Octets without their length; for the reference vectors and for parts of one length.
        public mutating func absorb(raw octets: UnsafeRawBufferPointer) {
            var offset = 0
            while offset + 8 <= octets.count {
                add(word: UInt64(littleEndian: octets.loadUnaligned(fromByteOffset: offset, as: UInt64.self)))
                offset += 8
            }
            while offset < octets.count {
                add(octets[offset])
                offset += 1
            }
        }

        public mutating func absorb(_ number: UInt64) {
            add(word: number)
        }

        public mutating func absorb(_ octets: UnsafeRawBufferPointer) {
            add(word: UInt64(octets.count))
            absorb(raw: octets)
        }

        /// A stretch of an array; nothing where it does not lie within.
        public mutating func absorb(_ octets: [UInt8], _ range: Range<Int>) {
            octets.withUnsafeBytes { all in
                absorb(UnsafeRawBufferPointer(rebasing: all[range.clamped(to: 0..<all.count)]))
            }
        }

        public mutating func absorb(_ octets: [UInt8]) {
            octets.withUnsafeBytes { absorb($0) }
        }

        public mutating func absorb(_ text: StaticString) {
            text.withUTF8Buffer { absorb(UnsafeRawBufferPointer($0)) }
        }

        public mutating func absorb(_ text: String) {
            var text = text
            text.withUTF8 { absorb(UnsafeRawBufferPointer($0)) }
        }

        public mutating func absorb(_ address: IPAddress) {
            add(word: address.family == .v4 ? 4 : 6)
            add(word: address.high)
            add(word: address.low)
        }

        /// The hash of what has been absorbed.
        public consuming func finish() -> Value {
            compress(rest | length << 56)
            v2 ^= 0xee
            for _ in 0..<4 { round() }
            let first = v0 ^ v1 ^ v2 ^ v3
            v1 ^= 0xdd
            for _ in 0..<4 { round() }
            return Value(first: first, second: v0 ^ v1 ^ v2 ^ v3)
        }
    }
}
