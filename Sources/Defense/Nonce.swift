import CoreTypes

/// The nonces of digest authentication: a time, a serial number and a keyed hash over both and the source address
/// (RFC 7616 section 3.3). Nothing needs to be kept to recognize one.
struct NonceMint: Sendable {
    enum Judgment: Equatable {
        case fresh(issued: Int64, serial: UInt32)
        case expired
        /// Not made here, or made for another address or realm.
        case foreign
    }

    private static let macLength = 16
    var secret: NodeSecret
    private let realm: [UInt8]
    private let lifetime: Int64

    /// - Parameter lifetime: milliseconds.
    init(secret: NodeSecret, realm: String, lifetime: Int64) {
        self.secret = secret
        self.realm = Array(realm.utf8)
        self.lifetime = lifetime
    }

    func mint(for source: IPAddress, serial: UInt32, now: Moment) -> String {
        let head = Self.head(time: now.wall, serial: serial)
        return Hexadecimal.string(head + mac(head, source))
    }

    func judge(_ nonce: String, from source: IPAddress, now: Moment) -> Judgment {
        guard nonce.utf8.count == 2 * (12 + Self.macLength), let bytes = Hexadecimal.decode(Array(nonce.utf8)) else {
            return .foreign
        }
        let head = Array(bytes[..<12])
        guard secret.recognizes(Array(bytes[12...]), "nonce", [head, source.bytes, realm]) else { return .foreign }
        let time = Int64(bitPattern: head[..<8].reduce(UInt64(0)) { $0 << 8 | UInt64($1) })
        let serial = head[8...].reduce(UInt32(0)) { $0 << 8 | UInt32($1) }
        guard now.wall - time <= lifetime, time - now.wall <= lifetime else { return .expired }
        return .fresh(issued: time, serial: serial)
    }

    private func mac(_ head: [UInt8], _ source: IPAddress) -> [UInt8] {
        Array(secret.authenticate("nonce", [head, source.bytes, realm])[..<Self.macLength])
    }

    private static func head(time: Int64, serial: UInt32) -> [UInt8] {
        let stamp = UInt64(bitPattern: time)
        return (0..<8).map { UInt8(truncatingIfNeeded: stamp >> UInt64(56 - 8 * $0)) }
            + (0..<4).map { UInt8(truncatingIfNeeded: serial >> UInt32(24 - 8 * $0)) }
    }
}

/// Which nonce counts have been used (RFC 7616 section 3.4, `nc`): a sliding window of 64 behind the highest one seen,
/// so that requests overtaking each other pass and replays don't.
struct NonceCounts: Sendable {
    private struct Window: Sendable {
        var highest: UInt32
        /// Bit n: `highest - n` has been used.
        var used: UInt64
        var issued: Int64
    }

    private struct Key: Hashable, Sendable {
        var issued: Int64
        var serial: UInt32
    }

    private var windows: BoundedTable<Key, Window>
    /// Nonces issued up to this time whose window may have been pushed out: they count as old.
    private var horizon = Int64.min

    init(capacity: Int) {
        windows = BoundedTable(capacity: capacity)
    }

    enum Use: Equatable {
        case accepted
        case replayed
        /// The table no longer knows what this nonce was used for.
        case forgotten
    }

    mutating func use(issued: Int64, serial: UInt32, count: UInt32) -> Use {
        guard count > 0 else { return .replayed }
        let key = Key(issued: issued, serial: serial)
        if issued <= horizon, windows.peek(key) == nil { return .forgotten }
        let (use, evicted) = windows.withEntry(key) { entry -> Use in
            guard var window = entry else {
                entry = Window(highest: count, used: 1, issued: issued)
                return .accepted
            }
            if count > window.highest {
                let shift = count - window.highest
                window.used = shift >= 64 ? 1 : window.used << UInt64(shift) | 1
                window.highest = count
            } else {
                let back = window.highest - count
                guard back < 64, window.used >> UInt64(back) & 1 == 0 else { return .replayed }
                window.used |= 1 << UInt64(back)
            }
            entry = window
            return .accepted
        }
        if let evicted { horizon = max(horizon, evicted.value.issued) }
        return use
    }
}
