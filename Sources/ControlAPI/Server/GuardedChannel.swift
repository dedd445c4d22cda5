internal import CoreTypes
internal import HummingbirdCore
internal import Logging
internal import NIOCore
internal import NIOHTTPTypes
internal import NIOSSL
internal import NIOTLS
internal import Synchronization

/// Connections as the framework serves them, within bounds that it has none for: so many from one source, and a time for
/// TLS's handshake.
struct GuardedChannel<Base: ServerChildChannel>: ServerChildChannel {
    let base: Base
    let handshake: TimeAmount
    /// Nil: the sources are not counted.
    let places: SourcePlaces?

    func setup(channel: any Channel, logger: Logger) -> EventLoopFuture<Base.Value> {
        if let places, let source = channel.remoteAddress?.ipAddress.flatMap({ IPAddress($0)?.rateKey }) {
            guard places.enter(source) else {
                // A failed set-up alone leaves it open.
                channel.close(promise: nil)
                return channel.eventLoop.makeFailedFuture(TooManyConnections(source: source))
            }
            channel.closeFuture.whenComplete { _ in places.leave(source) }
        }
        return base.setup(channel: channel, logger: logger).flatMapThrowing { value in
            let pipeline = channel.pipeline.syncOperations
            if let tls = try? pipeline.handler(type: NIOSSLServerHandler.self) {
                try pipeline.addHandler(HandshakeDeadline(handshake), position: .after(tls))
            }
            return value
        }
    }

    func handle(value: Base.Value, logger: Logger) async {
        await base.handle(value: value, logger: logger)
    }
}

struct TooManyConnections: Error {
    let source: IPAddress
}

/// How many connections each source has open.
final class SourcePlaces: Sendable {
    private let most: Int
    /// As long as there are connections: `ControlLimits.connections` bounds it.
    private let counts = Mutex<[IPAddress: Int]>([:])

    init(most: Int) {
        self.most = most
    }

    /// - Returns: false when the source has all that it may have. Each true is followed by one ``leave(_:)``.
    func enter(_ source: IPAddress) -> Bool {
        counts.withLock { counts in
            let count = counts[source, default: 0]
            guard count < most else { return false }
            counts[source] = count + 1
            return true
        }
    }

    func leave(_ source: IPAddress) {
        counts.withLock { counts in
            guard let count = counts[source] else { return }
            counts[source] = count > 1 ? count - 1 : nil
        }
    }
}

/// Closes a connection whose TLS handshake takes too long, however busy it looks meanwhile.
private final class HandshakeDeadline: ChannelInboundHandler, RemovableChannelHandler {
    typealias InboundIn = ByteBuffer

    private let limit: TimeAmount
    private var deadline: Scheduled<Void>?

    init(_ limit: TimeAmount) {
        self.limit = limit
    }

    func handlerAdded(context: ChannelHandlerContext) {
        deadline = context.closing(in: limit)
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        if let event = event as? TLSUserEvent, case .handshakeCompleted = event { deadline?.cancel() }
        context.fireUserInboundEventTriggered(event)
    }

    func handlerRemoved(context: ChannelHandlerContext) {
        deadline?.cancel()
    }
}

/// Closes a connection that brings no whole head of a request in time: the framework's own limit is for silence, and a
/// client that sends an octet now and then is never silent.
final class HeadDeadline: ChannelDuplexHandler, RemovableChannelHandler {
    typealias InboundIn = HTTPRequestPart
    typealias OutboundIn = HTTPResponsePart

    /// To the first head, and from the end of an answer to the next one.
    private let first: TimeAmount
    private let next: TimeAmount
    private var deadline: Scheduled<Void>?
    /// Requests whose answers have not ended; more than one where a client does not wait for them.
    private var unanswered = 0

    init(first: TimeAmount, next: TimeAmount) {
        self.first = first
        self.next = next
    }

    func handlerAdded(context: ChannelHandlerContext) {
        deadline = context.closing(in: first)
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        if case .head = unwrapInboundIn(data) {
            unanswered += 1
            deadline?.cancel()
        }
        context.fireChannelRead(data)
    }

    func write(context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?) {
        if case .end = unwrapOutboundIn(data) {
            unanswered -= 1
            if unanswered <= 0 { deadline = context.closing(in: next) }
        }
        context.write(data, promise: promise)
    }

    func handlerRemoved(context: ChannelHandlerContext) {
        deadline?.cancel()
    }
}

extension ChannelHandlerContext {
    fileprivate func closing(in delay: TimeAmount) -> Scheduled<Void> {
        let channel = channel
        return eventLoop.scheduleTask(in: delay) { channel.close(promise: nil) }
    }
}
