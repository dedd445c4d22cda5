import Foundation
import TestSupport
import NIOCore
import NIOPosix
import NIOSSL
import NIOTLS
import Testing
import TransportSecurity

/// A directory of its own, gone when the test is over.
final class Scratch {
    let path: String

    init() throws {
        path = FileManager.default.temporaryDirectory.appendingPathComponent("sallyport-\(UUID().uuidString)").path
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
    }

    deinit { try? FileManager.default.removeItem(atPath: path) }

    func file(_ name: String) -> String { path + "/" + name }

    func write(_ text: String, to name: String) throws -> String {
        try text.write(toFile: file(name), atomically: true, encoding: .utf8)
        return file(name)
    }
}

/// Runs OpenSSL's command without blocking a thread of the test pool.
func openssl(_ arguments: [String], scratch: Scratch) async throws -> (status: Int32, output: String) {
    let outcome: Outcome = try await withCheckedThrowingContinuation { continuation in
        Thread.detachNewThread {
            continuation.resume(
                with: Result { try Child.run("/usr/bin/openssl", arguments, in: NSTemporaryDirectory()) })
        }
    }
    return (outcome.code, outcome.output + outcome.errors)
}

let now = wallClock()

/// Milliseconds since 1970.
@Sendable func wallClock() -> Int64 { Int64(Date().timeIntervalSince1970 * 1000) }

extension ServerTLS {
    static func context(
        _ files: DevelopmentCertificates, clients: ClientCertificatePolicy = .optional, minimum: TLSFloor = .v12
    ) throws -> TLSContext {
        try context(
            certificate: files.server, key: files.serverKey, trust: files.authority, clientCertificate: clients,
            minimum: minimum, clock: { now })
    }
}

extension TLSContext {
    /// The same, with a certificate that `ClientTLS` may refuse to show.
    func showing(_ issued: Authority.Issued) throws -> TLSContext {
        var configuration = ssl.configuration
        configuration.certificateChain = try NIOSSLCertificate.fromPEMFile(issued.chain).map { .certificate($0) }
        configuration.privateKey = .privateKey(try NIOSSLPrivateKey(file: issued.key, format: .pem))
        return TLSContext(ssl: try NIOSSLContext(configuration: configuration), verifier: verifier)
    }
}

/// A handshake over a real connection, and what each end found out.
struct Handshake: Sendable {
    var clientSuite: String?
    var serverSuite: String?
    var version = ""
    var serverSawPeer: PeerIdentity?
    var clientSawPeer: PeerIdentity?
    var failed = false
    /// Why the server refused the client's certificate.
    var serversFault: CertificateFault?
    var clientsFault: CertificateFault?

    init(server: TLSContext, client: TLSContext) async throws {
        let group = MultiThreadedEventLoopGroup.singleton
        let served = group.next().makePromise(of: TLSEnd.Outcome.self)
        let listener = try await ServerBootstrap(group: group)
            .childChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    let end = TLSEnd(.server, served)
                    let handler = server.serverHandler(on: channel.eventLoop, onFault: end.refused)
                    try channel.pipeline.syncOperations.addHandlers([end.reader, handler, end])
                    end.tls = handler
                }
            }
            .bind(host: "127.0.0.1", port: 0).get()
        let called = group.next().makePromise(of: TLSEnd.Outcome.self)
        let address = try #require(listener.localAddress)
        let channel = try await ClientBootstrap(group: group)
            .channelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    let end = TLSEnd(.client, called)
                    let handler = try client.clientHandler(
                        name: "localhost", on: channel.eventLoop, onFault: end.refused)
                    try channel.pipeline.syncOperations.addHandlers([end.reader, handler, end])
                    end.tls = handler
                }
            }
            .connect(to: address).get()
        // A client of TLS 1.3 is done before its server has looked at its certificate.
        let (ofServer, ofClient) = (try await served.futureResult.get(), try await called.futureResult.get())
        try? await channel.close()
        try await listener.close()
        clientSuite = ofClient.suite
        serverSuite = ofServer.suite
        version = ofServer.version
        serverSawPeer = ofServer.peer
        clientSawPeer = ofClient.peer
        serversFault = ofServer.fault
        clientsFault = ofClient.fault
        failed = !(ofServer.succeeded && ofClient.succeeded)
    }
}

/// One end of a handshake.
final class TLSEnd: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer

    struct Outcome: Sendable {
        var succeeded = false
        var suite: String?
        var version = ""
        var peer: PeerIdentity?
        var fault: CertificateFault?
    }

    let reader: ServerHelloReader
    var tls: NIOSSLHandler?
    private let promise: EventLoopPromise<Outcome>
    private var fault: CertificateFault?

    init(_ side: ServerHelloReader.Side, _ promise: EventLoopPromise<Outcome>) {
        reader = ServerHelloReader(side: side)
        self.promise = promise
    }

    func refused(_ fault: CertificateFault) { self.fault = fault }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        if case TLSUserEvent.handshakeCompleted = event { end(true) }
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        end(false)
        context.close(promise: nil)
    }

    func channelInactive(context: ChannelHandlerContext) { end(false) }

    private func end(_ succeeded: Bool) {
        promise.succeed(
            Outcome(
                succeeded: succeeded, suite: reader.cipherSuite, version: TLSFacts.name(of: tls?.tlsVersion),
                peer: succeeded ? tls?.peerCertificate.flatMap(PeerIdentity.init) : nil, fault: fault))
    }
}
