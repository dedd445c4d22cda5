internal import CoreTypes
#if canImport(Musl)
    internal import Musl
#else
    internal import Glibc
#endif

/// This host's name, and the addresses that others may reach it by: without loopback and those of one link.
struct HostAddresses {
    let name: String
    /// Each a network of one, sorted.
    let networks: [IPNetwork]

    init() throws(NFTablesError) {
        var characters = [CChar](repeating: 0, count: 256)
        let isNamed = gethostname(&characters, characters.count - 1) == 0
        let octets = characters.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }
        let text = String(decoding: octets, as: UTF8.self)
        name = isNamed && !text.isEmpty ? text : "this host"

        var list: UnsafeMutablePointer<ifaddrs>?
        guard getifaddrs(&list) == 0 else {
            throw NFTablesError(
                .unavailable, "the addresses of this host can't be read: \(String(cString: strerror(errno)))")
        }
        defer { freeifaddrs(list) }
        var found: Set<IPAddress> = []
        var next = list
        while let entry = next?.pointee {
            next = entry.ifa_next
            guard let address = entry.ifa_addr.flatMap(Self.address), !address.isLoopback, !address.isLinkLocal else {
                continue
            }
            found.insert(address)
        }
        networks = found.sorted { ($0.family == .v4 ? 0 : 1, $0.number) < ($1.family == .v4 ? 0 : 1, $1.number) }
            .compactMap { IPNetwork($0, prefixLength: $0.family.bitWidth) }
    }

    private static func address(_ pointer: UnsafeMutablePointer<sockaddr>) -> IPAddress? {
        switch Int32(pointer.pointee.sa_family) {
        case AF_INET:
            pointer.withMemoryRebound(to: sockaddr_in.self, capacity: 1) { pointer in
                withUnsafeBytes(of: pointer.pointee.sin_addr) { IPAddress(bytes: Array($0)) }
            }
        case AF_INET6:
            pointer.withMemoryRebound(to: sockaddr_in6.self, capacity: 1) { pointer in
                withUnsafeBytes(of: pointer.pointee.sin6_addr) { IPAddress(bytes: Array($0)) }
            }
        default: nil
        }
    }
}
