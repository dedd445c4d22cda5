import ControlAPI
import CoreTypes
import Foundation
import NIOCore
import NIOPosix
import NIOSSL
import NIOTLS
import Registry
import SallyportConfiguration
import Synchronization
import TestSupport
import Testing
import TransportSecurity
import Witness

@Suite("Connections to the control address", .timeLimit(.minutes(1)))
struct ConnectionLimitTests {
    @Test("a head that comes octet by octet is not waited for")
    func slowHead() async throws {
        var limits = ControlLimits()
        limits.head = .seconds(1)
        try await Surface().serving(limits) { server in
            let channel = try await Raw.connect(to: try await server.boundAddress())
            try await channel.writeAndFlush(ByteBuffer(string: "GET /healthz HTTP/1.1\r\nHost: x\r\nX-Slow: "))
            Raw.dribble(on: channel)
            // Ends by the server alone.
            try await channel.closeFuture.get()
        }
    }

    @Test("nor is one behind an answer, though the first came in time")
    func slowSecondHead() async throws {
        var limits = ControlLimits()
        limits.idle = .seconds(1)
        try await Surface().serving(limits) { server in
            let channel = try await Raw.connect(to: try await server.boundAddress())
            try await channel.writeAndFlush(
                ByteBuffer(string: "GET /healthz HTTP/1.1\r\nHost: x\r\n\r\nGET /healthz HTTP/1.1\r\nX-Slow: "))
            Raw.dribble(on: channel)
            try await channel.closeFuture.get()
        }
    }

    @Test("an answer that takes its time is not cut off: the deadlines are for heads")
    func longAnswer() async throws {
        var limits = ControlLimits()
        limits.head = .seconds(1)
        let surface = try Surface()
        let key = try surface.registry.createKey("viewer", role: .viewer)
        try await surface.serving(limits) { server in
            let (channel, met) = try await Raw.connect(to: try await server.boundAddress()) { received in
                received.contains("event: record")
            }
            try await channel.writeAndFlush(
                ByteBuffer(
                    string:
                        "GET /v1/events HTTP/1.1\r\nHost: x\r\nAccept: text/event-stream\r\nX-API-Key: \(key)\r\n\r\n"))
            let writing = channel.eventLoop.scheduleRepeatedTask(
                initialDelay: .milliseconds(1500), delay: .milliseconds(500)
            ) { _ in
                surface.log.append(SecurityEvent(.authFailed, .warning), at: SystemClock.now().wall)
            }
            let isThere = try await met.get()
            writing.cancel()
            #expect(isThere, "the stream ended before the event came")
            try await channel.close()
        }
    }

    @Test("a TLS handshake that comes octet by octet is not waited for")
    func slowHandshake() async throws {
        var limits = ControlLimits()
        limits.handshake = .seconds(1)
        let certificates = try Certificates()
        try await Surface { $0.control.tls = certificates.files }.serving(limits) { server in
            let channel = try await Raw.connect(to: try await server.boundAddress())
            // A record of 512 octets that holds the beginning of a ClientHello.
            try await channel.writeAndFlush(ByteBuffer(bytes: [22, 3, 1, 2, 0, 1, 0, 1, 252, 3, 3]))
            Raw.dribble(on: channel)
            try await channel.closeFuture.get()
        }
    }

    @Test("a source has so many connections and no more, until it gives one back")
    func connectionsOfSource() async throws {
        var limits = ControlLimits()
        limits.connectionsOfSource = 2
        let certificates = try Certificates()
        let surface = try Surface {
            $0.control.listen = Endpoint(IPAddress(v4: 0), port: 0)
            $0.control.tls = certificates.files
        }
        try await surface.serving(limits) { server in
            let port = try await server.boundAddress().port
            let address = Endpoint(IPAddress(v4: 0x7f00_0001), port: port)
            let first = try await certificates.connect(to: address)
            let second = try await certificates.connect(to: address)
            await #expect(throws: (any Error).self) { try await certificates.connect(to: address) }
            try await first.channel.close()
            // The server sees the end of the first one a moment later.
            try await eventually("there is a place again") {
                guard let third = try? await certificates.connect(to: address) else { return false }
                try await third.channel.close()
                return true
            }
            try await second.channel.close()
        }
    }

    @Test("a new certificate is shown to who comes next; files that are no good leave the old one")
    func certificateReload() async throws {
        let certificates = try Certificates()
        try await Surface { $0.control.tls = certificates.files }.serving(ControlLimits()) { server in
            let address = try await server.boundAddress()
            let before = try await certificates.connect(to: address)
            try certificates.replace()
            try server.reloadCertificate()
            let after = try await certificates.connect(to: address)
            #expect(before.certificate != after.certificate)

            try Data("no key".utf8).write(to: URL(fileURLWithPath: certificates.files.key))
            let error = #expect(throws: ControlError.self) { try server.reloadCertificate() }
            #expect(error?.description.contains(certificates.files.key) == true)
            let still = try await certificates.connect(to: address)
            #expect(still.certificate == after.certificate)
            for connection in [before, after, still] { try await connection.channel.close() }
        }
    }

