public import NIOCore

/// Stands below `NIOSSLHandler` and reads which cipher suite was negotiated, which NIOSSL does not tell.
///
/// On the server's side it looks at what is written, on the client's at what is read; it changes nothing and removes itself
/// when it knows. Keep the reference, and ask for `cipherSuite` once the handshake is done.
public final class ServerHelloReader: ChannelDuplexHandler, RemovableChannelHandler {
    public typealias InboundIn = ByteBuffer
    public typealias InboundOut = ByteBuffer
    public typealias OutboundIn = ByteBuffer
    public typealias OutboundOut = ByteBuffer

    public enum Side: Sendable {
        case server
        case client
    }

    private let side: Side
    private var parser = ServerHelloParser()
    private var isDone = false

    /// IANA's name of the suite, such as `TLS_AES_256_GCM_SHA384`; nil as long as it is not known.
    public private(set) var cipherSuite: String?

    public init(side: Side) {
        self.side = side
    }

    public func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        // Examined first: what comes of passing it on may be the end of the handshake, and then the suite is asked for.
        if side == .client, !isDone { examine(unwrapInboundIn(data), context) }
        context.fireChannelRead(data)
    }

    public func write(context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?) {
        if side == .server, !isDone { examine(unwrapOutboundIn(data), context) }
        context.write(data, promise: promise)
    }

    private func examine(_ bytes: ByteBuffer, _ context: ChannelHandlerContext) {
        switch parser.consume(bytes.readableBytesView) {
        case .needMore: return
        case .suite(let code): cipherSuite = CipherSuite.name(of: code)
        case .none: break
        }
        isDone = true
        // Not at once: a handler that leaves in the middle of a write takes the flush behind it along. That the whole
        // pipeline may be gone by then is no error.
        let pipeline = context.pipeline
        context.eventLoop.assumeIsolated().execute {
            pipeline.syncOperations.removeHandler(self, promise: nil)
        }
    }
}
