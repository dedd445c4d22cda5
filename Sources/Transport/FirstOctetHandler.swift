internal import NIOCore

/// Stands on an accepted connection of a TLS listener until its first octet, which tells plain SIP from TLS: plain SIP
/// goes on without TLS, so that it can be answered by a refusal that its sender understands.
final class FirstOctetHandler: ChannelInboundHandler, RemovableChannelHandler {
    typealias InboundIn = ByteBuffer

    private let connection: StreamConnection
    private let addTLS: (ChannelPipeline.SynchronousOperations, _ position: FirstOctetHandler) throws -> Void
    private var isDecided = false

    init(
        _ connection: StreamConnection,
        addTLS: @escaping (ChannelPipeline.SynchronousOperations, _ position: FirstOctetHandler) throws -> Void
    ) {
        self.connection = connection
        self.addTLS = addTLS
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        guard !isDecided, let first = unwrapInboundIn(data).readableBytesView.first else {
            return context.fireChannelRead(data)
        }
        isDecided = true
        let pipeline = context.pipeline.syncOperations
        // A method begins with a letter, a ClientHello with 0x16. What is neither goes the way of TLS, and fails there.
        if (UInt8(ascii: "A")...UInt8(ascii: "Z")).contains(first & 0xdf) {
            connection.becomePlain()
        } else {
            do { try addTLS(pipeline, self) } catch { return context.fireErrorCaught(error) }
        }
        context.fireChannelRead(data)
        pipeline.removeHandler(self, promise: nil)
    }
}
