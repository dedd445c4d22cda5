internal import CoreTypes

extension IPAddress {
    var number: UInt128 { UInt128(high) << 64 | UInt128(low) }
}

extension IPNetwork {
    /// The fewest networks that make up the addresses from one to another, both among them; nil when they are of two
    /// families or stand the wrong way around.
    static func from(_ first: IPAddress, to last: IPAddress) -> [IPNetwork]? {
        guard first.family == last.family, first.number <= last.number else { return nil }
        let width = first.family.bitWidth
        var networks: [IPNetwork] = []
        var start = first.number
        while start <= last.number {
            let span = last.number - start
            // As large as what is left, and as its first address allows.
            let fitting = span == .max ? width : 127 - (span + 1).leadingZeroBitCount
            let free = min(start.trailingZeroBitCount, fitting, width)
            let address =
                first.family == .v4
                ? IPAddress(v4: UInt32(truncatingIfNeeded: start))
                : IPAddress(v6High: UInt64(truncatingIfNeeded: start >> 64), low: UInt64(truncatingIfNeeded: start))
            // IPv6's names for IPv4 addresses have no network here.
            guard let network = IPNetwork(address, prefixLength: width - free), network.address.family == first.family
            else { return nil }
            networks.append(network)
            let (next, isOver) = start.addingReportingOverflow(free == 128 ? 0 : UInt128(1) << UInt128(free))
            if isOver || free == 128 { break }
            start = next
        }
        return networks
    }
}
