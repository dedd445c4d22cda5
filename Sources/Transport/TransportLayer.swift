public import CoreTypes
internal import Glibc
public import NIOCore
internal import NIOPosix
public import NIOSSL
internal import TransportSecurity

/// The sockets of one event loop: listens, frames, connects, sends.
///
/// Everything here is called on the loop and calls its observer there. Nothing in it waits or locks. It lives until
/// `shutdown()`, which lets go of the sockets and through them of the layer.
public final class TransportLayer {
    public let loop: any EventLoop
    public let limits: TransportLimits
    /// The address that connections and own sockets leave from; nil leaves it to the routing table.
    let source: IPAddress?
    weak var observer: (any TransportObserver)?
    private var serverTLS: NIOSSLContext?
    private var clientTLS: NIOSSLContext?
    private let destinations: Destinations

    private(set) var datagramSockets: [DatagramSocket] = []
    private var listeners: [any Channel] = []
    /// Where connections are accepted.
    private(set) var streamListeners: [(transport: TransportKind, endpoint: Endpoint)] = []
    private var connections: [UInt64: StreamConnection] = [:]
    /// Accepted connections of each source.
    private var sources: [IPAddress: Int] = [:]
    private var accepted = 0
    private var outbound: [OutboundConnection.Key: OutboundConnection] = [:]
    private var lastNumber: UInt64 = 0
    private var unflushed: [StreamConnection] = []
    private var isSweeping = false
    private var isShutDown = false

    /// - Parameters:
    ///   - observer: held weakly.
    ///   - serverTLS: for TLS listeners.
    ///   - clientTLS: for TLS connections opened from here.
    ///   - source: an address of this machine that what is opened from here leaves from; nil: the system chooses.
    public init(
        loop: any EventLoop, limits: TransportLimits = TransportLimits(), observer: any TransportObserver,
        serverTLS: NIOSSLContext? = nil, clientTLS: NIOSSLContext? = nil, source: IPAddress? = nil
    ) {
        self.source = source
        self.loop = loop
        self.limits = limits
        self.observer = observer
        self.serverTLS = serverTLS
        self.clientTLS = clientTLS
        let interfaces = (try? System.enumerateDevices()) ?? []
        destinations = Destinations(broadcasts: Set(interfaces.compactMap { Endpoint($0.broadcastAddress)?.address }))
    }

    /// Connections that are open or opening.
    public var connectionCount: Int { connections.count }

    /// New connections use these contexts; those that are open keep theirs.
    public func replaceTLS(server: NIOSSLContext?, client: NIOSSLContext?) {
        serverTLS = server
        clientTLS = client
    }

    // MARK: Listening

    /// Why a listener can't be had.
    public enum ListenError: Error, Sendable, Equatable {
        case noTLSContext
        case shutDown
    }

