internal import NIOCore
internal import NIOPosix
internal import NIOSSL
internal import NIOTLS
internal import Synchronization
internal import Witness

#if canImport(Musl)
    internal import Musl
#else
    internal import Glibc
#endif

/// Sends syslog messages over one connection at a time. A batch counts as delivered when the receiver's TCP has
/// acknowledged its last octet; `loss()` tells when the connection ended afterwards.
final class SyslogSink: Sink {
    private struct State {
        var channel: (any Channel)?
        /// Why the connection ended, until somebody has asked.
        var ended: String?
    }

    private let host: String
    private let port: Int
    private let tls: NIOSSLContext?
    private let message: SyslogMessage
    private let patience: Duration
    private let state = Mutex(State())

    init(host: String, port: Int, tls: NIOSSLContext?, message: SyslogMessage, patience: Duration) {
        self.host = host
        self.port = port
        self.tls = tls
        self.message = message
        self.patience = patience
    }

    func deliver(_ records: [OutgoingRecord]) async throws(DeliveryError) {
        do {
            let channel = try await connected()
            var buffer = ByteBuffer()
            for record in records {
                if let frame = message.frame(record) { buffer.writeBytes(frame) }
            }
            // A receiver that reads nothing keeps the octets in this system's buffers.
            let limit = channel.eventLoop.scheduleTask(in: .nanoseconds(Int64(patience / .nanoseconds(1)))) {
                channel.close(promise: nil)
            }
            defer { limit.cancel() }
            try await channel.writeAndFlush(buffer)
            try await acknowledged(channel)
        } catch let error as DeliveryError {
            await close()
            throw error
        } catch {
            await close()
            throw DeliveryError(description: "\(host):\(port): \(error)")
        }
    }

    func loss() -> String? {
        state.withLock { state in
            defer { state.ended = nil }
            return state.ended
        }
    }

    func close() async {
        let channel = state.withLock { state in
            defer { state.channel = nil }
            return state.channel
        }
        // An error says that it is closed already.
        try? await channel?.close()
    }

    private func connected() async throws -> any Channel {
        let (open, ended) = state.withLock { ($0.channel, $0.ended) }
        // Nothing goes over a new connection before what was on the old one has been looked after.
        if let ended { throw DeliveryError(description: "\(host):\(port): \(ended)") }
        if let open, open.isActive { return open }
        let secured = ConnectionSecured()
        let channel = try await ClientBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .connectTimeout(.seconds(10))
            .channelOption(.socketOption(.so_keepalive), value: 1)
            .channelInitializer { [tls, host] channel in
                channel.eventLoop.makeCompletedFuture {
                    if let tls {
                        let name = Self.isAddress(host) ? nil : host
                        try channel.pipeline.syncOperations.addHandler(
                            NIOSSLClientHandler(context: tls, serverHostname: name))
                    }
                    try channel.pipeline.syncOperations.addHandler(
                        ConnectionWatch(secured: secured, isSecure: tls != nil))
                }
            }
            .connect(host: host, port: port).get()
        do {
            let limit = channel.eventLoop.scheduleTask(in: .seconds(10)) { channel.close(promise: nil) }
            defer { limit.cancel() }
            try await secured.wait(on: channel)
        } catch {
            try? await channel.close()
            throw error
        }
        state.withLock { $0.channel = channel }
        channel.closeFuture.whenComplete { [weak self] _ in
            self?.state.withLock { state in
                guard let open = state.channel, open === channel else { return }
                state.channel = nil
                state.ended = "the connection has ended"
            }
        }
        return channel
    }

    private static func isAddress(_ host: String) -> Bool {
        host.contains(":") || host.allSatisfy { $0.isNumber || $0 == "." }
    }

    /// Looks at TCP_INFO until nothing waits for an acknowledgement any more.
    private func acknowledged(_ channel: any Channel) async throws {
        guard let options = channel as? any SocketOptionProvider else { return }
        var pause = 1
        while true {
            let info: TCPProgress = try await options.unsafeGetSocketOption(
                level: NIOBSDSocket.OptionLevel.tcp, name: NIOBSDSocket.Option.tcp_info
            ).get()
            if info.isAllAcknowledged { return }
            guard channel.isActive else {
                throw DeliveryError(description: "\(host):\(port): the connection has ended")
            }
            try await Task.sleep(for: .milliseconds(pause))
            pause = min(50, pause * 2)
        }
    }
}

/// As much of Linux' `struct tcp_info` (linux/tcp.h, 4.6 and later) as says what is under way: 152 octets.
private struct TCPProgress: Sendable {
    var words:
        (
            UInt64, UInt64, UInt64, UInt64, UInt64, UInt64, UInt64, UInt64, UInt64, UInt64, UInt64, UInt64, UInt64,
            UInt64, UInt64, UInt64, UInt64, UInt64, UInt64
        )

    /// `tcpi_unacked` (offset 24): segments sent and not acknowledged; `tcpi_notsent_bytes` (offset 144).
    var isAllAcknowledged: Bool {
        UInt32(truncatingIfNeeded: words.3) == 0 && UInt32(truncatingIfNeeded: words.18) == 0
    }
}

/// Tells when a connection may be written to: at once, or behind the handshake.
private final class ConnectionSecured: Sendable {
    private let result = Mutex<Result<Void, any Error>?>(nil)

    func tell(_ result: Result<Void, any Error>) {
        self.result.withLock { $0 = $0 ?? result }
    }

    func wait(on channel: any Channel) async throws {
        while true {
            if let result = result.withLock({ $0 }) { return try result.get() }
            guard channel.isActive else { throw DeliveryError(description: "the handshake was broken off") }
            try await Task.sleep(for: .milliseconds(2))
        }
    }
}

/// Throws away what a receiver says, since syslog has no answers, and closes after any error.
private final class ConnectionWatch: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer

    private let secured: ConnectionSecured
    private let isSecure: Bool

    init(secured: ConnectionSecured, isSecure: Bool) {
        self.secured = secured
        self.isSecure = isSecure
    }

    func channelActive(context: ChannelHandlerContext) {
        if !isSecure { secured.tell(.success(())) }
        context.fireChannelActive()
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        if case .handshakeCompleted? = event as? TLSUserEvent { secured.tell(.success(())) }
        context.fireUserInboundEventTriggered(event)
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {}

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        secured.tell(.failure(error))
        context.close(promise: nil)
    }
}
