import CLoad
import Glibc

struct ProgramError: Error, CustomStringConvertible {
    let description: String

    init(_ description: String) {
        self.description = description
    }

    static func system(_ what: String) -> ProgramError {
        ProgramError("\(what): \(String(cString: strerror(errno)))")
    }
}

/// An IPv4 address and port, in the byte order of the host.
struct Peer: Equatable {
    var address: UInt32
    var port: UInt16

    init(address: UInt32, port: UInt16) {
        self.address = address
        self.port = port
    }

    init(_ text: String) throws {
        let parts = text.split(separator: ":")
        guard parts.count == 2, let port = UInt16(parts[1]), let address = Self.address(String(parts[0])) else {
            throw ProgramError("\(text): an IPv4 address and a port are needed, such as 127.0.0.1:5060")
        }
        self.init(address: address, port: port)
    }

    static func address(_ text: String) -> UInt32? {
        var address = in_addr()
        return inet_pton(AF_INET, text, &address) == 1 ? UInt32(bigEndian: address.s_addr) : nil
    }

    static func text(_ address: UInt32) -> String {
        "\(address >> 24).\(address >> 16 & 255).\(address >> 8 & 255).\(address & 255)"
    }

    var socketAddress: sockaddr_in {
        var result = sockaddr_in()
        result.sin_family = sa_family_t(AF_INET)
        result.sin_port = port.bigEndian
        result.sin_addr.s_addr = address.bigEndian
        return result
    }
}

/// A UDP socket on all addresses of the machine that reads and writes many datagrams with one call, and says for each of
/// them which of the addresses it is to come from.
final class DatagramSocket {
    static let batch = 64
    static let size = 4096
    // cmsghdr, then in_pktinfo, rounded up.
    private static let control = 32

    let fd: Int32
    private(set) var dropped = 0

    private let outMessages: UnsafeMutablePointer<load_mmsghdr>
    private let outVectors: UnsafeMutablePointer<iovec>
    private let outPeers: UnsafeMutablePointer<sockaddr_in>
    private let outControl: UnsafeMutableRawPointer
    private let outBytes: Octets
    private var waiting = 0

    private let inMessages: UnsafeMutablePointer<load_mmsghdr>
    private let inVectors: UnsafeMutablePointer<iovec>
    private let inPeers: UnsafeMutablePointer<sockaddr_in>
    private let inBytes: Octets

    init(port: UInt16) throws {
        fd = socket(AF_INET, Int32(SOCK_DGRAM.rawValue) | Int32(SOCK_NONBLOCK.rawValue), 0)
        guard fd >= 0 else { throw ProgramError.system("socket") }
        var size: Int32 = 8 << 20
        // Beyond net.core.rmem_max where we may; else as much as the kernel gives.
        for option in [SO_RCVBUFFORCE, SO_SNDBUFFORCE] {
            if setsockopt(fd, SOL_SOCKET, option, &size, 4) != 0 {
                setsockopt(fd, SOL_SOCKET, option == SO_RCVBUFFORCE ? SO_RCVBUF : SO_SNDBUF, &size, 4)
            }
        }
        var local = Peer(address: 0, port: port).socketAddress
        let bound = withUnsafePointer(to: &local) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { bind(fd, $0, 16) }
        }
        guard bound == 0 else { throw ProgramError.system("binding UDP port \(port)") }

        func cleared<Element>(_ type: Element.Type, _ initial: Element) -> UnsafeMutablePointer<Element> {
            let memory = UnsafeMutablePointer<Element>.allocate(capacity: Self.batch)
            memory.initialize(repeating: initial, count: Self.batch)
            return memory
        }
        outMessages = cleared(load_mmsghdr.self, load_mmsghdr())
        outVectors = cleared(iovec.self, iovec())
        outPeers = cleared(sockaddr_in.self, sockaddr_in())
        outControl = .allocate(byteCount: Self.batch * Self.control, alignment: 8)
        memset(outControl, 0, Self.batch * Self.control)
        outBytes = .allocate(capacity: Self.batch * Self.size)
        inMessages = cleared(load_mmsghdr.self, load_mmsghdr())
        inVectors = cleared(iovec.self, iovec())
        inPeers = cleared(sockaddr_in.self, sockaddr_in())
        inBytes = .allocate(capacity: Self.batch * Self.size)
        for index in 0..<Self.batch {
            outVectors[index].iov_base = UnsafeMutableRawPointer(outBytes + index * Self.size)
            outMessages[index].msg_hdr.msg_iov = outVectors + index
            outMessages[index].msg_hdr.msg_iovlen = 1
            outMessages[index].msg_hdr.msg_name = UnsafeMutableRawPointer(outPeers + index)
            outMessages[index].msg_hdr.msg_namelen = 16
            let header = outControl + index * Self.control
            header.assumingMemoryBound(to: cmsghdr.self).pointee = cmsghdr(
                cmsg_len: 28, cmsg_level: Int32(IPPROTO_IP), cmsg_type: Int32(IP_PKTINFO))
            inVectors[index].iov_base = UnsafeMutableRawPointer(inBytes + index * Self.size)
            inVectors[index].iov_len = Self.size
            inMessages[index].msg_hdr.msg_iov = inVectors + index
            inMessages[index].msg_hdr.msg_iovlen = 1
            inMessages[index].msg_hdr.msg_name = UnsafeMutableRawPointer(inPeers + index)
        }
    }

    deinit { close(fd) }

    /// Where the next message is to be written; `send` takes it from there.
    var room: Octets { outBytes + waiting * Self.size }

    /// - Parameter source: which local address it comes from; 0: the one that the kernel takes.
    func send(_ count: Int, to peer: sockaddr_in, from source: UInt32) {
        outVectors[waiting].iov_len = count
        outPeers[waiting] = peer
        let header = outControl + waiting * Self.control
        if source == 0 {
            outMessages[waiting].msg_hdr.msg_control = nil
            outMessages[waiting].msg_hdr.msg_controllen = 0
        } else {
            // in_pktinfo: interface, local address, destination of what was received.
            header.storeBytes(of: source.bigEndian, toByteOffset: 16 + 4, as: UInt32.self)
            outMessages[waiting].msg_hdr.msg_control = header
            outMessages[waiting].msg_hdr.msg_controllen = Self.control
        }
        waiting += 1
        if waiting == Self.batch { flush() }
    }

    func flush() {
        var sent = 0
        while sent < waiting {
            let count = load_sendmmsg(fd, outMessages + sent, UInt32(waiting - sent))
            if count > 0 {
                sent += Int(count)
            } else if errno == EINTR {
                continue
            } else {
                // The kernel had no room, or an earlier datagram was refused: as if the network had lost it.
                dropped += 1
                sent += 1
            }
        }
        waiting = 0
    }

    /// Whether there may be more.
    func receive(_ body: (Octets, Int, sockaddr_in) -> Void) -> Bool {
        for index in 0..<Self.batch { inMessages[index].msg_hdr.msg_namelen = 16 }
        let count = Int(load_recvmmsg(fd, inMessages, UInt32(Self.batch)))
        guard count > 0 else { return false }
        for index in 0..<count {
            body(inBytes + index * Self.size, Int(inMessages[index].msg_len), inPeers[index])
        }
        return count == Self.batch
    }
}