    /// Binds a socket; fails with the system's error, such as that of a port in use.
    ///
    /// A socket for `[::]` takes IPv4, too, unless a listener for the same port of all IPv4 addresses came before it.
    /// - Parameters:
    ///   - index: what flows call this listener; not negative.
    ///   - sharesPort: whether other loops bind the same address (SO_REUSEPORT); the kernel then spreads the peers.
    /// - Returns: the bound address, with the port that the system chose if 0 was asked for.
    public func listen(
        _ transport: TransportKind, on endpoint: Endpoint, index: Int, sharesPort: Bool = false
    ) -> EventLoopFuture<Endpoint> {
        guard !isShutDown else { return loop.makeFailedFuture(ListenError.shutDown) }
        if transport == .udp {
            return bindDatagrams(endpoint, listener: index, sharesPort: sharesPort)
        }
        guard transport == .tcp || serverTLS != nil else { return loop.makeFailedFuture(ListenError.noTLSContext) }
        let this = NIOLoopBound(self, eventLoop: loop)
        var bootstrap = ServerBootstrap(group: loop)
            .serverChannelOption(.backlog, value: 1024)
            .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
            .serverChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.addHandlers(
                        [AcceptBackoffHandler(), AdmissionHandler(layer: this.value, listener: index)])
                }
            }
            .childChannelOption(.tcpOption(.tcp_nodelay), value: 1)
            .childChannelOption(.allowRemoteHalfClosure, value: transport == .tcp)
            .childChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    let layer = this.value
                    guard let remote = Self.peer(of: channel) else { throw ListenError.shutDown }
                    try layer.addHandlers(
                        to: channel, remote: remote, listener: index, tls: transport == .tls ? layer.serverTLS : nil,
                        outbound: nil)
                }
            }
        if sharesPort {
            bootstrap = bootstrap.serverChannelOption(.socketOption(.init(rawValue: CInt(SO_REUSEPORT))), value: 1)
        }
        if endpoint.address.family == .v6 {
            let shadowed = listeners.contains { Endpoint($0.localAddress).map { shadows($0, endpoint) } ?? false }
            bootstrap = bootstrap.serverChannelOption(.ipv6Only, value: shadowed ? 1 : 0)
        }
        return bound { try bootstrap.bind(to: endpoint.socketAddress()) }.assumeIsolated().flatMapThrowing { channel in
            guard !self.isShutDown, let bound = Endpoint(channel.localAddress) else {
                channel.close(promise: nil)
                throw ListenError.shutDown
            }
            self.listeners.append(channel)
            self.streamListeners.append((transport, bound))
            return bound
        }.nonisolated()
    }

    /// A future that also takes what is thrown before there is one.
    func bound(_ bind: () throws -> EventLoopFuture<any Channel>) -> EventLoopFuture<any Channel> {
        do { return try bind() } catch { return loop.makeFailedFuture(error) }
    }

    func bindDatagrams(_ endpoint: Endpoint, listener: Int, sharesPort: Bool) -> EventLoopFuture<Endpoint> {
        let socket = DatagramSocket(
            index: datagramSockets.count, listener: listener, endpoint: endpoint, sharesPort: sharesPort,
            isV6Only: datagramSockets.contains { shadows($0.bound, endpoint) }, layer: self)
        datagramSockets.append(socket)
        return socket.bind()
    }

    /// Whether one bound address already takes the IPv4 part of another.
    private func shadows(_ bound: Endpoint, _ endpoint: Endpoint) -> Bool {
        bound.address.family == .v4 && bound.address.isUnspecified && bound.port == endpoint.port
    }

    /// The peer of a connection that NIO has not registered yet.
    private static func peer(of channel: any Channel) -> Endpoint? {
        let descriptor = try? channel.pipeline.syncOperations.withUnsafeTransportIfAvailable(
            of: NIOBSDSocket.Handle.self, { $0 })
        return descriptor.flatMap { Endpoint(descriptor: $0, getpeername) }
    }

    /// Whether an accepted connection may go on. Asks the observer first, so that it counts all of them.
    fileprivate func admits(_ channel: any Channel, listener: Int) -> Bool {
        guard !isShutDown, let observer, let remote = Self.peer(of: channel) else { return false }
        let refusal: AdmissionRefusal?
        if !observer.admit(connectionFrom: remote, listener: listener) {
            refusal = .observer
        } else if accepted >= limits.connections {
            refusal = .connections
        } else if sources[remote.address.rateKey, default: 0] >= limits.connectionsPerSource {
            refusal = .connectionsPerSource
        } else {
            refusal = nil
        }
        guard let refusal else { return true }
        observer.refused(connectionFrom: remote, listener: listener, reason: refusal)
        return false
    }

    /// Makes a channel one of the layer's connections.
    func addHandlers(
        to channel: any Channel, remote: Endpoint, listener: Int, tls context: NIOSSLContext?,
        outbound: OutboundConnection?
    ) throws {
        let hello = context.map { _ in ServerHelloReader(side: outbound == nil ? .server : .client) }
        let tls: NIOSSLHandler? = try context.map { context in
            if let outbound {
                return try NIOSSLClientHandler(context: context, serverHostname: outbound.key.serverName)
            }
            return NIOSSLServerHandler(context: context)
        }
        lastNumber += 1
        let connection = StreamConnection(
            number: lastNumber, transport: context == nil ? .tcp : .tls, remote: remote, listener: listener,
            layer: self, hello: hello, tls: tls, outbound: outbound)
        let pipeline = channel.pipeline.syncOperations
        if let hello, let tls {
            try pipeline.addHandler(hello)
            try pipeline.addHandler(tls)
        }
        try pipeline.addHandler(connection)
        connections[connection.number] = connection
        if outbound == nil {
            accepted += 1
            sources[remote.address.rateKey, default: 0] += 1
        }
        sweep()
    }

    func removed(_ connection: StreamConnection) {
        guard connections.removeValue(forKey: connection.number) != nil, connection.listener >= 0 else { return }
        accepted -= 1
        let source = connection.remote.address.rateKey
        let left = sources[source, default: 1] - 1
        sources[source] = left > 0 ? left : nil
    }

    // MARK: Sending

    /// Sends on a flow.
    /// - Returns: false when the flow is gone or its socket takes nothing now.
    @discardableResult
    public func send(_ bytes: [UInt8], on flow: FlowID) -> Bool {
        switch flow.kind {
        case .connection(let number):
            return connections[number]?.send(bytes) ?? false
        case .datagram(let index, let remote):
            guard datagramSockets.indices.contains(index), destinations.allows(remote) else { return false }
            return datagramSockets[index].send(bytes, to: remote) == nil
        }
    }

    /// Sends to an address, over a connection opened from here where the transport has connections: one that is there to
    /// the same address by the same name, or a new one.
    ///
    /// The observer hears `sent` or `sendFailed` with the ticket, later on the loop.
    /// - Parameter tlsServerName: the domain that the server's certificate must cover (RFC 5922 section 7.3), and SNI;
    ///   nil: the address itself.
    public func send(
        _ bytes: [UInt8], to remote: Endpoint, transport: TransportKind, tlsServerName: String? = nil, ticket: UInt64
    ) {
        guard !isShutDown else { return fail(ticket, .closed) }
        guard destinations.allows(remote) else { return fail(ticket, .invalidAddress) }
        if transport == .udp {
            guard let socket = datagramSocket(toward: remote) else {
                return openDatagramSocket(toward: remote, bytes, ticket: ticket)
            }
            return sendDatagram(bytes, to: remote, from: socket, ticket: ticket)
        }
        let name = tlsServerName.flatMap { IPAddress($0) == nil ? $0.lowercased() : nil }
        let key = OutboundConnection.Key(
            remote: remote, transport: transport, serverName: transport == .tls ? name : nil)
        if let existing = outbound[key], existing.connection?.isReusable ?? true {
            return existing.send(bytes, ticket: ticket)
        }
        guard transport == .tcp || clientTLS != nil else { return fail(ticket, .noTLS) }
        guard connections.count - accepted < limits.connections else { return fail(ticket, .connectionLimit) }
        let opening = OutboundConnection(key: key, layer: self)
        outbound[key] = opening
        opening.send(bytes, ticket: ticket)
        opening.connect(tls: transport == .tls ? clientTLS : nil)
    }

    /// The UDP address that a message to there leaves from, for its Via; may be unspecified (see `LocalAddress`). Nil
    /// when no bound socket reaches it.
    public func datagramSource(toward remote: Endpoint) -> Endpoint? {
        datagramSocket(toward: remote)?.bound
    }

    private func datagramSocket(toward remote: Endpoint) -> DatagramSocket? {
        // Loopback by a socket of loopback where there is one; everything else by listeners before own sockets.
        let candidates = datagramSockets.filter { $0.reaches(remote) }
        return candidates.first { $0.bound.address.isLoopback } ?? candidates.first
    }

    private func sendDatagram(_ bytes: [UInt8], to remote: Endpoint, from socket: DatagramSocket, ticket: UInt64) {
        if let failure = socket.send(bytes, to: remote) { return fail(ticket, failure) }
        let flow = FlowID(.datagram(socket: socket.index, remote: remote))
        tell { $0.sent(ticket, on: flow) }
    }

    /// A socket of its own for a family that no listener serves.
    private func openDatagramSocket(toward remote: Endpoint, _ bytes: [UInt8], ticket: UInt64) {
        let family = remote.address.family
        // One that is being bound or bound again will serve when it is there; until then nothing can leave.
        guard !datagramSockets.contains(where: { $0.listener < 0 && $0.bound.address.family == family }) else {
            return fail(ticket, .unreachable)
        }
        let unspecified = family == .v4 ? IPAddress(v4: 0) : IPAddress(v6High: 0, low: 0)
        let any = Endpoint(source?.family == family ? source ?? unspecified : unspecified, port: 0)
        bindDatagrams(any, listener: -1, sharesPort: false).assumeIsolated().whenComplete { _ in
            guard let socket = self.datagramSocket(toward: remote) else { return self.fail(ticket, .unreachable) }
            self.sendDatagram(bytes, to: remote, from: socket, ticket: ticket)
        }
    }

    /// Closes a connection once what was sent on it has left. Nothing happens for a UDP flow.
    public func close(_ flow: FlowID) {
        guard case .connection(let number) = flow.kind else { return }
        connections[number]?.drain(.closedHere)
    }

    func forget(_ connection: OutboundConnection) {
        if outbound[connection.key] === connection { outbound[connection.key] = nil }
    }

    func fail(_ ticket: UInt64, _ reason: SendFailure) {
        tell { $0.sendFailed(ticket, reason: reason) }
    }

    /// Tells the observer something when the call in progress is over.
    func tell(_ message: @escaping (any TransportObserver) -> Void) {
        loop.assumeIsolated().execute {
            if let observer = self.observer { message(observer) }
        }
    }

    // MARK: Work that is put together

    /// All that is written during one round of the loop leaves together.
    func willFlush(_ connection: StreamConnection) {
        unflushed.append(connection)
        guard unflushed.count == 1 else { return }
        loop.assumeIsolated().execute {
            let waiting = self.unflushed
            self.unflushed = []
            for connection in waiting { connection.flush() }
        }
    }

    private func sweep() {
        guard !isSweeping, !connections.isEmpty else { return }
        isSweeping = true
        loop.assumeIsolated().scheduleTask(in: limits.sweepInterval) {
            self.isSweeping = false
            let now = NIODeadline.now()
            for connection in self.connections.values { connection.checkDeadline(now) }
            self.sweep()
        }
    }

    // MARK: Ending

    /// Takes no new connections; those that are open, and UDP, go on.
    public func stopListening() {
        for listener in listeners { listener.close(promise: nil) }
        listeners = []
    }

    /// Closes everything. The observer hears `closed` for each open flow.
    public func shutdown() {
        guard !isShutDown else { return }
        isShutDown = true
        stopListening()
        for socket in datagramSockets { socket.stop() }
        for connection in connections.values {
            connection.flush()
            connection.close(.shutdown)
        }
        for connection in outbound.values { connection.give(up: .closed) }
    }
}

/// Stands before NIO's acceptor and turns connections away before anything is spent on them.
private final class AdmissionHandler: ChannelInboundHandler {
    typealias InboundIn = any Channel
    typealias InboundOut = any Channel

    private let layer: TransportLayer
    private let listener: Int

    init(layer: TransportLayer, listener: Int) {
        self.layer = layer
        self.listener = listener
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        let channel = unwrapInboundIn(data)
        guard layer.admits(channel, listener: listener) else {
            // A reset instead of a farewell: no state stays behind for somebody who is not wanted.
            _ = try? channel.pipeline.syncOperations.withUnsafeTransportIfAvailable(of: NIOBSDSocket.Handle.self) {
                var linger = Glibc.linger(l_onoff: 1, l_linger: 0)
                setsockopt($0, SOL_SOCKET, SO_LINGER, &linger, socklen_t(MemoryLayout<Glibc.linger>.size))
            }
            channel.close(promise: nil)
            return
        }
        context.fireChannelRead(data)
    }

    /// A connection that failed while it was set up concerns nobody else.
    func errorCaught(context: ChannelHandlerContext, error: any Error) {}
}
