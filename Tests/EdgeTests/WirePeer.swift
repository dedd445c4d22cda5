import CoreTypes
import Foundation
import SIPMessage

/// A SIP element made of one UDP socket: sends what it is told, hands over what comes, octet for octet.
final class WirePeer {
    private let descriptor: CInt
    let endpoint: Endpoint

    struct Failure: Error {
        let what: String
    }

    /// - Parameter host: the last number of its address 127.0.0.x.
    init(host: UInt32 = 1) throws {
        let descriptor = socket(AF_INET, CInt(SOCK_DGRAM.rawValue), 0)
        guard descriptor >= 0 else { throw Failure(what: "no socket") }
        var address = Self.raw(Endpoint(IPAddress(v4: 0x7f00_0000 + host), port: 0))
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        let bound = withUnsafeMutablePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { pointer in
                bind(descriptor, pointer, length) == 0 && getsockname(descriptor, pointer, &length) == 0
            }
        }
        guard bound else { throw Failure(what: "no port") }
        self.descriptor = descriptor
        endpoint = Endpoint(IPAddress(v4: 0x7f00_0000 + host), port: UInt16(bigEndian: address.sin_port))
    }

    deinit { close(descriptor) }

    private static func raw(_ endpoint: Endpoint) -> sockaddr_in {
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = endpoint.port.bigEndian
        address.sin_addr.s_addr = UInt32(truncatingIfNeeded: endpoint.address.low).bigEndian
        return address
    }

    func send(_ octets: [UInt8], to remote: Endpoint) {
        var address = Self.raw(remote)
        _ = withUnsafePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                sendto(descriptor, octets, octets.count, 0, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
            }
        }
    }

    func send(_ text: String, to remote: Endpoint) {
        send(Array(text.utf8), to: remote)
    }

    /// The next datagram; nil when none comes in time.
    func receive(within milliseconds: Int32 = 2000) -> [UInt8]? {
        var waiting = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
        guard poll(&waiting, 1, milliseconds) > 0 else { return nil }
        var buffer = [UInt8](repeating: 0, count: 65_536)
        let count = recv(descriptor, &buffer, buffer.count, 0)
        return count >= 0 ? Array(buffer[..<count]) : nil
    }

    func message(within milliseconds: Int32 = 2000) throws -> Message {
        guard let octets = receive(within: milliseconds) else { throw Failure(what: "nothing came") }
        return try Message(parsing: octets)
    }

    /// The next response that is no 100.
    func response(within milliseconds: Int32 = 2000) throws -> Message {
        while true {
            let message = try message(within: milliseconds)
            if message.status != 100 { return message }
        }
    }

    /// The next response of a status, passing over others.
    func final(_ status: Int, tag: String? = nil, cSeq: Int? = nil) throws -> Message {
        while true {
            let message = try message()
            if message.status == status, tag ?? message.toTag == message.toTag,
                cSeq ?? Int(message.cSeq.number) == Int(message.cSeq.number)
            {
                return message
            }
        }
    }

    /// The next request of a method, passing over others.
    func request(
        _ method: SIPMessage.Method, callID: String? = nil, within milliseconds: Int32 = 2000
    ) throws -> Message {
        while true {
            let message = try message(within: milliseconds)
            if message.isRequest, message.method == method, callID ?? message.callID == message.callID {
                return message
            }
        }
    }

    /// Whether nothing comes for a while.
    func hearsNothing(for milliseconds: Int32 = 150) -> Bool { receive(within: milliseconds) == nil }
}
