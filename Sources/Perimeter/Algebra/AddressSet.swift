public import CoreTypes

/// A set of addresses, IPv4 and IPv6 apart.
///
/// IPv6's names for IPv4 addresses (`::ffff:0:0/96`) come in no packet and have no network here: they belong to a set
/// when both of their neighbors do, so that `::/0` stays one network.
public struct AddressSet: Hashable, Sendable {
    public private(set) var v4 = IntervalSet<UInt32>()
    public private(set) var v6 = IntervalSet<UInt128>()

    public init() {}

    public init(_ networks: some Sequence<IPNetwork>) {
        var v4: [ClosedRange<UInt32>] = []
        var v6: [ClosedRange<UInt128>] = []
        for network in networks {
            switch network.address.family {
            case .v4:
                let start = UInt32(truncatingIfNeeded: network.address.low)
                let free = 32 - network.prefixLength
                v4.append(start...(start | (free == 32 ? .max : (1 << UInt32(free)) - 1)))
            case .v6:
                let start = UInt128(network.address.high) << 64 | UInt128(network.address.low)
                let free = 128 - network.prefixLength
                v6.append(start...(start | (free == 128 ? .max : (1 << UInt128(free)) - 1)))
            }
        }
        self.init(v4: IntervalSet(v4), v6: IntervalSet(v6))
    }

    public init(_ network: IPNetwork) {
        self.init(CollectionOfOne(network))
    }

    init(v4: IntervalSet<UInt32>, v6: IntervalSet<UInt128>) {
        self.v4 = v4
        guard !v6.isEmpty else { return }
        let mapped: ClosedRange<UInt128> = 0xffff_0000_0000...0xffff_ffff_ffff
        let surrounded = v6.contains(mapped.lowerBound - 1) && v6.contains(mapped.upperBound + 1)
        self.v6 = surrounded ? v6.union(IntervalSet(mapped)) : v6.subtracting(IntervalSet(mapped))
    }

    public static let everything = AddressSet(v4: .everything, v6: .everything)

    public var isEmpty: Bool { v4.isEmpty && v6.isEmpty }

    public func contains(_ address: IPAddress) -> Bool {
        switch address.family {
        case .v4: v4.contains(UInt32(truncatingIfNeeded: address.low))
        case .v6: v6.contains(UInt128(address.high) << 64 | UInt128(address.low))
        }
    }

    public func union(_ other: AddressSet) -> AddressSet {
        AddressSet(v4: v4.union(other.v4), v6: v6.union(other.v6))
    }

    public func intersection(_ other: AddressSet) -> AddressSet {
        AddressSet(v4: v4.intersection(other.v4), v6: v6.intersection(other.v6))
    }

    public func subtracting(_ other: AddressSet) -> AddressSet {
        AddressSet(v4: v4.subtracting(other.v4), v6: v6.subtracting(other.v6))
    }

    public func overlaps(_ other: AddressSet) -> Bool { !intersection(other).isEmpty }

    public func isSuperset(of other: AddressSet) -> Bool { other.subtracting(self).isEmpty }

    /// Whether everybody on the Internet is in it, by either family. Leaving out addresses that nobody there has, such as
    /// 10.0.0.0/8, does not make a set smaller than the world.
    public var isWorld: Bool { v4.isSuperset(of: Self.publicV4) || v6.isSuperset(of: Self.publicV6) }

    /// Whether anybody on the Internet is in it.
    public var reachesOutside: Bool { v4.overlaps(Self.publicV4) || v6.overlaps(Self.publicV6) }

    /// The fewest networks that make up this set: IPv4 first, each family in order.
    public var networks: [IPNetwork] {
        let four = v4.blocks.compactMap { block in
            IPNetwork(IPAddress(v4: block.start), prefixLength: 32 - block.freeBits)
        }
        let six = v6.blocks.compactMap { block -> IPNetwork? in
            let address = IPAddress(
                v6High: UInt64(truncatingIfNeeded: block.start >> 64), low: UInt64(truncatingIfNeeded: block.start))
            return address.family == .v4 ? nil : IPNetwork(address, prefixLength: 128 - block.freeBits)
        }
        return four + six
    }

    /// IPv4 without what the IANA registry of special-purpose addresses (RFC 6890) keeps from being routed by everybody,
    /// multicast and class E.
    private static let publicV4: IntervalSet<UInt32> = {
        let special: [ClosedRange<UInt32>] = [
            0x0000_0000...0x00ff_ffff, 0x0a00_0000...0x0aff_ffff, 0x6440_0000...0x647f_ffff, 0x7f00_0000...0x7fff_ffff,
            0xa9fe_0000...0xa9fe_ffff, 0xac10_0000...0xac1f_ffff, 0xc0a8_0000...0xc0a8_ffff, 0xe000_0000...0xffff_ffff,
        ]
        return IntervalSet(special).complement
    }()

    /// 2000::/3, all that IANA has ever given out for global unicast.
    private static let publicV6 = IntervalSet<UInt128>(UInt128(1) << 125...(UInt128(1) << 126) - 1)
}

extension IPNetwork {
    static let everyIPv4 = IPNetwork(IPAddress(v4: 0), prefixLength: 0)
    static let everyIPv6 = IPNetwork(IPAddress(v6High: 0, low: 0), prefixLength: 0)
}
