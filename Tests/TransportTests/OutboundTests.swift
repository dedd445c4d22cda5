import CoreTypes
import NIOCore
import NIOSSL
import Testing
import TransportSecurity

@testable import Transport

@Suite(.timeLimit(.minutes(1))) struct OutboundTests {
    @Test(
        "messages to one server share a connection, and answers come back on it", arguments: [TransportKind.tcp, .tls])
    func messagesOneServerShare(transport: TransportKind) async throws {
        let contexts = try Contexts()
        let server = try await Harness(serverTLS: contexts.server)
        try await server.on { $1.echoes = true }
        let bound = try await server.listen(transport)
        let harness = try await Harness(clientTLS: contexts.client)
        try await harness.on { layer, _ in
            layer.send(Array(request(1).utf8), to: bound, transport: transport, ticket: 1)
            layer.send(Array(request(2).utf8), to: bound, transport: transport, ticket: 2)
        }
        var flows: [FlowID] = []
        while flows.count < 2 { if case .sent(_, let flow) = try await harness.next() { flows.append(flow) } }
        #expect(flows[0] == flows[1])
        for number in 1...2 {
            let answer = try await harness.nextMessage()
            #expect(answer.bytes == Array(request(number).utf8))
            #expect(answer.flow.id == flows[0])
            #expect(answer.flow.listener == -1)
        }
        try await server.on { layer, _ in #expect(layer.connectionCount == 1) }
        try await harness.end()
        try await server.end()
    }

    @Test("version, suite and peer of a TLS connection are known on both sides")
    func versionSuitePeerTls() async throws {
        let contexts = try Contexts()
        let server = try await Harness(serverTLS: contexts.server)
        let bound = try await server.listen(.tls)
        let harness = try await Harness(clientTLS: contexts.knownClient)
        try await harness.on { layer, _ in
            layer.send(
                Array(request(1).utf8), to: bound, transport: .tls, tlsServerName: "LOCALHOST", ticket: 1)
        }
        for side in [server, harness] {
            guard case .opened(let flow) = try await side.next() else { throw Unexpected() }
            #expect(flow.security?.version == "TLSv1.3")
            #expect(flow.security?.cipherSuite.hasPrefix("TLS_") == true)
            #expect(flow.security?.peer?.covers("localhost") == true)
        }
        try await harness.end()
        try await server.end()
    }

    @Test("a server whose certificate is for another name gets nothing", arguments: ["other.example.org", nil])
    func serverWhoseCertificateFor(name: String?) async throws {
        let contexts = try Contexts(names: ["only.example.org"])
        let server = try await Harness(serverTLS: contexts.server)
        let bound = try await server.listen(.tls)
        let harness = try await Harness(clientTLS: contexts.client)
        try await harness.on { layer, _ in
            layer.send(Array(request(1).utf8), to: bound, transport: .tls, tlsServerName: name, ticket: 1)
        }
        #expect(try await harness.nextFailure() == .nameMismatch)
        try await harness.end()
        try await server.end()
    }

    @Test("a server of another authority gets nothing")
    func serverAnotherAuthorityGets() async throws {
        let server = try await Harness(serverTLS: Contexts().server)
        let bound = try await server.listen(.tls)
        let harness = try await Harness(clientTLS: Contexts().client)
        try await harness.on { layer, _ in
            layer.send(Array(request(1).utf8), to: bound, transport: .tls, tlsServerName: "localhost", ticket: 1)
        }
        #expect(try await harness.nextFailure() == .tlsFailed)
        guard case .handshakeFailed(.refusedByPeer) = try await server.next() else { throw Unexpected() }
        try await harness.end()
        try await server.end()
    }

    @Test(
        "a server that is not there fails all that waited, and is tried again later",
        arguments: [TransportKind.tcp, .tls])
    func serverNotThereFails(
        transport: TransportKind
    ) async throws {
        // A port of the system's choice that was closed again may be somebody else's by now.
        let bound = Endpoint(IPAddress(v4: 0x7f00_0001), port: 1)
        let harness = try await Harness(clientTLS: Contexts().client)
        for _ in 0..<2 {
            try await harness.on { layer, _ in
                for ticket in 0..<3 {
                    layer.send([65], to: bound, transport: transport, ticket: UInt64(ticket))
                }
            }
            for _ in 0..<3 { #expect(try await harness.nextFailure() == .connectionRefused) }
        }
        try await harness.on { layer, _ in #expect(layer.connectionCount == 0) }
        try await harness.end()
    }

    @Test("what waits for a connection is bounded")
    func whatWaitsForConnection() async throws {
        var limits = TransportLimits()
        limits.queuedMessages = 2
        let server = try await Harness()
        let bound = try await server.listen(.tcp)
        let harness = try await Harness(limits: limits)
        try await harness.on { layer, _ in
            for ticket in 0..<3 { layer.send([65], to: bound, transport: .tcp, ticket: UInt64(ticket)) }
        }
        #expect(try await harness.nextFailure() == .congested)
        try await harness.end()
        try await server.end()
    }

    @Test("a connection that the server closed is replaced by the next message")
    func connectionServerClosedReplaced() async throws {
        let server = try await Harness()
        let bound = try await server.listen(.tcp)
        let harness = try await Harness()
        for ticket in 1...2 {
            try await harness.on { layer, _ in
                layer.send(Array(request(ticket).utf8), to: bound, transport: .tcp, ticket: UInt64(ticket))
            }
            let flow = try await server.nextMessage().flow
            try await server.on { layer, _ in layer.close(flow.id) }
            #expect(try await harness.nextClose() == .peerClosed)
        }
        try await harness.end()
        try await server.end()
    }

    @Test("TLS without a context is refused")
    func tlsWithoutContextRefused() async throws {
        let harness = try await Harness()
        await #expect(throws: TransportLayer.ListenError.noTLSContext) { try await harness.listen(.tls) }
        try await harness.on { layer, _ in
            layer.send([65], to: Endpoint(IPAddress(v4: 0x7f00_0001), port: 1), transport: .tls, ticket: 1)
        }
        #expect(try await harness.nextFailure() == .noTLS)
        try await harness.end()
    }

    @Test(
        "what is no TLS handshake is closed and told",
        arguments: [
            ("INVITE sip:a@b SIP/2.0\r\n\r\n", HandshakeFailure.notTLS), ("GET / HTTP/1.0\r\n\r\n", .notTLS),
            ("", .timeout),
        ])
    func whatNoTlsHandshake(sent: String, reason: HandshakeFailure) async throws {
        var limits = TransportLimits()
        if sent.isEmpty { limits.handshakeTimeout = .milliseconds(150) }
        let harness = try await Harness(limits: limits, serverTLS: Contexts().server)
        let peer = try await Peer.connect(to: harness.listen(.tls))
        if !sent.isEmpty { try await peer.send(sent) }
        guard case .handshakeFailed(let found) = try await harness.next() else { throw Unexpected() }
        #expect(found == reason)
        try await harness.end()
    }

    @Test("plain SIP to a TLS listener is let in as such where it is to be answered")
    func plainToTLSIsAnswered() async throws {
        let contexts = try Contexts()
        let harness = try await Harness(serverTLS: contexts.server)
        try await harness.on { $1.echoes = true }
        let bound = try await harness.listen(.tls, answersPlain: true)
        let plain = try await Peer.connect(to: bound)
        for byte in request(1).utf8 { try await plain.channel.writeAndFlush(ByteBuffer(bytes: [byte])) }
        let flow = try await harness.nextMessage().flow
        #expect(flow.transport == .tcp)
        #expect(flow.security == nil)
        #expect(flow.listener == 3)
        #expect(await plain.read(until: "\r\n\r\n") == request(1))
        let secured = try await Peer.connect(to: bound, tls: contexts.knownClient)
        try await secured.send(request(2, body: 50_000))
        let other = try await harness.nextMessage().flow
        #expect(other.transport == .tls)
        #expect(other.security?.cipherSuite.hasPrefix("TLS_") == true)
        #expect(other.security?.peer?.covers("localhost") == true)
        #expect(await secured.read(until: "xxx").hasPrefix("OPTIONS"))
        try await harness.end()
    }

    @Test(
        "what is neither TLS nor SIP, or nothing, stays a failed handshake",
        arguments: [("\u{1}\u{2}\u{3}\u{4}\u{5}\u{6}", HandshakeFailure.notTLS), ("", .timeout)])
    func neitherTLSNorSIP(sent: String, reason: HandshakeFailure) async throws {
        var limits = TransportLimits()
        if sent.isEmpty { limits.handshakeTimeout = .milliseconds(150) }
        let harness = try await Harness(limits: limits, serverTLS: Contexts().server)
        let peer = try await Peer.connect(to: harness.listen(.tls, answersPlain: true))
        if !sent.isEmpty { try await peer.send(sent) }
        guard case .handshakeFailed(let found) = try await harness.next() else { throw Unexpected() }
        #expect(found == reason)
        try await harness.on { layer, _ in #expect(layer.connectionCount == 0) }
        try await harness.end()
    }

    @Test("messages over TLS are framed like any others")
    func messagesOverTlsFramed() async throws {
        let contexts = try Contexts()
        let harness = try await Harness(serverTLS: contexts.server)
        try await harness.on { $1.echoes = true }
        let peer = try await Peer.connect(to: harness.listen(.tls), tls: contexts.client)
        try await peer.send(request(1) + request(2, body: 50_000))
        #expect(try await harness.nextMessage().bytes == Array(request(1).utf8))
        #expect(try await harness.nextMessage().bytes.count == request(2, body: 50_000).utf8.count)
        #expect(await peer.read(until: "xxx").hasPrefix(request(1)))
        try await peer.close()
        #expect(try await harness.nextClose() == .peerClosed)
        try await harness.end()
    }

    @Test("new connections use new contexts")
    func newConnectionsUseNew() async throws {
        let old = try Contexts()
        let new = try Contexts()
        let harness = try await Harness(serverTLS: old.server)
        let bound = try await harness.listen(.tls)
        let first = try await Peer.connect(to: bound, tls: old.client)
        try await first.send(request(1))
        _ = try await harness.nextMessage()
        _ = try await harness.on { layer, _ in layer.replaceTLS(server: new.server, client: nil) }
        let second = try await Peer.connect(to: bound, tls: new.client)
        try await second.send(request(2))
        _ = try await harness.nextMessage()
        try await first.send(request(3))
        #expect(try await harness.nextMessage().bytes == Array(request(3).utf8))
        try await harness.end()
    }
}
