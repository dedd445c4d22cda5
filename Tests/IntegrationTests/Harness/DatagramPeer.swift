import CoreTypes
import Glibc
import SIPMessage
import TestSupport

/// A SIP element made of one UDP socket, which does nothing by itself.
final class DatagramPeer {
    let endpoint: Endpoint
    private let descriptor: Int32

    /// - Parameter address: of 127.0.0.0/8.
    init(_ address: IPAddress) throws {
        let descriptor = socket(AF_INET, Int32(SOCK_DGRAM.rawValue), 0)
        guard descriptor >= 0 else { throw Failure("no socket: \(String(cString: strerror(errno)))") }
        var own = Self.raw(Endpoint(address, port: 0))
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        let hasPort = withUnsafeMutablePointer(to: &own) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                bind(descriptor, $0, length) == 0 && getsockname(descriptor, $0, &length) == 0
            }
        }
        guard hasPort else {
            let reason = String(cString: strerror(errno))
            close(descriptor)
            throw Failure("no port of \(address): \(reason)")
        }
        self.descriptor = descriptor
        endpoint = Endpoint(address, port: UInt16(bigEndian: own.sin_port))
    }

    deinit { close(descriptor) }

    func send(_ text: String, to remote: Endpoint) throws {
        let octets = Array(text.utf8)
        var there = Self.raw(remote)
        let sent = withUnsafePointer(to: &there) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                sendto(descriptor, octets, octets.count, 0, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
            }
        }
        guard sent == octets.count else { throw Failure("not sent: \(String(cString: strerror(errno)))") }
    }

    /// The next message.
    func receive(within milliseconds: Int32 = 5000) throws -> Message {
        var waiting = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
        guard poll(&waiting, 1, milliseconds) > 0 else { throw Failure("nothing came to \(endpoint)") }
        let octets = [UInt8](unsafeUninitializedCapacity: 65_536) { buffer, count in
            count = max(0, recv(descriptor, buffer.baseAddress, buffer.count, 0))
        }
        return try Message(parsing: octets)
    }

    private static func raw(_ endpoint: Endpoint) -> sockaddr_in {
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = endpoint.port.bigEndian
        address.sin_addr.s_addr = UInt32(truncatingIfNeeded: endpoint.address.low).bigEndian
        return address
    }
}
