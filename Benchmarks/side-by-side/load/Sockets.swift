import CLoad
import Glibc

enum Sockets {
    private static func address(_ endpoint: Endpoint) -> sockaddr_in {
        var result = sockaddr_in()
        result.sin_family = sa_family_t(AF_INET)
        result.sin_port = endpoint.port.bigEndian
        result.sin_addr.s_addr = endpoint.address.bigEndian
        return result
    }

    private static func bind(_ descriptor: Int32, to endpoint: Endpoint) throws {
        var name = address(endpoint)
        let result = withUnsafePointer(to: &name) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                Glibc.bind(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
            }
        }
        guard result == 0 else { throw Failure.system("can't bind \(endpoint.description)") }
    }

    private static func connect(_ descriptor: Int32, to endpoint: Endpoint) throws {
        var name = address(endpoint)
        let result = withUnsafePointer(to: &name) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                Glibc.connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
            }
        }
        guard result == 0 || errno == EINPROGRESS else {
            throw Failure.system("can't connect to \(endpoint.description)")
        }
    }

    /// The buffers are as large as the system gives: root has SO_RCVBUFFORCE, others what `net.core.rmem_max` allows.
    static func datagrams(from source: Endpoint, to target: Endpoint?, receiveBuffer: Int32 = 16 << 20) throws -> Int32
    {
        let descriptor = socket(AF_INET, Int32(SOCK_DGRAM.rawValue | SOCK_NONBLOCK.rawValue), 0)
        guard descriptor >= 0 else { throw Failure.system("no socket") }
        var size = receiveBuffer
        for (forced, plain) in [(SO_RCVBUFFORCE, SO_RCVBUF), (SO_SNDBUFFORCE, SO_SNDBUF)] {
            if setsockopt(descriptor, SOL_SOCKET, forced, &size, 4) != 0,
                setsockopt(descriptor, SOL_SOCKET, plain, &size, 4) != 0
            {
                throw Failure.system("can't set a socket's buffer")
            }
        }
        try bind(descriptor, to: source)
        if let target { try connect(descriptor, to: target) }
        return descriptor
    }

    /// Connects a socket to where its first datagram, which stays there, comes from.
    static func connectToFirstSender(_ descriptor: Int32) throws {
        var name = sockaddr()
        var length = socklen_t(MemoryLayout<sockaddr>.size)
        var byte: UInt8 = 0
        guard recvfrom(descriptor, &byte, 1, Int32(truncatingIfNeeded: MSG_PEEK), &name, &length) >= 0,
            Glibc.connect(descriptor, &name, length) == 0
        else { throw Failure.system("can't connect the called party") }
    }

    static func connection(from source: UInt32, to target: Endpoint) throws -> Int32 {
        let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue | SOCK_NONBLOCK.rawValue), 0)
        guard descriptor >= 0 else { throw Failure.system("no socket") }
        var on: Int32 = 1
        guard setsockopt(descriptor, Int32(IPPROTO_TCP), TCP_NODELAY, &on, 4) == 0, load_bind_late(descriptor) == 0
        else { throw Failure.system("can't set a socket's option") }
        try bind(descriptor, to: Endpoint(address: source, port: 0))
        try connect(descriptor, to: target)
        return descriptor
    }

    static func port(of descriptor: Int32) throws -> UInt16 {
        var name = sockaddr_in()
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        let result = withUnsafeMutablePointer(to: &name) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { getsockname(descriptor, $0, &length) }
        }
        guard result == 0 else { throw Failure.system("getsockname") }
        return UInt16(bigEndian: name.sin_port)
    }
}
