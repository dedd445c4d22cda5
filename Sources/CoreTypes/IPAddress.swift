/// An IPv4 or IPv6 address as a value, without scope.
///
/// IPv4-mapped IPv6 addresses (`::ffff:a.b.c.d`, RFC 4291 section 2.5.5.2) are turned into the IPv4 address that they
/// carry when they come from text or bytes, so that one host has one value whichever socket it was seen on.
public struct IPAddress: Hashable, Sendable {
    public enum Family: Sendable, Hashable {
        case v4
        case v6

        /// Width of an address of this family in bits: 32 or 128.
        public var bitWidth: Int { self == .v4 ? 32 : 128 }
    }

    public let family: Family
    /// The upper 64 bits of an IPv6 address; 0 for IPv4.
    public let high: UInt64
    /// The lower 64 bits of an IPv6 address; the whole of an IPv4 address.
    public let low: UInt64

    public init(v4: UInt32) {
        self.init(.v4, high: 0, low: UInt64(v4))
    }

    public init(v6High: UInt64, low: UInt64) {
        if v6High == 0, low >> 32 == 0xffff {
            self.init(v4: UInt32(truncatingIfNeeded: low))
        } else {
            self.init(.v6, high: v6High, low: low)
        }
    }

    /// Four or sixteen octets in network order; nil for any other count.
    public init?(bytes: some Collection<UInt8>) {
        switch bytes.count {
        case 4:
            self.init(v4: bytes.reduce(0) { $0 << 8 | UInt32($1) })
        case 16:
            let high = bytes.prefix(8).reduce(UInt64(0)) { $0 << 8 | UInt64($1) }
            let low = bytes.dropFirst(8).reduce(UInt64(0)) { $0 << 8 | UInt64($1) }
            self.init(v6High: high, low: low)
        default:
            return nil
        }
    }

    /// The octets in network order, four or sixteen.
    public var bytes: [UInt8] {
        switch family {
        case .v4:
            return (0..<4).map { UInt8(truncatingIfNeeded: low >> UInt64(24 - 8 * $0)) }
        case .v6:
            let upper = (0..<8).map { UInt8(truncatingIfNeeded: high >> UInt64(56 - 8 * $0)) }
            let lower = (0..<8).map { UInt8(truncatingIfNeeded: low >> UInt64(56 - 8 * $0)) }
            return upper + lower
        }
    }

    /// RFC 1918, RFC 4193 and link-local: not reachable from the Internet.
    public var isPrivate: Bool {
        switch family {
        case .v4: low >> 24 == 10 || low >> 20 == 0xac1 || low >> 16 == 0xc0a8 || isLinkLocal
        case .v6: high >> 57 == 0x7e || isLinkLocal
        }
    }

    public var isLoopback: Bool {
        family == .v4 ? low >> 24 == 127 : (high == 0 && low == 1)
    }

    public var isUnspecified: Bool { high == 0 && low == 0 }

    public var isMulticast: Bool {
        family == .v4 ? low >> 28 == 0xe : high >> 56 == 0xff
    }

    public var isLinkLocal: Bool {
        family == .v4 ? low >> 16 == 0xa9fe : high >> 54 == 0x3fa
    }

    /// 255.255.255.255; directed broadcasts can't be told from an address alone.
    public var isBroadcast: Bool { family == .v4 && low == 0xffff_ffff }

    /// The address with all but the first `length` bits cleared. `length` is clamped to the family's width.
    public func masked(to length: Int) -> IPAddress {
        let length = min(max(length, 0), family.bitWidth)
        switch family {
        case .v4:
            let mask: UInt32 = length == 0 ? 0 : ~0 << UInt32(32 - length)
            return IPAddress(v4: UInt32(truncatingIfNeeded: low) & mask)
        case .v6:
            let highMask: UInt64 = length == 0 ? 0 : (length >= 64 ? ~0 : ~0 << UInt64(64 - length))
            let lowMask: UInt64 = length <= 64 ? 0 : (length == 128 ? ~0 : ~0 << UInt64(128 - length))
            return IPAddress(.v6, high: high & highMask, low: low & lowMask)
        }
    }

    /// Without un-mapping: masking may not turn an IPv6 prefix into an IPv4 address.
    private init(_ family: Family, high: UInt64, low: UInt64) {
        self.family = family
        self.high = high
        self.low = low
    }

    /// What one customer of a network holds at least: the address itself for IPv4, its /64 for IPv6.
    public var rateKey: IPAddress { family == .v4 ? self : masked(to: 64) }
}

extension IPAddress: CustomStringConvertible {
    /// Dotted quad, or RFC 5952 text without brackets.
    public var description: String {
        switch family {
        case .v4:
            return "\(low >> 24 & 255).\(low >> 16 & 255).\(low >> 8 & 255).\(low & 255)"
        case .v6:
            return Self.text(of: groups)
        }
    }

    /// As it stands in a URI or Via: IPv6 in brackets.
    public var uriText: String { family == .v4 ? description : "[\(description)]" }

