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

    /// Octets of time, serial number and hash.
    private static let length = 28
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
        var state = secret.begin("nonce")
        absorb(now.wall, serial, source, &state)
        let mac = state.finish()
        var text: [UInt8] = []
        text.reserveCapacity(2 * Self.length)
        Hexadecimal.append(UInt64(bitPattern: now.wall), to: &text)
        for shift: UInt32 in [24, 16, 8, 0] {
            Hexadecimal.append(octet: UInt8(truncatingIfNeeded: serial >> shift), to: &text)
        }
        Hexadecimal.append(mac.first, to: &text)
        Hexadecimal.append(mac.second, to: &text)
        return String(decoding: text, as: UTF8.self)
    }

    func judge(_ nonce: String, from source: IPAddress, now: Moment) -> Judgment {
        let text = Array(nonce.utf8)
        guard text.count == 2 * Self.length, let stamp = Hexadecimal.number(text, 0..<16),
            let serial = UInt32(nonce.dropFirst(16).prefix(8), radix: 16),
            let first = Hexadecimal.number(text, 24..<40), let second = Hexadecimal.number(text, 40..<56)
        else { return .foreign }
        let time = Int64(bitPattern: stamp)
        let isOwn = secret.recognizes(KeyedHash.Value(first: first, second: second), "nonce") { state in
            absorb(time, serial, source, &state)
        }
        guard isOwn else { return .foreign }
        let (age, overflows) = now.wall.subtractingReportingOverflow(time)
        guard !overflows, age.magnitude <= lifetime.magnitude else { return .expired }
        return .fresh(issued: time, serial: serial)
    }

    private func absorb(_ time: Int64, _ serial: UInt32, _ source: IPAddress, _ state: inout KeyedHash.State) {
        state.absorb(UInt64(bitPattern: time))
        state.absorb(UInt64(serial))
        state.absorb(source)
        state.absorb(realm)
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
