/// A network in CIDR notation: an address whose host bits are zero, and a prefix length.
public struct IPNetwork: Hashable, Sendable, CustomStringConvertible {
    public let address: IPAddress
    /// 0...32 for IPv4, 0...128 for IPv6.
    public let prefixLength: Int

    /// Nil when the length does not fit the family. Host bits are cleared.
    public init?(_ address: IPAddress, prefixLength: Int) {
        guard (0...address.family.bitWidth).contains(prefixLength) else { return nil }
        self.address = address.masked(to: prefixLength)
        self.prefixLength = prefixLength
    }

    /// Why a text is no network; `description` says it for an operator.
    public struct ParseError: Error, CustomStringConvertible {
        public let description: String
    }

    /// Reads `192.0.2.0/24`, `2001:db8::/32`, or a bare address (a network of one). `::ffff:192.0.2.0/120` is the IPv4
    /// network of that name.
    /// Host bits that are set are an error here: it is more often a slip than a wish.
    public init(parsing text: String) throws(ParseError) {
        let parts = text.split(separator: "/", maxSplits: 1, omittingEmptySubsequences: false)
        guard let address = parts.first.flatMap({ IPAddress($0) }) else {
            throw ParseError(description: "'\(text)' is not a network: write 192.0.2.0/24, 2001:db8::/32 or an address")
        }
        var length = address.family.bitWidth
        if parts.count == 2 {
            // What is written as IPv6 has a length of IPv6, in which the first 96 bits say that it is IPv4.
            let offset = address.family == .v4 && parts[0].contains(":") ? 96 : 0
            guard let given = Int(parts[1]), parts[1].allSatisfy(\.isNumber),
                (offset...offset + length).contains(given)
            else {
                throw ParseError(
                    description: "'\(text)': the prefix length must be a number from \(offset) to \(offset + length)")
            }
            length = given - offset
        }
        let masked = address.masked(to: length)
        guard masked == address else {
            throw ParseError(description: "'\(text)' has bits set beyond its prefix: did you mean \(masked)/\(length)?")
        }
        self.address = address
        self.prefixLength = length
    }

    /// The highest address in it.
    public var last: IPAddress {
        // Shifts by the whole width give 0 (smart shifts).
        switch address.family {
        case .v4:
            IPAddress(v4: UInt32(truncatingIfNeeded: address.low) | UInt32.max >> prefixLength)
        case .v6:
            IPAddress(
                v6High: address.high | UInt64.max >> prefixLength,
                low: address.low | UInt64.max >> max(0, prefixLength - 64))
        }
    }

    public func contains(_ other: IPAddress) -> Bool {
        other.family == address.family && other.masked(to: prefixLength) == address
    }

    public var description: String { "\(address)/\(prefixLength)" }
}
