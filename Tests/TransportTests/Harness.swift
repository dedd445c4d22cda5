import CoreTypes
import Foundation
import NIOCore
import NIOPosix
import NIOSSL
import SIPMessage
import Testing
import TransportSecurity

@testable import Transport

/// What an observer was told.
enum Seen: Sendable {
    case opened(Flow)
    case received([UInt8], Flow)
    case unframeable(FramingFailure, [UInt8])
    case handshakeFailed(HandshakeFailure)
    case closed(FlowID, CloseReason)
    case sendFailed(UInt64, SendFailure)
    case sent(UInt64, FlowID)
    case refused(AdmissionRefusal)
    case socketChanged(Bool)
}

/// Writes down what it is told and answers as it was asked to.
final class Recorder: TransportObserver {
    let seen: AsyncStream<Seen>.Continuation
    weak var layer: TransportLayer?
    var admits = true
    /// Whose connections it was asked to admit.
    var asked: [Endpoint] = []
    var echoes = false

    init(_ seen: AsyncStream<Seen>.Continuation) {
        self.seen = seen
    }

    func admit(connectionFrom remote: Endpoint, listener: Int) -> Bool {
        asked.append(remote)
        return admits
    }
    func opened(_ flow: Flow) { seen.yield(.opened(flow)) }
    var hearsSent: Bool { true }
    func received(_ octets: UnsafeRawBufferPointer, on flow: Flow) -> Bool {
        let message = Array(octets)
        if echoes { layer?.send(message, on: flow.id) }
        seen.yield(.received(message, flow))
        return true
    }
    func unframeable(_ reason: FramingFailure, on flow: Flow, head: [UInt8]) {
        layer?.send(Array("SIP/2.0 400 Bad\r\n\r\n".utf8), on: flow.id)
        seen.yield(.unframeable(reason, head))
    }
    func handshakeFailed(from remote: Endpoint, listener: Int, reason: HandshakeFailure) {
        seen.yield(.handshakeFailed(reason))
    }
    func closed(_ id: FlowID, reason: CloseReason) { seen.yield(.closed(id, reason)) }
    func sendFailed(_ ticket: UInt64, reason: SendFailure) { seen.yield(.sendFailed(ticket, reason)) }
    func sent(_ ticket: UInt64, on flow: FlowID) { seen.yield(.sent(ticket, flow)) }
    func refused(connectionFrom remote: Endpoint, listener: Int, reason: AdmissionRefusal) {
        seen.yield(.refused(reason))
    }
    func socketChanged(listener: Int, isUp: Bool) { seen.yield(.socketChanged(isUp)) }
}

/// A layer on a loop of the process, and what its observer sees, in order.
final class Harness: @unchecked Sendable {
    let loop: any EventLoop
    /// Used on the loop only.
    private let layer: TransportLayer
    private let recorder: Recorder
    private var events: AsyncStream<Seen>.Iterator

    init(
        limits: TransportLimits = TransportLimits(), serverTLS: TLSContext? = nil, clientTLS: TLSContext? = nil,
        sharing: PortSharing = .alone, ownsLoop: Bool = false
    ) async throws {
        let loop = MultiThreadedEventLoopGroup.singleton.next()
        let (stream, continuation) = AsyncStream<Seen>.makeStream()
        self.loop = loop
        events = stream.makeAsyncIterator()
        let made = try await loop.submit {
            let recorder = Recorder(continuation)
            let layer = TransportLayer(
                loop: loop, limits: limits, observer: recorder, serverTLS: serverTLS, clientTLS: clientTLS,
                sharing: sharing, ownsLoop: ownsLoop)
            recorder.layer = layer
            return NIOLoopBound((recorder, layer), eventLoop: loop)
        }.get()
        (recorder, layer) = try await loop.submit { Unchecked(made.value) }.get().value
    }

    private struct Unchecked: @unchecked Sendable {
        var value: (Recorder, TransportLayer)
        init(_ value: (Recorder, TransportLayer)) { self.value = value }
    }

    func on<Result: Sendable>(_ body: @escaping @Sendable (TransportLayer, Recorder) throws -> Result) async throws
        -> Result
    {
        try await loop.submit { try body(self.layer, self.recorder) }.get()
    }

    func listen(
        _ transport: TransportKind, on address: String = "127.0.0.1:0", proxies: [IPNetwork] = [],
        answersPlain: Bool = false
    ) async throws -> Endpoint {
        let endpoint = try #require(Endpoint(address))
        return try await loop.flatSubmit {
            self.layer.listen(transport, on: endpoint, index: 3, proxies: proxies, answersPlain: answersPlain)
        }.get()
    }

    func next() async throws -> Seen {
        try #require(await events.next())
    }

    func nextMessage() async throws -> (bytes: [UInt8], flow: Flow) {
        while true { if case .received(let bytes, let flow) = try await next() { return (bytes, flow) } }
    }

    func nextClose() async throws -> CloseReason {
        while true { if case .closed(_, let reason) = try await next() { return reason } }
    }

    func nextOpened() async throws -> Flow {
        while true { if case .opened(let flow) = try await next() { return flow } }
    }

    func nextRefusal() async throws -> AdmissionRefusal {
        while true { if case .refused(let reason) = try await next() { return reason } }
    }

    func nextFailure() async throws -> SendFailure {
        while true { if case .sendFailed(_, let reason) = try await next() { return reason } }
    }

    func end() async throws {
        try await on { layer, _ in layer.shutdown() }
    }
}

/// The other end of a TCP or TLS connection: raw bytes out, raw bytes in.
final class Peer: Sendable {
    let channel: any Channel
    private let bytes: AsyncStream<[UInt8]>

