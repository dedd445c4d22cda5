internal import CoreTypes
internal import NIOCore

/// Stands alone on a connection from a load balancer until its PROXY header is read, and then makes room for what any
/// other connection has.
final class ProxyHeaderHandler: ChannelInboundHandler, RemovableChannelHandler {
    typealias InboundIn = ByteBuffer
    typealias InboundOut = ByteBuffer

    /// Of the load balancer.
    let remote: Endpoint
    let listener: StreamListener
    /// Of the header and the handshake together.
    let deadline: NIODeadline
    private let layer: TransportLayer
    private var channel: (any Channel)?
    private var received = ByteBuffer()
    private var isDone = false

    init(remote: Endpoint, listener: StreamListener, layer: TransportLayer) {
        self.remote = remote
        self.listener = listener
        self.layer = layer
        deadline = .now() + layer.limits.handshakeTimeout
    }

    func handlerAdded(context: ChannelHandlerContext) {
        channel = context.channel
        layer.began(self)
    }

    func handlerRemoved(context: ChannelHandlerContext) {
        layer.ended(self)
        channel = nil
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        guard !isDone else { return }
        var read = unwrapInboundIn(data)
        received.writeBuffer(&read)
        switch ProxyHeader.read(received.readableBytesView) {
        case .needMore: return
        case .invalid: refuse()
        case .found(let header):
            isDone = true
            received.moveReaderIndex(forwardBy: header.length)
            // No longer one of those that wait, so that it is not counted twice.
            layer.ended(self)
            let client = header.source ?? remote
            guard layer.admits(client, listener: listener.index) else { return context.channel.reset() }
            do {
                try layer.addHandlers(to: context.channel, remote: client, listener: listener, deadline: deadline)
            } catch {
                return context.channel.reset()
            }
            if received.readableBytes > 0 { context.fireChannelRead(wrapInboundOut(received)) }
            context.pipeline.syncOperations.removeHandler(self, promise: nil)
        }
    }

    func checkDeadline(_ now: NIODeadline) {
        if deadline <= now { refuse() }
    }

    func channelInactive(context: ChannelHandlerContext) {
        // One that says nothing and goes, as a plain check of the port does, is no fault.
        isDone = true
        context.fireChannelInactive()
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        close()
    }

    func close() {
        isDone = true
        channel?.reset()
    }

    private func refuse() {
        guard !isDone else { return }
        close()
        layer.observer?.refused(connectionFrom: remote, listener: listener.index, reason: .proxyHeader)
    }
}
