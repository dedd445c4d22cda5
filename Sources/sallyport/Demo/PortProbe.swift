import CoreTypes
import Glibc

/// Looks for ports that nobody listens on, by binding them for a moment.
enum PortProbe {
    static func isFree(_ endpoint: Endpoint, _ transport: TransportKind) -> Bool {
        bind(endpoint, transport) != nil
    }

    /// A port of loopback that the system gives; 0 when it gives none.
    static func anyFree(_ transport: TransportKind) -> UInt16 {
        bind(Endpoint(IPAddress(v4: 0x7f00_0001), port: 0), transport) ?? 0
    }

    private static func bind(_ endpoint: Endpoint, _ transport: TransportKind) -> UInt16? {
        let type = transport == .udp ? SOCK_DGRAM : SOCK_STREAM
        let descriptor = socket(AF_INET, CInt(type.rawValue), 0)
        guard descriptor >= 0 else { return nil }
        defer { close(descriptor) }
        if transport != .udp {
            var yes: CInt = 1
            setsockopt(descriptor, SOL_SOCKET, SO_REUSEADDR, &yes, socklen_t(MemoryLayout<CInt>.size))
        }
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = endpoint.port.bigEndian
        address.sin_addr.s_addr = UInt32(truncatingIfNeeded: endpoint.address.low).bigEndian
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        let isBound = withUnsafePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { Glibc.bind(descriptor, $0, length) == 0 }
        }
        guard isBound else { return nil }
        _ = withUnsafeMutablePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { getsockname(descriptor, $0, &length) }
        }
        return UInt16(bigEndian: address.sin_port)
    }
}
