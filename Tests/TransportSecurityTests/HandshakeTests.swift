import Foundation
import NIOCore
import NIOPosix
import NIOSSL
import Testing
import TransportSecurity

@Suite struct HandshakeTests {
    @Test(
        "version and suite of a handshake are known on both sides",
        arguments: [
            (TLSVersion.tlsv12, "TLSv1.2", "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384"),
            (TLSVersion.tlsv13, "TLSv1.3", "TLS_AES_128_GCM_SHA256"),
        ])
    func versionSuiteHandshakeKnown(
        version: TLSVersion, name: String, suite: String
    ) async throws {
        let scratch = try Scratch()
        let files = try DevelopmentCertificates.issue(into: scratch.path, now: now)
        let client = try Self.client(files, highest: version)
        let handshake = try await Handshake(
            server: ServerTLS.context(files), client: client)
        #expect(!handshake.failed)
        #expect(handshake.version == name)
        #expect(handshake.serverSuite == handshake.clientSuite)
        // Version 1.3's order of suites is the library's and depends on the machine.
        if version == .tlsv12 {
            #expect(handshake.serverSuite == suite)
        } else {
            #expect(handshake.serverSuite?.hasPrefix("TLS_") == true)
            #expect(handshake.serverSuite?.contains("ECDHE") == false)
        }
        #expect(handshake.clientSawPeer?.sipIdentities == ["localhost"])
        #expect(handshake.serverSawPeer == nil)
    }

    private static func client(_ files: DevelopmentCertificates, highest: TLSVersion) throws -> TLSContext {
        let context = try ClientTLS.context(trust: files.authority, clock: { now })
        var configuration = context.ssl.configuration
        configuration.maximumTLSVersion = highest
        return TLSContext(ssl: try NIOSSLContext(configuration: configuration), verifier: context.verifier)
    }

    @Test(
        "a client certificate is asked for as the policy says",
        arguments: [
            (ClientCertificatePolicy.none, false, true), (.none, true, true), (.optional, false, true),
            (.optional, true, true), (.required, false, false), (.required, true, true),
        ])
    func clientCertificateAskedFor(
        policy: ClientCertificatePolicy, shown: Bool, succeeds: Bool
    ) async throws {
        let scratch = try Scratch()
        let files = try DevelopmentCertificates.issue(into: scratch.path, now: now)
        let client = try ClientTLS.context(
            trust: files.authority, certificate: shown ? files.client : nil, key: shown ? files.clientKey : nil,
            clock: { now })
        let handshake = try await Handshake(server: ServerTLS.context(files, clients: policy), client: client)
        #expect(handshake.failed == !succeeds)
        if succeeds { #expect((handshake.serverSawPeer != nil) == (shown && policy != .none)) }
    }

    @Test("a client certificate of a stranger's authority is refused even where it is optional")
    func clientCertificateStrangersAuthority() async throws {
        let ours = try Scratch()
        let theirs = try Scratch()
        let files = try DevelopmentCertificates.issue(into: ours.path, now: now)
        let strange = try DevelopmentCertificates.issue(into: theirs.path, now: now)
        let client = try ClientTLS.context(
            trust: files.authority, certificate: strange.client, key: strange.clientKey, clock: { now })
        #expect(try await Handshake(server: ServerTLS.context(files), client: client).failed)
    }

    @Test("a server of a stranger's authority is refused")
    func serverStrangersAuthorityRefused() async throws {
        let ours = try Scratch()
        let theirs = try Scratch()
        let files = try DevelopmentCertificates.issue(into: ours.path, now: now)
        let strange = try DevelopmentCertificates.issue(into: theirs.path, now: now)
        let client = try ClientTLS.context(trust: strange.authority, clock: { now })
        #expect(try await Handshake(server: ServerTLS.context(files), client: client).failed)
    }

    @Test("the floor can be raised to 1.3")
    func floorCanBeRaised() async throws {
        let scratch = try Scratch()
        let files = try DevelopmentCertificates.issue(into: scratch.path, now: now)
        let client = try Self.client(files, highest: .tlsv12)
        #expect(try await Handshake(server: ServerTLS.context(files, minimum: .v13), client: client).failed)
    }

    @Test(
        "OpenSSL is let in with good suites only",
        .enabled(if: FileManager.default.isExecutableFile(atPath: "/usr/bin/openssl"), "needs openssl"),
        arguments: [
            (["-tls1_2", "-cipher", "ECDHE-ECDSA-AES128-SHA:@SECLEVEL=0"], nil),
            (["-tls1_2", "-cipher", "ECDHE-ECDSA-AES256-SHA384:@SECLEVEL=0"], nil),
            (["-tls1_1", "-cipher", "ALL:@SECLEVEL=0"], nil),
            (["-tls1", "-cipher", "ALL:@SECLEVEL=0"], nil),
            (["-tls1_2", "-cipher", "ECDHE-ECDSA-CHACHA20-POLY1305"], "ECDHE-ECDSA-CHACHA20-POLY1305"),
            (["-tls1_3", "-ciphersuites", "TLS_AES_256_GCM_SHA384"], "TLS_AES_256_GCM_SHA384"),
        ] as [([String], String?)])
    func opensslLetInWith(options: [String], suite: String?) async throws {
        let scratch = try Scratch()
        let files = try DevelopmentCertificates.issue(into: scratch.path, now: now)
        let context = try ServerTLS.context(files)
        let listener = try await ServerBootstrap(group: .singletonMultiThreadedEventLoopGroup)
            .childChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.addHandler(NIOSSLServerHandler(context: context.ssl))
                }
            }
            .bind(host: "127.0.0.1", port: 0).get()
        let port = try #require(listener.localAddress?.port)
        let result = try await openssl(
            ["s_client", "-connect", "127.0.0.1:\(port)", "-CAfile", files.authority, "-verify_return_error", "-brief"]
                + options, scratch: scratch)
        try await listener.close()
        #expect((result.status == 0) == (suite != nil), "\(result.output)")
        if let suite { #expect(result.output.contains(suite), "\(result.output)") }
    }
}
