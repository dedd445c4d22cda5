import Synchronization
#if canImport(Musl)
    import Musl
#else
    import Glibc
#endif

/// Ports of 127.0.0.1 that nobody uses, over UDP nor TCP, for programs that must be told one.
public enum FreePort {
    /// Below what Linux gives to outgoing connections, so that none of those can take it before the program does.
    private static let candidates: ClosedRange<UInt16> = 20_000...31_999
    private static let given = Mutex<Set<UInt16>>([])

    public static func next() throws -> UInt16 {
        for _ in 0..<1000 {
            let port = UInt16.random(in: candidates)
            guard given.withLock({ $0.insert(port).inserted }) else { continue }
            if isFree(port) { return port }
        }
        throw Failure("there is no free port between \(candidates.lowerBound) and \(candidates.upperBound)")
    }

    public static func isFree(_ port: UInt16) -> Bool {
        isFree(port, Int32(SOCK_DGRAM.rawValue)) && isFree(port, Int32(SOCK_STREAM.rawValue))
    }

    private static func isFree(_ port: UInt16, _ kind: Int32) -> Bool {
        let descriptor = socket(AF_INET, kind, 0)
        guard descriptor >= 0 else { return false }
        defer { close(descriptor) }
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = port.bigEndian
        address.sin_addr.s_addr = UInt32(0x7f00_0001).bigEndian
        return withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                bind(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size)) == 0
            }
        }
    }
}
