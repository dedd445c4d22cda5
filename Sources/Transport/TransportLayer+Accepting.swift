internal import CoreTypes
internal import Glibc
internal import NIOCore
internal import NIOPosix
internal import NIOSSL
internal import TransportSecurity

/// What connections are accepted for.
struct StreamListener: Sendable {
    var index: Int
    var transport: TransportKind
    var proxies: [IPNetwork]
    var answersPlain: Bool

    func trusts(_ address: IPAddress) -> Bool { proxies.contains { $0.contains(address) } }
}

extension TransportLayer {
    /// The peer of a connection that NIO has not registered yet.
    fileprivate static func peer(of channel: any Channel) -> Endpoint? {
        let descriptor = try? channel.pipeline.syncOperations.withUnsafeTransportIfAvailable(
            of: NIOBSDSocket.Handle.self, { $0 })
        return descriptor.flatMap { Endpoint(descriptor: $0, getpeername) }
    }

    /// Whether an accepted connection may go on.
    fileprivate func admits(_ channel: any Channel, listener: StreamListener) -> Bool {
        guard !isShutDown, let remote = Self.peer(of: channel) else { return false }
        // Who its client is, and so whether it may go on, only its header tells.
        guard listener.trusts(remote.address) else { return admits(remote, listener: listener.index) }
        guard accepted + preludes.count < limits.connections else {
            observer?.refused(connectionFrom: remote, listener: listener.index, reason: .connections)
            return false
        }
        return true
    }

    /// Whether a connection of a client may go on. Asks the observer first, so that it counts all of them.
    func admits(_ remote: Endpoint, listener: Int) -> Bool {
        guard !isShutDown, let observer else { return false }
        let refusal: AdmissionRefusal?
        if !observer.admit(connectionFrom: remote, listener: listener) {
            refusal = .observer
        } else if accepted + preludes.count >= limits.connections {
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

    /// Makes an admitted channel one of the layer's connections, at once or when its PROXY header is read.
    func accepted(_ channel: any Channel, by listener: StreamListener) throws {
        guard let remote = Self.peer(of: channel) else { throw ListenError.shutDown }
        guard listener.trusts(remote.address) else {
            return try addHandlers(to: channel, remote: remote, listener: listener, deadline: nil)
        }
        try channel.pipeline.syncOperations.addHandler(
            ProxyHeaderHandler(remote: remote, listener: listener, layer: self))
    }

    func began(_ prelude: ProxyHeaderHandler) {
        preludes[ObjectIdentifier(prelude)] = prelude
        sweep()
    }

    func ended(_ prelude: ProxyHeaderHandler) {
        preludes[ObjectIdentifier(prelude)] = nil
    }

    /// - Parameter deadline: of the handshake; nil: a whole `handshakeTimeout` from now.
    func addHandlers(
        to channel: any Channel, remote: Endpoint, listener: StreamListener, deadline: NIODeadline?
    ) throws {
        let connection = StreamConnection(
            number: nextNumber(), transport: listener.transport, remote: remote, listener: listener.index, layer: self,
            outbound: nil, deadline: deadline)
        let pipeline = channel.pipeline.syncOperations
        if listener.transport == .tls {
            guard let context = serverTLS else { throw ListenError.noTLSContext }
            if listener.answersPlain {
                let gate = FirstOctetHandler(connection) { [loop] pipeline, gate in
                    let tls = context.serverHandler(on: loop, onFault: connection.refuseCertificate)
                    try Self.addTLS(tls, of: connection, .after(gate), pipeline)
                }
                try pipeline.addHandler(gate)
            } else {
                let tls = context.serverHandler(on: loop, onFault: connection.refuseCertificate)
                try Self.addTLS(tls, of: connection, .last, pipeline)
            }
        }
        register(connection)
        accepted += 1
        sources[remote.address.rateKey, default: 0] += 1
        try pipeline.addHandler(connection)
    }

    /// Makes a channel that was opened from here one of the layer's connections.
    func addHandlers(to channel: any Channel, outbound: OutboundConnection, tls context: TLSContext?) throws {
        let connection = StreamConnection(
            number: nextNumber(), transport: context == nil ? .tcp : .tls, remote: outbound.key.remote, listener: -1,
            layer: self, outbound: outbound)
        let pipeline = channel.pipeline.syncOperations
        if let context {
            let tls = try context.clientHandler(
                name: outbound.key.serverName, on: loop, onFault: connection.refuseCertificate)
            try Self.addTLS(tls, of: connection, .last, pipeline)
        }
        register(connection)
        try pipeline.addHandler(connection)
    }

    private static func addTLS(
        _ tls: NIOSSLHandler, of connection: StreamConnection,
        _ position: ChannelPipeline.SynchronousOperations.Position, _ pipeline: ChannelPipeline.SynchronousOperations
    ) throws {
        let hello = ServerHelloReader(side: tls is NIOSSLServerHandler ? .server : .client)
        connection.secure(by: tls, hello)
        try pipeline.addHandlers([hello, tls], position: position)
    }

    private func nextNumber() -> UInt64 {
        lastNumber += 1
        return lastNumber
    }

    private func register(_ connection: StreamConnection) {
        connections[connection.number] = connection
        sweep()
    }

    func removed(_ connection: StreamConnection) {
        guard connections.removeValue(forKey: connection.number) != nil else { return }
        for key in connection.aliases where aliases[key] == connection.number { aliases[key] = nil }
        guard connection.listener >= 0 else { return }
        accepted -= 1
        let source = connection.remote.address.rateKey
        let left = sources[source, default: 1] - 1
        sources[source] = left > 0 ? left : nil
    }
}

/// Stands before NIO's acceptor and turns connections away before anything is spent on them.
final class AdmissionHandler: ChannelInboundHandler {
    typealias InboundIn = any Channel
    typealias InboundOut = any Channel

    private let layer: TransportLayer
    private let listener: StreamListener

    init(layer: TransportLayer, listener: StreamListener) {
        self.layer = layer
        self.listener = listener
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        let channel = unwrapInboundIn(data)
        guard layer.admits(channel, listener: listener) else { return channel.reset() }
        context.fireChannelRead(data)
    }

    /// A connection that failed while it was set up concerns nobody else.
    func errorCaught(context: ChannelHandlerContext, error: any Error) {}
}

extension Channel {
    /// Closes by a reset instead of a farewell: no state stays behind for somebody who is not wanted.
    func reset() {
        _ = try? pipeline.syncOperations.withUnsafeTransportIfAvailable(of: NIOBSDSocket.Handle.self) {
            var linger = Glibc.linger(l_onoff: 1, l_linger: 0)
            setsockopt($0, SOL_SOCKET, SO_LINGER, &linger, socklen_t(MemoryLayout<Glibc.linger>.size))
        }
        close(promise: nil)
    }
}
