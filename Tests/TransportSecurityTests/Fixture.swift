import Foundation
import TestSupport
import NIOCore
import NIOEmbedded
import NIOSSL
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

let now = Int64(Date().timeIntervalSince1970 * 1000)

extension ServerTLS {
    static func context(
        _ files: DevelopmentCertificates, clients: ClientCertificatePolicy = .optional, minimum: TLSFloor = .v12
    ) throws -> NIOSSLContext {
        try context(
            certificate: files.server, key: files.serverKey, trust: files.authority, clientCertificate: clients,
            minimum: minimum, now: now)
    }
}

/// Two TLS ends in memory, and what each found out.
struct Handshake {
    var clientSuite: String?
    var serverSuite: String?
    var version: String
    var serverSawPeer: PeerIdentity?
    var clientSawPeer: PeerIdentity?
    var failed: Bool

    init(server: NIOSSLContext, client: NIOSSLContext) throws {
        let serverReader = ServerHelloReader(side: .server)
        let clientReader = ServerHelloReader(side: .client)
        let serverHandler = NIOSSLServerHandler(context: server)
        let clientHandler = try NIOSSLClientHandler(context: client, serverHostname: "localhost")
        let serverChannel = EmbeddedChannel(handlers: [serverReader, serverHandler])
        let clientChannel = EmbeddedChannel(handlers: [clientReader, clientHandler])
        failed = false
        serverChannel.connect(to: try SocketAddress(ipAddress: "127.0.0.1", port: 1), promise: nil)
        clientChannel.connect(to: try SocketAddress(ipAddress: "127.0.0.1", port: 2), promise: nil)
        var moved = true
        while moved {
            moved = false
            clientChannel.embeddedEventLoop.run()
            serverChannel.embeddedEventLoop.run()
            while let bytes = try clientChannel.readOutbound(as: ByteBuffer.self) {
                moved = true
                do { try serverChannel.writeInbound(bytes) } catch { failed = true }
            }
            while let bytes = try serverChannel.readOutbound(as: ByteBuffer.self) {
                moved = true
                do { try clientChannel.writeInbound(bytes) } catch { failed = true }
            }
        }
        clientSuite = clientReader.cipherSuite
        serverSuite = serverReader.cipherSuite
        version = TLSFacts.name(of: serverHandler.tlsVersion)
        serverSawPeer = serverHandler.peerCertificate.flatMap(PeerIdentity.init)
        clientSawPeer = clientHandler.peerCertificate.flatMap(PeerIdentity.init)
        for channel in [serverChannel, clientChannel] {
            // Nobody answers the closing any more: let its deadline pass.
            channel.close(promise: nil)
            channel.embeddedEventLoop.advanceTime(by: .seconds(60))
        }
    }
}
