internal import CDatagrams
internal import CoreTypes
internal import Glibc
internal import NIOCore
internal import NIOPosix

/// A UDP socket that comes back when it fails.
///
/// NIO says when there is something to read, and reads the first datagram; those behind it are read here, many with one
/// system call and always into the same memory. Sending is a system call of our own: NIO closes a datagram channel for
/// most errors of a send (a firewall's refusal, a network without a route), and what address an answer goes to is for
/// strangers to choose.
final class DatagramSocket {
    /// Position among the layer's UDP sockets.
    let index: Int
    let listener: Int
    let isV6Only: Bool
    private(set) var bound: Endpoint
    private let sharesPort: Bool
    private let layer: TransportLayer
    private(set) var channel: (any Channel)?
    private var descriptor: CInt = -1
    private var isStopped = false
    private var attempts = 0

    /// A datagram can't be longer.
    private static let largest = 65_536
    private static let datagramsPerRead = 32
    /// Rounds of reading before other sockets and timers have their turn.
    private static let mostReads = 4
    /// Reads that find nothing are left out for some rounds: at low load there is rarely a second datagram.
    private static let roundsOff = 3
    private let batch = sp_datagrams_make(UInt32(datagramsPerRead), largest)
    private var roundsToSkip = 0
    private static let receiveBuffer: CInt = 4 << 20

    init(
        index: Int, listener: Int, endpoint: Endpoint, sharesPort: Bool, isV6Only: Bool, layer: TransportLayer
    ) {
        self.index = index
        self.listener = listener
        self.bound = endpoint
        self.sharesPort = sharesPort
        self.isV6Only = isV6Only
        self.layer = layer
    }

    deinit {
        sp_datagrams_free(batch)
    }

