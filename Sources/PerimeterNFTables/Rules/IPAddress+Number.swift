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
            var free = min(start == 0 ? width : start.trailingZeroBitCount, width)
            while free > 0, free == 128 || start + ((UInt128(1) << UInt128(free)) - 1) > last.number {
                if free == 128, start == 0, last.number == .max { break }
                free -= 1
            }
            let address =
                first.family == .v4
                ? IPAddress(v4: UInt32(truncatingIfNeeded: start))
                : IPAddress(v6High: UInt64(truncatingIfNeeded: start >> 64), low: UInt64(truncatingIfNeeded: start))
            guard let network = IPNetwork(address, prefixLength: width - free), network.address.family == first.family
            else { return nil }
            networks.append(network)
            let (next, isOver) = network.last.number.addingReportingOverflow(1)
            if isOver { break }
            start = next
        }
        return networks
    }
}
