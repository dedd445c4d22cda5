internal import CoreTypes
internal import NIOCore
internal import NIOPosix
internal import NIOSSL
internal import TransportSecurity

/// A connection that was opened from here, and the messages that wait for it.
final class OutboundConnection {
    struct Key: Hashable {
        var remote: Endpoint
        var transport: TransportKind
        /// In lower case; nil: the server is called by its address.
        var serverName: String?

        /// - Parameter name: of a TLS server; what is an address is none.
        init(_ remote: Endpoint, _ transport: TransportKind, name: String?) {
            self.remote = remote
            self.transport = transport
            serverName = transport == .tls ? name.flatMap { IPAddress($0) == nil ? $0.lowercased() : nil } : nil
        }

        /// What the server's certificate must cover.
        var expectedName: String { serverName ?? remote.address.description }
    }

    let key: Key
    private let layer: TransportLayer
    private var queue: [(bytes: [UInt8], ticket: UInt64)] = []
    private var queuedBytes = 0
    private(set) var connection: StreamConnection?
    private var isGivenUp = false

    init(key: Key, layer: TransportLayer) {
        self.key = key
        self.layer = layer
    }

    func send(_ bytes: [UInt8], ticket: UInt64) {
        if let connection {
            if connection.send(bytes) {
                layer.tell { $0.sent(ticket, on: connection.id) }
            } else {
                layer.fail(ticket, .closed)
            }
            return
        }
        guard queue.count < layer.limits.queuedMessages, queuedBytes + bytes.count <= layer.limits.queuedBytes else {
            return layer.fail(ticket, .congested)
        }
        queue.append((bytes, ticket))
        queuedBytes += bytes.count
    }

    func connect(tls context: TLSContext?) {
        let this = NIOLoopBound((self, context), eventLoop: layer.loop)
        var bootstrap = ClientBootstrap(group: layer.loop)
            .connectTimeout(layer.limits.connectTimeout)
            .channelOption(.tcpOption(.tcp_nodelay), value: 1)
            .channelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    let (outbound, context) = this.value
                    try outbound.layer.addHandlers(to: channel, outbound: outbound, tls: context)
                }
            }
        layer.bound {
            if let source = layer.source {
                bootstrap = bootstrap.bind(to: try Endpoint(source, port: 0).socketAddress())
            }
            return try bootstrap.connect(to: key.remote.socketAddress())
        }.assumeIsolated()
            .whenFailure { error in
                if case ChannelError.connectTimeout = error {
                    self.give(up: .connectTimeout)
                } else {
                    self.give(up: error is NIOSSLExtraError ? .nameMismatch : .connectionRefused)
                }
            }
    }

    func opened(_ connection: StreamConnection) {
        self.connection = connection
        let waiting = queue
        queue = []
        queuedBytes = 0
        for (bytes, ticket) in waiting { send(bytes, ticket: ticket) }
    }

    func closed() {
        give(up: .closed)
    }

    /// Fails all that waits; a later message makes a new connection.
    func give(up reason: SendFailure) {
        guard !isGivenUp else { return }
        isGivenUp = true
        layer.forget(self)
        for (_, ticket) in queue { layer.fail(ticket, reason) }
        queue = []
    }
}