    func bind() -> EventLoopFuture<Endpoint> {
        let this = NIOLoopBound(self, eventLoop: layer.loop)
        var bootstrap = DatagramBootstrap(group: layer.loop)
            .channelOption(.maxMessagesPerRead, value: 1)
            .channelOption(.recvAllocator, value: FixedSizeRecvByteBufferAllocator(capacity: Self.largest))
            .channelOption(.socketOption(.so_rcvbuf), value: .init(Self.receiveBuffer))
            .channelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.addHandler(DatagramHandler(this.value))
                }
            }
        if sharesPort {
            bootstrap = bootstrap.channelOption(.socketOption(.init(rawValue: CInt(SO_REUSEPORT))), value: 1)
        }
        if bound.address.family == .v6 {
            bootstrap = bootstrap.channelOption(.ipv6Only, value: isV6Only ? 1 : 0)
        }
        return layer.bound { try bootstrap.bind(to: self.bound.socketAddress()) }.assumeIsolated().flatMapThrowing {
            channel in
            try self.started(channel)
        }.nonisolated()
    }

    private func started(_ channel: any Channel) throws -> Endpoint {
        guard
            let descriptor = try channel.pipeline.syncOperations.withUnsafeTransportIfAvailable(
                of: NIOBSDSocket.Handle.self, { $0 }), let bound = Endpoint(channel.localAddress)
        else { throw ChannelError.operationUnsupported }
        // Beyond net.core.rmem_max where we may; where not, the size that NIO has asked for stays.
        var size = Self.receiveBuffer
        setsockopt(descriptor, SOL_SOCKET, SO_RCVBUFFORCE, &size, socklen_t(MemoryLayout<CInt>.size))
        self.channel = channel
        self.descriptor = descriptor
        self.bound = bound
        if attempts > 0 { layer.observer?.socketChanged(listener: listener, isUp: true) }
        attempts = 0
        if isStopped { channel.close(promise: nil) }
        return bound
    }

    /// Whether this socket can carry a message there.
    func reaches(_ remote: Endpoint) -> Bool {
        guard descriptor >= 0 else { return false }
        let own = bound.address
        if own.isLoopback { return remote.address.isLoopback && remote.address.family == own.family }
        if own.family == remote.address.family { return true }
        return own.family == .v6 && own.isUnspecified && !isV6Only
    }

    /// - Returns: nil when the datagram was handed to the kernel.
    func send(_ bytes: [UInt8], to remote: Endpoint) -> SendFailure? {
        guard descriptor >= 0 else { return .unreachable }
        let sent = remote.withRaw(family: bound.address.family) { address, length in
            sendto(descriptor, bytes, bytes.count, CInt(MSG_DONTWAIT) | CInt(MSG_NOSIGNAL), address, length)
        }
        guard sent < 0 else { return nil }
        switch errno {
        case EAGAIN, ENOBUFS, ENOMEM: return .congested
        case EMSGSIZE: return .tooLarge
        case ECONNREFUSED: return nil  // An earlier datagram's fate; this one is as likely to arrive as any.
        default: return .unreachable
        }
    }

    /// What waits in the receive buffer, as a part of what may wait: half of the buffer, and no more than about 50 ms of
    /// work, which 1 MiB of datagrams with the kernel's bookkeeping are. Above 1 the loop is behind.
    func backlog() -> Double {
        guard descriptor >= 0 else { return 0 }
        // linux/sock_diag.h: octets in the receive queue with their bookkeeping, then the size of the buffer.
        var memory = [UInt32](repeating: 0, count: 9)
        var length = socklen_t(memory.count * MemoryLayout<UInt32>.size)
        guard getsockopt(descriptor, SOL_SOCKET, SO_MEMINFO, &memory, &length) == 0, memory[1] > 0 else { return 0 }
        return Double(memory[0]) / min(Double(memory[1]) / 2, 1_048_576)
    }

    func stop() {
        isStopped = true
        channel?.close(promise: nil)
    }

    // MARK: Called by the handler

    func received(_ buffer: ByteBuffer, from source: SocketAddress) {
        guard let remote = Endpoint(source) else { return }
        buffer.withUnsafeReadableBytes { received($0, from: remote) }
    }

    /// Reads what waits behind the first datagram.
    func readMore() {
        guard roundsToSkip == 0 else {
            roundsToSkip -= 1
            return
        }
        for _ in 0..<Self.mostReads {
            guard descriptor >= 0, let batch else { return }
            // An error is told to the channel too, which reads the same socket.
            let count = sp_datagrams_receive(batch, descriptor)
            guard count > 0 else {
                roundsToSkip = Self.roundsOff
                return
            }
            for index in 0..<count {
                let datagram = sp_datagrams_at(batch, index)
                guard let remote = Endpoint(datagram) else { continue }
                received(UnsafeRawBufferPointer(start: datagram.octets, count: datagram.length), from: remote)
            }
            guard count == Self.datagramsPerRead else { return }
        }
    }

    private func received(_ octets: UnsafeRawBufferPointer, from remote: Endpoint) {
        guard !Self.isKeepAlive(octets) else { return }
        let flow = Flow(
            id: FlowID(.datagram(socket: index, remote: remote)), transport: .udp, local: bound, remote: remote,
            listener: listener, security: nil)
        layer.observer?.received(octets, on: flow)
    }

    /// Empty datagrams, CRLFs, NULs, and STUN (RFC 5389 section 6): meant for the NAT on the way, not for us.
    static func isKeepAlive(_ octets: UnsafeRawBufferPointer) -> Bool {
        guard let first = octets.first else { return true }
        if first > 3, first != 10, first != 13 { return false }
        if octets.allSatisfy({ $0 == 0 || $0 == 10 || $0 == 13 }) { return true }
        return octets.count >= 20 && octets[4..<8].elementsEqual([0x21, 0x12, 0xa4, 0x42])
    }

    func ended() {
        descriptor = -1
        channel = nil
        guard !isStopped else { return }
        layer.observer?.socketChanged(listener: listener, isUp: false)
        rebind()
    }

    private func rebind() {
        attempts += 1
        // At once the first time, then ever later up to a second: the port or address may be gone for a while.
        let delay = TimeAmount.milliseconds(min(Int64(attempts - 1) * 50, 1000))
        layer.loop.assumeIsolated().scheduleTask(in: delay) {
            guard !self.isStopped else { return }
            self.bind().assumeIsolated().whenFailure { _ in self.rebind() }
        }
    }
}

private final class DatagramHandler: ChannelInboundHandler {
    typealias InboundIn = AddressedEnvelope<ByteBuffer>

    private let socket: DatagramSocket

    init(_ socket: DatagramSocket) {
        self.socket = socket
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        let envelope = unwrapInboundIn(data)
        socket.received(envelope.data, from: envelope.remoteAddress)
    }

    func channelReadComplete(context: ChannelHandlerContext) {
        socket.readMore()
    }

    func channelInactive(context: ChannelHandlerContext) {
        socket.ended()
    }

    /// A fatal error is followed by `channelInactive`; the others (a refused port reported late) mean nothing here.
    func errorCaught(context: ChannelHandlerContext, error: any Error) {}
}

extension ChannelOption where Self == ChannelOptions.Types.SocketOption {
    static var ipv6Only: Self { .init(level: .init(IPPROTO_IPV6), name: .init(IPV6_V6ONLY)) }
}