    private init(_ channel: any Channel, _ bytes: AsyncStream<[UInt8]>) {
        self.channel = channel
        self.bytes = bytes
    }

    /// - Parameters:
    ///   - preface: sent before anything else, TLS too.
    ///   - source: an address of this machine; nil: the system chooses.
    static func connect(
        to endpoint: Endpoint, tls: TLSContext? = nil, reads: Bool = true, preface: [UInt8] = [],
        from source: IPAddress? = nil
    ) async throws -> Peer {
        let (stream, continuation) = AsyncStream<[UInt8]>.makeStream()
        var bootstrap = ClientBootstrap(group: .singletonMultiThreadedEventLoopGroup)
        if let source { bootstrap = try bootstrap.bind(to: Endpoint(source, port: 0).socketAddress()) }
        let channel =
            try await bootstrap
            .channelOption(.allowRemoteHalfClosure, value: tls == nil)
            .channelOption(.autoRead, value: reads)
            .channelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.addHandler(PrefaceHandler(preface))
                    if let tls {
                        try channel.pipeline.syncOperations.addHandler(
                            NIOSSLClientHandler(context: tls.ssl, serverHostname: "localhost"))
                    }
                    try channel.pipeline.syncOperations.addHandler(PeerHandler(continuation))
                }
            }
            .connect(to: endpoint.socketAddress()).get()
        return Peer(channel, stream)
    }

    func send(_ text: String) async throws {
        try await channel.writeAndFlush(ByteBuffer(string: text))
    }

    /// All that arrives up to the end of the stream or to a text.
    func read(until end: String? = nil) async -> String {
        var text = ""
        for await part in bytes {
            text += String(decoding: part, as: UTF8.self)
            if let end, text.contains(end) { break }
        }
        return text
    }

    func close() async throws {
        try await channel.close()
    }
}

private final class PrefaceHandler: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer
    let preface: [UInt8]

    init(_ preface: [UInt8]) {
        self.preface = preface
    }

    func channelActive(context: ChannelHandlerContext) {
        if !preface.isEmpty { context.writeAndFlush(wrapOutboundOut(ByteBuffer(bytes: preface)), promise: nil) }
        context.fireChannelActive()
    }
}

private final class PeerHandler: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    let bytes: AsyncStream<[UInt8]>.Continuation

    init(_ bytes: AsyncStream<[UInt8]>.Continuation) {
        self.bytes = bytes
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        bytes.yield(Array(unwrapInboundIn(data).readableBytesView))
    }
    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        if case ChannelEvent.inputClosed = event { bytes.finish() }
    }
    func channelInactive(context: ChannelHandlerContext) { bytes.finish() }
    func errorCaught(context: ChannelHandlerContext, error: any Error) { context.close(promise: nil) }
}

/// A UDP socket of the test.
final class DatagramPeer: Sendable {
    let channel: any Channel
    private let bytes: AsyncStream<[UInt8]>

    init(on host: String = "127.0.0.1") async throws {
        let (stream, continuation) = AsyncStream<[UInt8]>.makeStream()
        bytes = stream
        channel = try await DatagramBootstrap(group: .singletonMultiThreadedEventLoopGroup)
            .channelOption(.recvAllocator, value: FixedSizeRecvByteBufferAllocator(capacity: 65_536))
            .channelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.addHandler(DatagramPeerHandler(continuation))
                }
            }
            .bind(host: host, port: 0).get()
    }

    var endpoint: Endpoint? { Endpoint(channel.localAddress) }

    func send(_ bytes: some Sequence<UInt8> & Sendable, to endpoint: Endpoint) async throws {
        let address = try endpoint.socketAddress()
        try await channel.writeAndFlush(
            AddressedEnvelope(remoteAddress: address, data: ByteBuffer(bytes: Array(bytes))))
    }

    func next() async -> [UInt8]? {
        var iterator = bytes.makeAsyncIterator()
        return await iterator.next()
    }
}

private final class DatagramPeerHandler: ChannelInboundHandler {
    typealias InboundIn = AddressedEnvelope<ByteBuffer>
    let bytes: AsyncStream<[UInt8]>.Continuation

    init(_ bytes: AsyncStream<[UInt8]>.Continuation) {
        self.bytes = bytes
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        bytes.yield(Array(unwrapInboundIn(data).data.readableBytesView))
    }
}

/// A request of a given body length.
func request(_ number: Int = 1, body: Int = 0) -> String {
    "OPTIONS sip:a@b SIP/2.0\r\nCall-ID: \(number)\r\nContent-Length: \(body)\r\n\r\n"
        + String(repeating: "x", count: body)
}

/// TLS contexts of a development authority for this machine.
struct Contexts {
    let server: TLSContext
    let client: TLSContext
    /// Shows the client certificate.
    let knownClient: TLSContext

    init(names: [String] = DevelopmentCertificates.defaultNames) throws {
        let directory = FileManager.default.temporaryDirectory.appendingPathComponent("sallyport-\(UUID())").path
        defer { try? FileManager.default.removeItem(atPath: directory) }
        let now = Int64(Date().timeIntervalSince1970 * 1000)
        let files = try DevelopmentCertificates.issue(into: directory, names: names, now: now)
        server = try ServerTLS.context(
            certificate: files.server, key: files.serverKey, trust: files.authority, clientCertificate: .optional,
            clock: { now })
        client = try ClientTLS.context(trust: files.authority, clock: { now })
        knownClient = try ClientTLS.context(
            trust: files.authority, certificate: files.client, key: files.clientKey, clock: { now })
    }
}
