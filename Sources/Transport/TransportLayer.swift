public import CoreTypes
internal import Glibc
public import NIOCore
internal import NIOPosix
public import TransportSecurity

/// The sockets of one event loop: listens, frames, connects, sends.
///
/// Everything here is called on the loop and calls its observer there. Nothing in it waits or locks, but for the pause
/// that `ownsLoop` allows. It lives until `shutdown()`, which lets go of the sockets and through them of the layer.
public final class TransportLayer {
    public let loop: any EventLoop
    public let limits: TransportLimits
    /// The address that connections and own sockets leave from; nil leaves it to the routing table.
    let source: IPAddress?
    let sharing: PortSharing
    /// Whether nobody else is on the loop, so that it may pause.
    private let ownsLoop: Bool
    weak var observer: (any TransportObserver)?
    var serverTLS: TLSContext?
    var clientTLS: TLSContext?
    let destinations: Destinations

    private(set) var datagramSockets: [DatagramSocket] = []
    private var listeners: [any Channel] = []
    /// Where connections are accepted.
    private(set) var streamListeners: [(transport: TransportKind, endpoint: Endpoint)] = []
    /// Connections of load balancers whose header is still to come.
    var preludes: [ObjectIdentifier: ProxyHeaderHandler] = [:]
    var connections: [UInt64: StreamConnection] = [:]
    /// Accepted connections of each source.
    var sources: [IPAddress: Int] = [:]
    var accepted = 0
    var outbound: [OutboundConnection.Key: OutboundConnection] = [:]
    /// Accepted connections that messages from here may use, by their numbers (RFC 5923).
    var aliases: [OutboundConnection.Key: UInt64] = [:]
    var localAddresses = BoundedTable<IPAddress, LocalAddress.Known>(capacity: 1024)
    var lastNumber: UInt64
    private var gatherings = 0
    private var polled = 0
    private var unflushed: [StreamConnection] = []
    private var messagesInRound = 0
    private var streamPace = ReadingPace()
    private var isSweeping = false
    private(set) var isShutDown = false