    private var groups: [UInt16] {
        (0..<8).map { index in
            let half = index < 4 ? high : low
            return UInt16(truncatingIfNeeded: half >> UInt64(48 - 16 * (index & 3)))
        }
    }

    private static func text(of groups: [UInt16]) -> String {
        var longest = 0..<0
        var start = 0
        while start < 8 {
            var end = start
            while end < 8, groups[end] == 0 { end += 1 }
            if end - start > longest.count, end - start > 1 { longest = start..<end }
            start = max(end, start + 1)
        }
        let hexadecimal = groups.map { String($0, radix: 16) }
        guard !longest.isEmpty else { return hexadecimal.joined(separator: ":") }
        let head = hexadecimal[..<longest.lowerBound].joined(separator: ":")
        let tail = hexadecimal[longest.upperBound...].joined(separator: ":")
        return head + "::" + tail
    }
}

extension IPAddress {
    /// Reads a dotted quad or an IPv6 address (RFC 4291 section 2.2) without brackets, zone or port.
    /// Leading zeros in a quad are refused: some read them as octal.
    public init?(_ text: some StringProtocol) {
        self.init(octets: Array(text.utf8)[...])
    }

    /// The same from the octets of a text.
    public init?(octets: ArraySlice<UInt8>) {
        if octets.contains(UInt8(ascii: ":")) {
            guard let (high, low) = Self.parseV6(octets) else { return nil }
            self.init(v6High: high, low: low)
        } else {
            guard let value = Self.parseV4(octets) else { return nil }
            self.init(v4: value)
        }
    }

    /// Appends the text of `description`.
    public func append(to output: inout [UInt8]) {
        guard family == .v4 else {
            output.append(contentsOf: description.utf8)
            return
        }
        for shift: UInt64 in [24, 16, 8, 0] {
            let octet = UInt8(truncatingIfNeeded: low >> shift)
            if octet >= 100 { output.append(48 + octet / 100) }
            if octet >= 10 { output.append(48 + octet / 10 % 10) }
            output.append(48 + octet % 10)
            if shift > 0 { output.append(UInt8(ascii: ".")) }
        }
    }

    private static func parseV4(_ bytes: ArraySlice<UInt8>) -> UInt32? {
        var value: UInt32 = 0
        var octet: UInt32 = 0
        var digits = 0
        var octets = 0
        for byte in bytes {
            if byte == UInt8(ascii: ".") {
                guard digits > 0, octets < 3 else { return nil }
                value = value << 8 | octet
                octets += 1
                octet = 0
                digits = 0
            } else {
                // A zero in front: some read such a number as octal.
                guard byte &- 48 < 10, digits == 0 || octet > 0, digits < 3 else { return nil }
                octet = octet * 10 + UInt32(byte - 48)
                digits += 1
                guard octet <= 255 else { return nil }
            }
        }
        guard digits > 0, octets == 3 else { return nil }
        return value << 8 | octet
    }

    private static func parseV6(_ bytes: ArraySlice<UInt8>) -> (UInt64, UInt64)? {
        let colon = UInt8(ascii: ":")
        var front: [UInt16] = []
        var back: [UInt16] = []
        var sawGap = false
        var index = bytes.startIndex
        guard bytes.count >= 2, bytes.count <= 45 else { return nil }
        if bytes[index] == colon {
            guard bytes[index + 1] == colon else { return nil }
            sawGap = true
            index += 2
        }
        while index < bytes.endIndex {
            let end = bytes[index...].firstIndex(of: colon) ?? bytes.endIndex
            let part = bytes[index..<end]
            var groups: [UInt16]
            if end == bytes.endIndex, part.contains(UInt8(ascii: ".")) {
                guard let quad = parseV4(part) else { return nil }
                groups = [UInt16(quad >> 16), UInt16(quad & 0xffff)]
            } else {
                guard let group = parseGroup(part) else { return nil }
                groups = [group]
            }
            if sawGap { back += groups } else { front += groups }
            guard front.count + back.count <= 8 else { return nil }
            index = end
            guard index < bytes.endIndex else { break }
            index += 1
            if index < bytes.endIndex, bytes[index] == colon {
                guard !sawGap else { return nil }
                sawGap = true
                index += 1
            } else if index == bytes.endIndex {
                return nil
            }
        }
        let given = front.count + back.count
        guard sawGap ? given <= 7 : given == 8 else { return nil }
        let groups = front + Array(repeating: 0, count: 8 - given) + back
        let high = groups[..<4].reduce(UInt64(0)) { $0 << 16 | UInt64($1) }
        let low = groups[4...].reduce(UInt64(0)) { $0 << 16 | UInt64($1) }
        return (high, low)
    }

    private static func parseGroup(_ part: ArraySlice<UInt8>) -> UInt16? {
        guard (1...4).contains(part.count) else { return nil }
        var value: UInt16 = 0
        for byte in part {
            guard let digit = Hexadecimal.value(of: byte) else { return nil }
            value = value << 4 | UInt16(digit)
        }
        return value
    }
}
