import CoreTypes
import NIOCore
import NIOSSL
import TransportSecurity
import Testing

@testable import Transport

/// Accepted connections that carry requests the other way (RFC 5923).
@Suite(.timeLimit(.minutes(1))) struct ReuseTests {
    /// Nobody listens there: what reaches it has come over the connection.
    private static let advertised = Endpoint(IPAddress(v4: 0x7f00_0001), port: 1)

    @Test(
        "a request goes back over the connection of a client that proved its name",
        arguments: ["localhost", "LOCALHOST", nil])
    func provenName(name: String?) async throws {
        let contexts = try Contexts()
        let harness = try await Harness(serverTLS: contexts.server, clientTLS: contexts.client)
        let peer = try await Peer.connect(to: harness.listen(.tls), tls: contexts.knownClient)
        let flow = try await harness.nextOpened()
        try await harness.on { layer, _ in
            #expect(layer.alias(flow.id, endpoint: Self.advertised, name: name))
            layer.send(
                Array(request(7).utf8), to: Self.advertised, transport: .tls, tlsServerName: name, ticket: 7)
        }
        guard case .sent(7, let used) = try await harness.next() else { throw Unexpected() }
        #expect(used == flow.id)
        #expect(await peer.read(until: "\r\n\r\n") == request(7))
        // Only for the name that was asked for, and only as long as the connection is there.
        try await peer.close()
        #expect(try await harness.nextClose() == .peerClosed)
        try await harness.on { layer, _ in
            #expect(layer.aliases.isEmpty)
            layer.send([65], to: Self.advertised, transport: .tls, tlsServerName: name, ticket: 8)
        }
        #expect(try await harness.nextFailure() == .connectionRefused)
        try await harness.end()
    }

    @Test("a certificate for another name, or none, opens no way back", arguments: [true, false])
    func otherName(showsCertificate: Bool) async throws {
        let contexts = try Contexts()
        let harness = try await Harness(serverTLS: contexts.server, clientTLS: contexts.client)
        let peer = try await Peer.connect(
            to: harness.listen(.tls), tls: showsCertificate ? contexts.knownClient : contexts.client)
        let flow = try await harness.nextOpened()
        let name = showsCertificate ? "victim.example.org" : "localhost"
        try await harness.on { layer, _ in
            #expect(!layer.alias(flow.id, endpoint: Self.advertised, name: name))
            layer.send([65], to: Self.advertised, transport: .tls, tlsServerName: name, ticket: 1)
        }
        #expect(try await harness.nextFailure() == .connectionRefused)
        withExtendedLifetime(peer) {}
        try await harness.end()
    }

    @Test(
        "over TCP a way back leads to the connection's own address only",
        arguments: [("127.0.0.1:1", true), ("127.0.0.2:1", false), ("127.0.0.1:0", false), ("224.0.0.1:1", false)])
    func plain(endpoint: String, isTaken: Bool) async throws {
        let harness = try await Harness()
        let endpoint = try #require(Endpoint(endpoint))
        let peer = try await Peer.connect(to: harness.listen(.tcp))
        let flow = try await harness.nextOpened()
        try await harness.on { layer, _ in
            #expect(layer.alias(flow.id, endpoint: endpoint) == isTaken)
            layer.send(Array(request(7).utf8), to: endpoint, transport: .tcp, ticket: 7)
        }
        if isTaken {
            #expect(await peer.read(until: "\r\n\r\n") == request(7))
        } else {
            _ = try await harness.nextFailure()
        }
        try await harness.end()
    }

    @Test("plain SIP to a TLS listener speaks for nobody")
    func plainToTLS() async throws {
        let harness = try await Harness(serverTLS: Contexts().server)
        let peer = try await Peer.connect(to: harness.listen(.tls, answersPlain: true))
        try await peer.send(request())
        let flow = try await harness.nextMessage().flow
        try await harness.on { layer, _ in
            #expect(!layer.alias(flow.id, endpoint: Endpoint(flow.remote.address, port: 1)))
        }
        try await harness.end()
    }

    @Test("a connection stands for a few addresses, and the newest connection for each")
    func bounded() async throws {
        let harness = try await Harness()
        let bound = try await harness.listen(.tcp)
        let older = try await Peer.connect(to: bound)
        let first = try await harness.nextOpened()
        let newer = try await Peer.connect(to: bound)
        let second = try await harness.nextOpened()
        try await harness.on { layer, _ in
            for port in 1...6 {
                let endpoint = Endpoint(first.remote.address, port: UInt16(port))
                #expect(layer.alias(first.id, endpoint: endpoint) == (port <= 4))
            }
            #expect(layer.alias(second.id, endpoint: Self.advertised))
            layer.send(Array(request(9).utf8), to: Self.advertised, transport: .tcp, ticket: 9)
        }
        #expect(await newer.read(until: "\r\n\r\n") == request(9))
        try await newer.close()
        #expect(try await harness.nextClose() == .peerClosed)
        try await harness.on { layer, _ in #expect(layer.aliases.count == 3) }
        withExtendedLifetime(older) {}
        try await harness.end()
    }

    @Test("what was opened from here, or is gone, or is a datagram's, has no other address")
    func notAccepted() async throws {
        let server = try await Harness()
        let bound = try await server.listen(.tcp)
        let harness = try await Harness()
        try await harness.on { layer, _ in
            layer.send(Array(request().utf8), to: bound, transport: .tcp, ticket: 1)
        }
        let flow = try await harness.nextOpened()
        try await harness.on { layer, _ in
            #expect(!layer.alias(flow.id, endpoint: Self.advertised))
            #expect(!layer.alias(FlowID(.connection(99)), endpoint: Self.advertised))
            #expect(!layer.alias(FlowID(.datagram(socket: 0, remote: bound)), endpoint: Self.advertised))
        }
        try await harness.end()
        try await server.end()
    }
}