    /// - Parameters:
    ///   - observer: held weakly.
    ///   - serverTLS: for TLS listeners.
    ///   - clientTLS: for TLS connections opened from here.
    ///   - sharing: this layer's place among others that listen on the same addresses.
    ///   - ownsLoop: whether nobody else has work on the loop: where many messages come over connections it then pauses for
    ///     a millisecond now and then, so that several are dealt with together.
    ///   - source: an address of this machine that what is opened from here leaves from; nil: the system chooses.
    public init(
        loop: any EventLoop, limits: TransportLimits = TransportLimits(), observer: any TransportObserver,
        serverTLS: TLSContext? = nil, clientTLS: TLSContext? = nil, sharing: PortSharing = .alone,
        ownsLoop: Bool = false,
        source: IPAddress? = nil
    ) {
        self.sharing = sharing
        self.ownsLoop = ownsLoop
        lastNumber = FlowID.firstConnection(of: sharing)
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
    public var connectionCount: Int { connections.count + preludes.count }

    /// New connections use these contexts; those that are open keep theirs, but for peers whose certificate does not
    /// count by the new ones: they are closed.
    /// - Returns: the flows that are closed, and why.
    @discardableResult
    public func replaceTLS(server: TLSContext?, client: TLSContext?) -> [(flow: Flow, fault: CertificateFault)] {
        serverTLS = server
        clientTLS = client
        return connections.values.compactMap { connection in
            guard let flow = connection.flow, let peer = flow.security?.peer,
                let fault = fault(of: peer, isServer: connection.listener < 0)
            else { return nil }
            connection.close(.peerRefused)
            return (flow, fault)
        }
    }

    /// What speaks against a peer's certificate by the contexts of now.
    func fault(of peer: PeerIdentity, isServer: Bool) -> CertificateFault? {
        (isServer ? clientTLS : serverTLS)?.verifier?.fault(of: peer)
    }

    // MARK: Listening

    /// Why a listener can't be had.
    public enum ListenError: Error, Sendable, Equatable {
        case noTLSContext
        /// The PROXY protocol is not for datagrams.
        case proxiesOfDatagrams
        case shutDown
    }

    /// Binds a socket; fails with the system's error, such as that of a port in use.
    ///
    /// A socket for `[::]` takes IPv4, too, unless a listener for the same port of all IPv4 addresses came before it.
    /// - Parameters:
    ///   - index: what flows call this listener; not negative.
    ///   - proxies: load balancers, of TCP and TLS: what comes from there must begin with a PROXY header of version 2
    ///     within `handshakeTimeout`, and the client that it names is the flow's `remote` and what counts everywhere.
    ///   - answersPlain: of TLS: lets plain SIP in, as a flow of transport `.tcp` without `security`, so that it can be
    ///     told to use TLS. Only for an observer that then refuses all requests of it. Else it is a failed handshake.
    /// - Returns: the bound address, with the port that the system chose if 0 was asked for.
    public func listen(
        _ transport: TransportKind, on endpoint: Endpoint, index: Int, proxies: [IPNetwork] = [],
        answersPlain: Bool = false
    ) -> EventLoopFuture<Endpoint> {
        guard !isShutDown else { return loop.makeFailedFuture(ListenError.shutDown) }
        if transport == .udp {
            guard proxies.isEmpty else { return loop.makeFailedFuture(ListenError.proxiesOfDatagrams) }
            return bindDatagrams(endpoint, listener: index, sharesPort: sharing.count > 1)
        }
        guard transport == .tcp || serverTLS != nil else { return loop.makeFailedFuture(ListenError.noTLSContext) }
        let listener = StreamListener(
            index: index, transport: transport, proxies: proxies, answersPlain: answersPlain)
        let this = NIOLoopBound(self, eventLoop: loop)
        var bootstrap = ServerBootstrap(group: loop)
            .serverChannelOption(.backlog, value: 1024)
            .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
            .serverChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.addHandlers(
                        [AcceptBackoffHandler(), AdmissionHandler(layer: this.value, listener: listener)])
                }
            }
            .childChannelOption(.tcpOption(.tcp_nodelay), value: 1)
            .childChannelOption(.allowRemoteHalfClosure, value: transport == .tcp)
            .childChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try this.value.accepted(channel, by: listener)
                }
            }
        if sharing.count > 1 {
            bootstrap = bootstrap.serverChannelOption(.socketOption(.init(rawValue: CInt(SO_REUSEPORT))), value: 1)
        }
        let shadowed = listeners.contains { Endpoint($0.localAddress).map { shadows($0, endpoint) } ?? false }
        if endpoint.address.family == .v6 {
            bootstrap = bootstrap.serverChannelOption(.ipv6Only, value: shadowed ? 1 : 0)
        }
        return bound {
            try sharing.claim(transport, endpoint, isV6Only: shadowed)
            return try bootstrap.bind(to: endpoint.socketAddress())
        }.assumeIsolated().flatMapThrowing { channel in
            do {
                guard !self.isShutDown, let bound = Endpoint(channel.localAddress) else { throw ListenError.shutDown }
                try self.sharing.steer(channel)
                self.listeners.append(channel)
                self.streamListeners.append((transport, bound))
                return bound
            } catch {
                channel.close(promise: nil)
                throw error
            }
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

    /// Says later on the loop that a message was handed over, to those who want to know.
    func tellSent(_ ticket: UInt64, on flow: FlowID) {
        guard observer?.hearsSent == true else { return }
        tell { $0.sent(ticket, on: flow) }
    }

    /// Tells the observer something when the call in progress is over.
    func tell(_ message: @escaping (any TransportObserver) -> Void) {
        loop.assumeIsolated().execute {
            if let observer = self.observer { message(observer) }
        }
    }

    // MARK: Work that is put together

    /// Datagrams that are sent within the body leave together at its end.
    public func gather(_ body: () -> Void) {
        gatherings += 1
        body()
        gatherings -= 1
        if gatherings == 0 { for socket in datagramSockets { socket.flush() } }
    }

    var isGathering: Bool { gatherings > 0 }

    /// All that is written during one round of the loop leaves together.
    func willFlush(_ connection: StreamConnection) {
        unflushed.append(connection)
        guard unflushed.count == 1 else { return }
        loop.assumeIsolated().execute { self.flushStreams() }
    }

    private func flushStreams() {
        let waiting = unflushed
        unflushed = []
        for connection in waiting { connection.flush() }
    }

    /// A message has come over a connection; what follows from it, and from others of the same round of the loop, leaves
    /// together at its end.
    func beginRound() {
        messagesInRound += 1
        guard messagesInRound == 1 else { return }
        gatherings += 1
        loop.assumeIsolated().execute { self.endRound() }
    }

    /// Then, where messages come all the time, a loop of the layer's own waits a little for company: a round for each of them
    /// is a wake-up each, here and at the peers.
    private func endRound() {
        let messages = messagesInRound
        messagesInRound = 0
        gatherings -= 1
        for socket in datagramSockets where gatherings == 0 { socket.flush() }
        flushStreams()
        guard ownsLoop else { return }
        streamPace.count(messages, used: messages)
        guard streamPace.isHigh(at: NIODeadline.now().uptimeNanoseconds), messages < Self.busyRound else { return }
        usleep(Self.pause)
    }

    private static let busyRound = 16
    private static let pause: useconds_t = 1000

    /// A socket begins or ends to be looked at at intervals.
    func polls(_ isOn: Bool) {
        polled += isOn ? 1 : -1
        if polled == (isOn ? 1 : 0) { observer?.looking(isOn) }
    }

    func sweep() {
        guard !isSweeping, !connections.isEmpty || !preludes.isEmpty else { return }
        isSweeping = true
        loop.assumeIsolated().scheduleTask(in: limits.sweepInterval) {
            self.isSweeping = false
            let now = NIODeadline.now()
            for connection in self.connections.values { connection.checkDeadline(now) }
            for prelude in self.preludes.values { prelude.checkDeadline(now) }
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
        for prelude in preludes.values { prelude.close() }
        for connection in outbound.values { connection.give(up: .closed) }
    }
}
