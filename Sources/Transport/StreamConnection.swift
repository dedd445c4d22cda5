internal import CoreTypes
internal import NIOCore
internal import NIOSSL
internal import NIOTLS
internal import SIPMessage
internal import TransportSecurity

/// One TCP or TLS connection: framing, deadlines, and the flow that the observer knows it by.
///
/// Deadlines are kept as one moment per connection and looked at by the layer's sweep: a scheduled task each would make
/// every message pay for a cancellation.
final class StreamConnection: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    private enum Phase {
        /// Until the TCP connection, or the TLS handshake over it, is complete.
        case opening
        case open
        /// Nothing is read any more; what was written is still on its way out.
        case draining
        case closed
    }

    let number: UInt64
    private(set) var transport: TransportKind
    let remote: Endpoint
    let listener: Int
    private let layer: TransportLayer
    private var hello: ServerHelloReader?
    private var tls: NIOSSLHandler?
    /// Told once when the connection can be used or is given up before that.
    private let outbound: OutboundConnection?

    private var context: ChannelHandlerContext?
    private var phase = Phase.opening
    private var framer: StreamFramer
    private(set) var flow: Flow?
    private var closeReason: CloseReason?
    private var handshakeFailure: HandshakeFailure?
    private var needsFlush = false
    /// The next moment at which something must have happened, and what it means if it has not.
    private var deadline: NIODeadline
    private var meaning = CloseReason.idle
    private var hasReceivedMessage: Bool
    private var partialSince: NIODeadline?
    private var isHalfClosed = false
    /// Plain SIP to a TLS listener.
    private(set) var isPlainToTLS = false
    /// What it may be used as by messages towards its peer (RFC 5923).
    var aliases: [OutboundConnection.Key] = []

    /// - Parameters:
    ///   - transport: `.tls` needs `secure(by:_:)` or, of an accepted connection, `becomePlain()` afterwards.
    ///   - deadline: of the handshake; nil: a whole `handshake_timeout` from now.
    init(
        number: UInt64, transport: TransportKind, remote: Endpoint, listener: Int, layer: TransportLayer,
        outbound: OutboundConnection?, deadline: NIODeadline? = nil
    ) {
        self.number = number
        self.transport = transport
        self.remote = remote
        self.listener = listener
        self.layer = layer
        self.outbound = outbound
        framer = StreamFramer(maximumHeader: layer.limits.messageBytes, maximumMessage: layer.limits.messageBytes)
        // A server that we called need not speak first.
        hasReceivedMessage = outbound != nil
        let opening =
            outbound == nil
            ? layer.limits.handshakeTimeout : layer.limits.connectTimeout + layer.limits.handshakeTimeout
        self.deadline = deadline ?? .now() + opening
    }

    /// Names the handlers below that know about its TLS.
    func secure(by tls: NIOSSLHandler, _ hello: ServerHelloReader) {
        self.tls = tls
        self.hello = hello
    }

    /// The handshake is about to fail for the peer's certificate.
    func refuseCertificate(_ fault: CertificateFault) {
        handshakeFailure = HandshakeFailure(fault)
    }

    /// What was to be TLS is none: it goes on as TCP.
    func becomePlain() {
        guard phase == .opening else { return }
        transport = .tcp
        isPlainToTLS = true
        opened(nil)
    }

    var id: FlowID { FlowID(.connection(number)) }
    var isOpen: Bool { phase == .open }
    /// Whether messages of others may share it.
    var isReusable: Bool { phase == .open && !isHalfClosed }

    // MARK: From the channel

    func handlerAdded(context: ChannelHandlerContext) {
        self.context = context
        // Behind a PROXY header the channel has been active for a while.
        if context.channel.isActive, transport == .tcp { opened(nil) }
    }

    func handlerRemoved(context: ChannelHandlerContext) {
        ended()
        self.context = nil
    }

    func channelActive(context: ChannelHandlerContext) {
        if transport == .tcp { opened(nil) }
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        switch event {
        case TLSUserEvent.handshakeCompleted:
            handshakeCompleted()
        case ChannelEvent.inputClosed:
            // The peer says no more but may still listen; it gets a moment for the answers on their way.
            isHalfClosed = true
            meaning = .peerClosed
            deadline = .now() + layer.limits.halfCloseGrace
        default:
            context.fireUserInboundEventTriggered(event)
        }
    }

    private func handshakeCompleted() {
        guard phase == .opening, let tls else { return }
        var identity: PeerIdentity?
        if let certificate = tls.peerCertificate {
            guard let peer = PeerIdentity(certificate) else {
                handshakeFailure = HandshakeFailure(.malformed)
                return close(.failed)
            }
            // A resumed session was not verified just now.
            if let fault = layer.fault(of: peer, isServer: outbound != nil) {
                handshakeFailure = HandshakeFailure(fault)
                return close(.failed)
            }
            identity = peer
        }
        if let outbound, identity?.covers(outbound.key.expectedName) != true {
            outbound.give(up: .nameMismatch)
            return close(.failed)
        }
        opened(
            TLSFacts(
                version: TLSFacts.name(of: tls.tlsVersion), cipherSuite: hello?.cipherSuite ?? "unknown",
                peer: identity))
    }

    private func opened(_ facts: TLSFacts?) {
        guard phase == .opening, let context else { return }
        guard let local = Endpoint(context.localAddress) else { return close(.failed) }
        phase = .open
        let flow = Flow(
            id: id, transport: transport, local: local, remote: remote, listener: listener, security: facts)
        self.flow = flow
        setDeadline(.now())
        layer.observer?.opened(flow)
        outbound?.opened(self)
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        guard phase == .open, let flow else { return }
        framer.append(unwrapInboundIn(data).readableBytesView)
        reading: while phase == .open {
            switch framer.next() {
            case .message(let bytes):
                hasReceivedMessage = true
                partialSince = nil
                layer.beginRound()
                _ = bytes.withUnsafeBytes { layer.observer?.received($0, on: flow) }
            case .ping:
                partialSince = nil
                send([13, 10])
            case .needMore:
                break reading
            case .failed(let reason):
                layer.observer?.unframeable(reason, on: flow, head: framer.head(8192))
                drain(.unframeable)
            }
        }
        if phase == .open, !isHalfClosed { setDeadline(.now()) }
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        if phase == .opening {
            if handshakeFailure == nil { handshakeFailure = HandshakeFailure(error) }
            close(.failed)
        } else if case NIOSSLError.uncleanShutdown = error {
            close(.peerClosed)
        } else {
            close(.failed)
        }
    }

    func channelInactive(context: ChannelHandlerContext) {
        ended()
    }

    private func ended() {
        guard phase != .closed else { return }
        let wasOpening = phase == .opening
        phase = .closed
        layer.removed(self)
        if wasOpening {
            outbound?.give(up: transport == .tcp ? .connectionRefused : .tlsFailed)
            if transport == .tls, outbound == nil {
                layer.observer?.handshakeFailed(
                    from: remote, listener: listener, reason: handshakeFailure ?? .peerClosed)
            }
        } else {
            outbound?.closed()
            layer.observer?.closed(id, reason: closeReason ?? .peerClosed)
        }
    }

    // MARK: From the layer

    /// - Returns: false when the connection takes nothing any more.
    @discardableResult
    func send(_ bytes: [UInt8]) -> Bool {
        guard phase == .open, let context else { return false }
        context.write(wrapOutboundOut(ByteBuffer(bytes: bytes)), promise: nil)
        if !needsFlush {
            needsFlush = true
            layer.willFlush(self)
        }
        return true
    }

    func flush() {
        guard needsFlush, let context else { return }
        needsFlush = false
        context.flush()
        guard phase != .closed else { return }
        let waiting = (try? context.channel.syncOptions?.getOption(.bufferedWritableBytes)) ?? 0
        if waiting > layer.limits.writeBuffer { close(.slowReader) }
    }

    /// Closes after what was written has left. A TCP socket that is closed with unread input resets the connection, and
    /// the peer may never see the answer that says why: so the sending side is closed first, and input is thrown away
    /// until the peer closes, too, or a moment has passed. TLS does the same with its closing alert.
    func drain(_ reason: CloseReason) {
        guard phase == .open, let context else { return close(reason) }
        closeReason = closeReason ?? reason
        flush()
        guard phase == .open else { return }
        phase = .draining
        deadline = .now() + layer.limits.halfCloseGrace
        meaning = reason
        context.close(mode: transport == .tcp ? .output : .all, promise: nil)
    }

    func close(_ reason: CloseReason) {
        guard phase != .closed else { return }
        closeReason = closeReason ?? reason
        context?.close(promise: nil)
    }

    func checkDeadline(_ now: NIODeadline) {
        guard deadline <= now else { return }
        switch phase {
        case .opening:
            handshakeFailure = .timeout
            outbound?.give(up: transport == .tcp ? .connectTimeout : .tlsFailed)
            close(.tooSlow)
        case .open, .draining:
            close(meaning)
        case .closed:
            break
        }
    }

    /// Up to three octets of line ends are a keep-alive, or half of one.
    private var holdsPartOfMessage: Bool {
        framer.pendingBytes > 3 || framer.head(3).contains { $0 != 13 && $0 != 10 }
    }

    private func setDeadline(_ now: NIODeadline) {
        if holdsPartOfMessage {
            let since = partialSince ?? now
            partialSince = since
            deadline = since + layer.limits.messageTimeout
            meaning = .tooSlow
        } else if hasReceivedMessage {
            deadline = now + layer.limits.idleTimeout
            meaning = .idle
        } else if meaning != .tooSlow {
            deadline = now + layer.limits.firstMessageTimeout
            meaning = .tooSlow
        }
    }
}