    @Test("a key that is not the certificate's is refused at the start")
    func foreignKey() throws {
        let (one, other) = (try Certificates(), try Certificates())
        let surface = try Surface { $0.control.tls = .init(certificate: one.files.certificate, key: other.files.key) }
        let error = #expect(throws: ControlError.self) { try surface.server() }
        #expect(error?.code == .badCertificate)
    }
}

private enum Raw {
    static func connect(to address: Endpoint) async throws -> any Channel {
        try await ClientBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .connect(host: address.address.description, port: Int(address.port)).get()
    }

    /// - Returns: the connection, and whether what came on it was as expected before it ended.
    static func connect(
        to address: Endpoint, until isMet: @escaping @Sendable (String) -> Bool
    ) async throws -> (any Channel, EventLoopFuture<Bool>) {
        let loop = MultiThreadedEventLoopGroup.singleton.next()
        let met = loop.makePromise(of: Bool.self)
        let channel = try await ClientBootstrap(group: loop).channelInitializer { channel in
            channel.eventLoop.makeCompletedFuture {
                try channel.pipeline.syncOperations.addHandler(Expectation(met, isMet))
            }
        }.connect(host: address.address.description, port: Int(address.port)).get()
        return (channel, met.futureResult)
    }

    /// Sends an octet every 20 ms, so that the connection is never silent.
    static func dribble(on channel: any Channel) {
        let task = channel.eventLoop.scheduleRepeatedTask(initialDelay: .zero, delay: .milliseconds(20)) { _ in
            channel.writeAndFlush(ByteBuffer(string: "a"), promise: nil)
        }
        channel.closeFuture.whenComplete { _ in task.cancel() }
    }
}

private final class Expectation: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer

    private let met: EventLoopPromise<Bool>
    private let isMet: (String) -> Bool
    private var received = ""

    init(_ met: EventLoopPromise<Bool>, _ isMet: @escaping (String) -> Bool) {
        self.met = met
        self.isMet = isMet
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        received += String(buffer: unwrapInboundIn(data))
        if isMet(received) { met.succeed(true) }
    }

    func channelInactive(context: ChannelHandlerContext) {
        met.succeed(false)
    }
}

/// A private authority's certificate in a folder of its own.
private final class Certificates: Sendable {
    private let directory: String
    let files: Configuration.Control.TLS

    init() throws {
        directory = NSTemporaryDirectory() + "sallyport-control-tls-" + UUID().uuidString.prefix(8)
        let issued = try DevelopmentCertificates.issue(into: directory, now: SystemClock.now().wall)
        files = .init(certificate: issued.server, key: issued.serverKey)
    }

    deinit {
        try? FileManager.default.removeItem(atPath: directory)
    }

    /// Puts others in their place.
    func replace() throws {
        _ = try DevelopmentCertificates.issue(into: directory, overwrite: true, now: SystemClock.now().wall)
    }

    struct Connection {
        let channel: any Channel
        /// DER.
        let certificate: [UInt8]
    }

    /// A connection behind its handshake.
    func connect(to address: Endpoint) async throws -> Connection {
        var configuration = TLSConfiguration.makeClientConfiguration()
        configuration.certificateVerification = .none
        let context = try NIOSSLContext(configuration: configuration)
        let loop = MultiThreadedEventLoopGroup.singleton.next()
        let shaken = loop.makePromise(of: [UInt8].self)
        do {
            let channel = try await ClientBootstrap(group: loop).channelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.addHandler(
                        NIOSSLClientHandler(context: context, serverHostname: nil))
                    try channel.pipeline.syncOperations.addHandler(PeerCertificate(shaken))
                }
            }.connect(host: address.address.description, port: Int(address.port)).get()
            return Connection(channel: channel, certificate: try await shaken.futureResult.get())
        } catch {
            shaken.fail(error)
            throw error
        }
    }
}

/// Tells the server's certificate when the handshake is done.
private final class PeerCertificate: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer

    private let promise: EventLoopPromise<[UInt8]>

    init(_ promise: EventLoopPromise<[UInt8]>) {
        self.promise = promise
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        guard let event = event as? TLSUserEvent, case .handshakeCompleted = event else { return }
        do {
            let tls = try context.pipeline.syncOperations.handler(type: NIOSSLClientHandler.self)
            promise.succeed(try tls.peerCertificate?.toDERBytes() ?? [])
        } catch {
            promise.fail(error)
        }
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        promise.fail(error)
        context.close(promise: nil)
    }

    func channelInactive(context: ChannelHandlerContext) {
        promise.fail(ChannelError.eof)
        context.fireChannelInactive()
    }
}
