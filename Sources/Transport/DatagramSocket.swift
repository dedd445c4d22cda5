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
    private let inbox = DatagramInbox(largest: largest)
    private let outbox = DatagramOutbox()
    private var pace = ReadingPace()
    /// Whether datagrams are looked for at intervals, rather than when the kernel says that there are some.
    private var isPolling = false {
        didSet { if isPolling != oldValue { layer.polls(isPolling) } }
    }
    /// Datagrams that are read before other sockets and timers have their turn.
    private static let mostAtOnce = 4 * DatagramInbox.room
    private static let receiveBuffer: CInt = 8 << 20

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
        return layer.bound {
            if sharesPort, attempts == 0 { try layer.sharing.claim(.udp, bound, isV6Only: isV6Only) }
            return try bootstrap.bind(to: bound.socketAddress())
        }.assumeIsolated().flatMapThrowing {
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
        if sharesPort {
            do { try layer.sharing.steer(channel) } catch {
                isStopped = true
                channel.close(promise: nil)
                throw error
            }
        }
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

    /// Sends a datagram, or, while the layer gathers, puts it to the others.
    /// - Parameter ticket: whom a failure is told about that shows later.
    /// - Returns: nil when the datagram was handed to the kernel or put to the others.
    func send(_ bytes: [UInt8], to remote: Endpoint, ticket: UInt64 = 0) -> SendFailure? {
        guard descriptor >= 0 else { return .unreachable }
        let family = bound.address.family
        if layer.isGathering {
            if outbox.add(bytes, to: remote, family: family, ticket: ticket) { return nil }
            flush()
            if outbox.add(bytes, to: remote, family: family, ticket: ticket) { return nil }
        }
        let sent = remote.withRaw(family: family) { address, length in
            sendto(descriptor, bytes, bytes.count, CInt(MSG_DONTWAIT) | CInt(MSG_NOSIGNAL), address, length)
        }
        return sent < 0 ? Self.failure(errno) : nil
    }

    /// Sends what has been gathered.
    func flush() {
        guard !outbox.isEmpty else { return }
        outbox.send(over: descriptor) { ticket, number in
            if ticket != 0, let failure = Self.failure(number) { layer.fail(ticket, failure) }
        }
    }

    private static func failure(_ number: CInt) -> SendFailure? {
        switch number {
        case EAGAIN, ENOBUFS, ENOMEM: .congested
        case EMSGSIZE: .tooLarge
        case ECONNREFUSED: nil  // An earlier datagram's fate; this one is as likely to arrive as any.
        default: .unreachable
        }
    }

    /// What waits in the receive buffer, as a part of what may wait: half of the buffer, which is some 40 ms of work. Above
    /// 1 the loop is behind.
    func backlog() -> Double {
        guard descriptor >= 0 else { return 0 }
        // linux/sock_diag.h: octets in the receive queue with their bookkeeping, then the size of the buffer.
        var memory = [UInt32](repeating: 0, count: 9)
        var length = socklen_t(memory.count * MemoryLayout<UInt32>.size)
        guard getsockopt(descriptor, SOL_SOCKET, SO_MEMINFO, &memory, &length) == 0, memory[1] > 0 else { return 0 }
        return Double(memory[0]) / (Double(memory[1]) / 2)
    }

    func stop() {
        isStopped = true
        channel?.close(promise: nil)
    }

    // MARK: Called by the handler

    func received(_ buffer: ByteBuffer, from source: SocketAddress) {
        guard let remote = Endpoint(source) else { return }
        let isUsed = buffer.withUnsafeReadableBytes { received($0, from: remote) }
        pace.count(1, used: isUsed ? 1 : 0)
    }

    /// Reads what waits behind the first datagram, and goes over to polling when there is much of it.
    func readMore() {
        _ = read()
        guard !isPolling, pace.isHigh(at: NIODeadline.now().uptimeNanoseconds), let channel else { return }
        isPolling = true
        setAutoRead(false, channel)
        pollLater()
    }

    /// - Returns: how many datagrams there were.
    private func read() -> Int {
        var total = 0
        var used = 0
        layer.gather {
            // An error is told to the channel too, which looks after the same socket.
            while descriptor >= 0, total < Self.mostAtOnce {
                let count = inbox.receive(from: descriptor) { used += received($0, from: $1) ? 1 : 0 }
                total += max(0, count)
                guard count == DatagramInbox.room else { return }
            }
        }
        pace.count(total, used: used)
        return total
    }

    private func pollLater() {
        layer.loop.assumeIsolated().scheduleTask(in: .nanoseconds(pace.interval)) { self.poll() }
    }

    private func poll() {
        guard isPolling, descriptor >= 0, !isStopped else { return }
        var count = 0
        layer.gather {
            count = read()
            layer.observer?.looked()
        }
        if count >= Self.mostAtOnce {
            layer.loop.assumeIsolated().execute { self.poll() }
        } else if pace.isHigh(at: NIODeadline.now().uptimeNanoseconds) {
            pollLater()
        } else {
            isPolling = false
            if let channel { setAutoRead(true, channel) }
        }
    }

    private func setAutoRead(_ isOn: Bool, _ channel: any Channel) {
        // A channel that is closing can't be told; its end is told by `ended`.
        try? channel.syncOptions?.setOption(.autoRead, value: isOn)
        if isOn { channel.read() }
    }

    /// - Returns: whether it may belong to a call.
    private func received(_ octets: UnsafeRawBufferPointer, from remote: Endpoint) -> Bool {
        guard !Self.isKeepAlive(octets) else { return false }
        let flow = Flow(
            id: FlowID(.datagram(socket: index, remote: remote)), transport: .udp, local: bound, remote: remote,
            listener: listener, security: nil)
        return layer.observer?.received(octets, on: flow) ?? false
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
        isPolling = false
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
