internal import CoreTypes

/// The header that a load balancer puts in front of a connection (PROXY protocol, version 2, the binary one): who the
/// real client is.
struct ProxyHeader: Equatable {
    enum Reading: Equatable {
        case needMore
        case found(ProxyHeader)
        case invalid
    }

    /// Nil: the load balancer speaks for itself (LOCAL: a health check), and its own address counts.
    var source: Endpoint?
    /// Octets of the whole header.
    var length: Int

    /// What the protocol's description asks a receiver to bear.
    static let mostOctets = 536

    private static let signature: [UInt8] = [13, 10, 13, 10, 0, 13, 10, 0x51, 0x55, 0x49, 0x54, 10]
    private static let fixedLength = 16

    /// Reads the start of a stream. What can't become a header is invalid at its first wrong octet; so is version 1, and
    /// any client that is not one of TCP over IPv4 or IPv6.
    static func read(_ octets: some RandomAccessCollection<UInt8>) -> Reading {
        let octets = octets.prefix(mostOctets)
        guard octets.prefix(signature.count).elementsEqual(signature.prefix(octets.count)) else { return .invalid }
        guard octets.count >= fixedLength else { return .needMore }
        let fixed = Array(octets.prefix(fixedLength))
        let length = fixedLength + Int(fixed[14]) << 8 + Int(fixed[15])
        guard fixed[12] >> 4 == 2, length <= mostOctets else { return .invalid }
        let width: Int
        switch (fixed[12] & 0xf, fixed[13]) {
        case (0, _): width = 0
        case (1, 0x11): width = 4
        case (1, 0x21): width = 16
        default: return .invalid
        }
        // Two addresses and two ports; what follows them (TLVs) is of no use here.
        guard width == 0 || length >= fixedLength + 2 * width + 4 else { return .invalid }
        guard octets.count >= length else { return .needMore }
        guard width > 0 else { return .found(ProxyHeader(source: nil, length: length)) }
        let body = Array(octets.prefix(length).dropFirst(fixedLength))
        guard let address = IPAddress(bytes: body[..<width]), !address.isUnspecified, !address.isMulticast,
            !address.isBroadcast
        else { return .invalid }
        let port = UInt16(body[2 * width]) << 8 | UInt16(body[2 * width + 1])
        return .found(ProxyHeader(source: Endpoint(address, port: port), length: length))
    }
}
