import CoreTypes
import Foundation
import Glibc
import TestSupport

/// Many who call once: each from an address of its own in 127.0.0.0/8, with nothing alike.
enum Strangers {
    /// Sends an INVITE without credentials from each of them.
    static func call(_ remote: Endpoint, _ numbers: Range<Int>) throws {
        for number in numbers { try send(number, to: remote) }
    }

    private static func send(_ number: Int, to remote: Endpoint) throws {
        // 127.1.0.0 and up: the addresses below are those of phones.
        let source = UInt32(0x7f01_0000 + number)
        let descriptor = socket(AF_INET, Int32(SOCK_DGRAM.rawValue), 0)
        guard descriptor >= 0 else { throw Failure("no socket: \(String(cString: strerror(errno)))") }
        defer { close(descriptor) }
        var own = address(source, port: 0)
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        let hasPort = withUnsafeMutablePointer(to: &own) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                bind(descriptor, $0, length) == 0 && getsockname(descriptor, $0, &length) == 0
            }
        }
        guard hasPort else { throw Failure("no port: \(String(cString: strerror(errno)))") }
        let here = Endpoint(IPAddress(v4: source), port: UInt16(bigEndian: own.sin_port))
        let octets = Array(invite(number, from: here).utf8)
        var there = address(UInt32(truncatingIfNeeded: remote.address.low), port: remote.port)
        let sent = withUnsafePointer(to: &there) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                sendto(descriptor, octets, octets.count, 0, $0, length)
            }
        }
        guard sent == octets.count else { throw Failure("not sent: \(String(cString: strerror(errno)))") }
    }

    private static func address(_ host: UInt32, port: UInt16) -> sockaddr_in {
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = port.bigEndian
        address.sin_addr.s_addr = host.bigEndian
        return address
    }

    private static func invite(_ number: Int, from here: Endpoint) -> String {
        [
            "INVITE sip:target-\(number)@external.advisor SIP/2.0",
            "Via: SIP/2.0/UDP \(here);branch=z9hG4bKbranch\(number);rport",
            "From: <sip:stranger-\(number)@host-\(number).example>;tag=tag\(number)",
            "To: <sip:target-\(number)@external.advisor>", "Call-ID: call-\(number)@host-\(number).example",
            "CSeq: \(number % 1000 + 1) INVITE", "Contact: <sip:stranger-\(number)@\(here)>", "Max-Forwards: 70",
            "User-Agent: agent-\(number)", "X-IF-Trace-ID: trace-\(number)", "X-IF-Hazard: safety",
            "Content-Length: 0",
        ].joined(separator: "\r\n") + "\r\n\r\n"
    }
}
