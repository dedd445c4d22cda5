import CoreTypes
import NIOCore
import NIOPosix
import NIOSSL
import SIPMessage
import Synchronization
import TestSupport
import Testing
import TransportSecurity

/// A transport and an address family on the way to the edge.
enum Way: String, Sendable, CaseIterable, CustomTestStringConvertible {
    case udp
    case tcp
    case tls

    var transport: TransportKind {
        switch self {
        case .udp: .udp
        case .tcp: .tcp
        case .tls: .tls
        }
    }

    var testDescription: String { rawValue }
}

extension Endpoint {
    init?(_ address: SocketAddress?) {
        guard let text = address?.ipAddress, let host = IPAddress(text), let port = address?.port else { return nil }
        self.init(host, port: UInt16(port))
    }

    func socketAddress() throws -> SocketAddress {
        try SocketAddress(ipAddress: address.description, port: Int(port))
    }
}

/// One end of a connection, or a UDP socket that talks to one peer: sends octets as they are, keeps what comes.
final class Wire: Sendable {
    let channel: any Channel
    let transport: TransportKind
    let local: Endpoint
    let remote: Endpoint
    let mailbox: Mailbox
    private let ended = Atomic(false)

    private init(
        _ channel: any Channel, _ transport: TransportKind, to remote: Endpoint, mailbox: Mailbox
    ) throws {
        self.channel = channel
        self.transport = transport
        self.remote = remote
        self.mailbox = mailbox
        guard let local = Endpoint(channel.localAddress) else { throw Failure("no local address") }
        self.local = local
        channel.closeFuture.whenComplete { [weak self] _ in self?.ended.store(true, ordering: .relaxed) }
    }

    /// Whether the other side has closed.
    var isClosed: Bool { ended.load(ordering: .relaxed) }

    /// - Parameters:
    ///   - source: the address to call from.
    ///   - tls: for TLS.
    ///   - serverName: SNI.
    ///   - group: the threads that it is served by.
    static func connect(
        _ transport: TransportKind, to remote: Endpoint, from source: IPAddress? = nil, tls: TLSContext? = nil,
        serverName: String? = "localhost", group: any EventLoopGroup = MultiThreadedEventLoopGroup.singleton
    ) async throws -> Wire {
        let own = source ?? (remote.address.family == .v4 ? IPAddress(v4: 0x7f00_0001) : IPAddress(v6High: 0, low: 1))
        let mailbox = Mailbox("the caller")
        if transport == .udp {
            let channel = try await DatagramBootstrap(group: group)
                .channelOption(.recvAllocator, value: FixedSizeRecvByteBufferAllocator(capacity: 65_536))
                .channelInitializer { channel in
                    channel.eventLoop.makeCompletedFuture {
                        try channel.pipeline.syncOperations.addHandler(DatagramEar(mailbox))
                    }
                }
                .bind(to: Endpoint(own, port: 0).socketAddress()).get()
            return try Wire(channel, transport, to: remote, mailbox: mailbox)
        }
        let channel = try await ClientBootstrap(group: group)
            .bind(to: Endpoint(own, port: 0).socketAddress())
            .channelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    if let tls {
                        try channel.pipeline.syncOperations.addHandler(
                            NIOSSLClientHandler(context: tls.ssl, serverHostname: serverName))
                    }
                    try channel.pipeline.syncOperations.addHandler(StreamEar(mailbox, transport, remote))
                }
            }
            .connect(to: remote.socketAddress()).get()
        return try Wire(channel, transport, to: remote, mailbox: mailbox)
    }

    /// What a TLS server has shown; waits for the handshake.
    func serverCertificate() async throws -> PeerIdentity {
        var shown: PeerIdentity?
        try await eventually("the server's certificate") {
            shown = try await channel.nioSSL_peerCertificate().get().flatMap(PeerIdentity.init)
            return shown != nil
        }
        guard let shown else { throw Failure("no certificate") }
        return shown
    }

    func send(_ octets: [UInt8]) {
        let buffer = ByteBuffer(bytes: octets)
        if transport == .udp {
            guard let address = try? remote.socketAddress() else { return }
            channel.writeAndFlush(AddressedEnvelope(remoteAddress: address, data: buffer), promise: nil)
        } else {
            channel.writeAndFlush(buffer, promise: nil)
        }
    }

    func send(_ text: String) { send(Array(text.utf8)) }

    /// Writes to a stream and waits until the kernel has it: what is written next leaves by itself.
    func write(_ octets: [UInt8]) async throws {
        try await channel.writeAndFlush(ByteBuffer(bytes: octets))
    }

    func close() async throws {
        guard !isClosed else { return }
        try await channel.close()
    }
}

/// Cuts a stream into messages and keeps them.
final class StreamEar: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    private let mailbox: Mailbox
    private let transport: TransportKind
    private let remote: Endpoint
    private var framer = StreamFramer()

    init(_ mailbox: Mailbox, _ transport: TransportKind, _ remote: Endpoint) {
        self.mailbox = mailbox
        self.transport = transport
        self.remote = remote
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        framer.append(unwrapInboundIn(data).readableBytesView)
        let channel = context.channel
        while case .message(let octets) = framer.next() {
            mailbox.put(
                .init(octets, transport, from: remote) { bytes in
                    channel.writeAndFlush(ByteBuffer(bytes: bytes), promise: nil)
                })
        }
        // What is no message is kept as it came: a pong, or bytes that nobody can frame.
        if framer.pendingBytes > 0, framer.head(2) == [13, 10] {
            mailbox.put(.init(framer.head(2), transport, from: remote) { _ in })
            framer = StreamFramer()
        }
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        context.close(promise: nil)
    }
}

/// Keeps datagrams.
final class DatagramEar: ChannelInboundHandler {
    typealias InboundIn = AddressedEnvelope<ByteBuffer>

    private let mailbox: Mailbox

    init(_ mailbox: Mailbox) {
        self.mailbox = mailbox
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        let envelope = unwrapInboundIn(data)
        guard let source = Endpoint(envelope.remoteAddress) else { return }
        let channel = context.channel
        mailbox.put(
            .init(Array(envelope.data.readableBytesView), .udp, from: source) { bytes in
                channel.writeAndFlush(
                    AddressedEnvelope(remoteAddress: envelope.remoteAddress, data: ByteBuffer(bytes: bytes)),
                    promise: nil)
            })
    }
}
