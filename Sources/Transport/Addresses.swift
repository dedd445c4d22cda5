internal import CDatagrams
public import CoreTypes
internal import Glibc
internal import NIOCore

/// The kernel's socket addresses as octets: family in the machine's order, then port and address in the network's.
private enum RawAddress {
    static let v4Size = 16
    static let v6Size = 28
    static let v6AddressOffset = 8

    static func endpoint(_ raw: UnsafeRawBufferPointer) -> Endpoint? {
        guard raw.count >= v4Size else { return nil }
        let port = UInt16(bigEndian: raw.loadUnaligned(fromByteOffset: 2, as: UInt16.self))
        switch CInt(raw.loadUnaligned(as: sa_family_t.self)) {
        case AF_INET:
            let value = UInt32(bigEndian: raw.loadUnaligned(fromByteOffset: 4, as: UInt32.self))
            return Endpoint(IPAddress(v4: value), port: port)
        case AF_INET6 where raw.count >= v6Size:
            let high = UInt64(bigEndian: raw.loadUnaligned(fromByteOffset: v6AddressOffset, as: UInt64.self))
            let low = UInt64(bigEndian: raw.loadUnaligned(fromByteOffset: v6AddressOffset + 8, as: UInt64.self))
            return Endpoint(IPAddress(v6High: high, low: low), port: port)
        default:
            return nil
        }
    }
}

extension Endpoint {
    /// Nil for a family that is not the Internet's.
    init?(_ datagram: sp_datagram) {
        let address: IPAddress
        switch datagram.family {
        case 4:
            address = withUnsafeBytes(of: datagram.address) {
                IPAddress(v4: UInt32(bigEndian: $0.loadUnaligned(as: UInt32.self)))
            }
        case 6:
            address = withUnsafeBytes(of: datagram.address) {
                IPAddress(
                    v6High: UInt64(bigEndian: $0.loadUnaligned(as: UInt64.self)),
                    low: UInt64(bigEndian: $0.loadUnaligned(fromByteOffset: 8, as: UInt64.self)))
            }
        default:
            return nil
        }
        self.init(address, port: datagram.port)
    }

    /// Nil for a Unix domain socket.
    init?(_ address: SocketAddress?) {
        let found: Endpoint? = address?.withSockAddr { pointer, size in
            RawAddress.endpoint(UnsafeRawBufferPointer(start: pointer, count: size))
        }
        guard let endpoint = found else { return nil }
        self = endpoint
    }

    /// For NIO's bootstraps.
    func socketAddress() throws -> SocketAddress {
        try SocketAddress(packedIPAddress: ByteBuffer(bytes: address.bytes), port: Int(port))
    }

    /// Runs a system call with the address in the form that a socket of this family takes; an IPv4 address for an IPv6
    /// socket in its mapped form.
    func withRaw(
        family: IPAddress.Family, _ body: (UnsafePointer<sockaddr>, socklen_t) -> Int
    ) -> Int {
        withUnsafeTemporaryAllocation(byteCount: RawAddress.v6Size, alignment: 8) { raw in
            raw.initializeMemory(as: UInt8.self, repeating: 0)
            raw.storeBytes(of: port.bigEndian, toByteOffset: 2, as: UInt16.self)
            let size: Int
            switch family {
            case .v4:
                size = RawAddress.v4Size
                raw.storeBytes(of: sa_family_t(AF_INET), as: sa_family_t.self)
                raw.storeBytes(
                    of: UInt32(truncatingIfNeeded: address.low).bigEndian, toByteOffset: 4, as: UInt32.self)
            case .v6:
                size = RawAddress.v6Size
                let low = address.family == .v4 ? 0xffff_0000_0000 | address.low : address.low
                raw.storeBytes(of: sa_family_t(AF_INET6), as: sa_family_t.self)
                raw.storeBytes(of: address.high.bigEndian, toByteOffset: RawAddress.v6AddressOffset, as: UInt64.self)
                raw.storeBytes(of: low.bigEndian, toByteOffset: RawAddress.v6AddressOffset + 8, as: UInt64.self)
            }
            return UnsafeRawBufferPointer(raw).withMemoryRebound(to: sockaddr.self) { addresses in
                addresses.baseAddress.map { body($0, socklen_t(size)) } ?? -1
            }
        }
    }

    /// The address of one end of a socket by `getpeername` or `getsockname`.
    init?(descriptor: CInt, _ call: (CInt, UnsafeMutablePointer<sockaddr>, UnsafeMutablePointer<socklen_t>) -> CInt) {
        var storage = sockaddr_storage()
        var length = socklen_t(MemoryLayout<sockaddr_storage>.size)
        let result = withUnsafeMutablePointer(to: &storage) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { call(descriptor, $0, &length) }
        }
        guard result == 0, let endpoint = withUnsafeBytes(of: &storage, RawAddress.endpoint) else { return nil }
        self = endpoint
    }
}

/// Whether a message may be sent to an address at all.
struct Destinations {
    /// The broadcast addresses of this machine's networks, which can't be told by their looks.
    private let broadcasts: Set<IPAddress>

    init(broadcasts: Set<IPAddress>) {
        self.broadcasts = broadcasts
    }

    func allows(_ endpoint: Endpoint) -> Bool {
        let address = endpoint.address
        guard endpoint.port != 0, !address.isUnspecified, !address.isMulticast, !address.isBroadcast,
            !broadcasts.contains(address)
        else { return false }
        // 0.0.0.0/8 is "this network", 240.0.0.0/4 is reserved (RFC 6890).
        return address.family == .v6 || (address.low >> 24 != 0 && address.low >> 28 != 0xf)
    }
}

/// The address that this machine would send from.
public enum LocalAddress {
    /// What the routing table said, and until when that may be repeated.
    struct Known: Sendable {
        var address: IPAddress
        var expires: NIODeadline
    }

    /// Asks the routing table, without sending anything; nil when there is no route.
    public static func toward(_ remote: IPAddress) -> IPAddress? {
        let descriptor = socket(
            remote.family == .v4 ? AF_INET : AF_INET6, CInt(SOCK_DGRAM.rawValue) | CInt(SOCK_CLOEXEC.rawValue), 0)
        guard descriptor >= 0 else { return nil }
        defer { close(descriptor) }
        // Any port will do: connecting a UDP socket only chooses a route.
        let connected = Endpoint(remote, port: 9).withRaw(family: remote.family) { Int(connect(descriptor, $0, $1)) }
        guard connected == 0 else { return nil }
        return Endpoint(descriptor: descriptor, getsockname)?.address
    }
}
