import CoreTypes
import NIOCore
import Testing

@testable import Transport

/// IPv6 wherever IPv4 works.
@Suite(.timeLimit(.minutes(1))) struct FamilyTests {
    private static let loopback = IPAddress(v6High: 0, low: 1)

    @Test("listeners on IPv6 are met over IPv6, and answer", arguments: TransportKind.allCases)
    func overIPv6(transport: TransportKind) async throws {
        let contexts = try Contexts()
        let server = try await Harness(serverTLS: contexts.server)
        try await server.on { $1.echoes = true }
        let bound = try await server.listen(transport, on: "[::1]:0")
        #expect(bound.address == Self.loopback)
        let harness = try await Harness(clientTLS: contexts.client)
        try await harness.on { layer, _ in
            layer.send(
                Array(request().utf8), to: bound, transport: transport, tlsServerName: "localhost", ticket: 1)
        }
        let flow = try await server.nextMessage().flow
        #expect(flow.remote.address == Self.loopback)
        #expect(flow.local == bound)
        let answer = try await harness.nextMessage()
        #expect(answer.bytes == Array(request().utf8))
        #expect(answer.flow.remote == bound)
        try await harness.end()
        try await server.end()
    }

    @Test("a listener on all addresses shows IPv4 peers as IPv4", arguments: [TransportKind.tcp, .udp])
    func mapped(transport: TransportKind) async throws {
        let server = try await Harness()
        try await server.on { $1.echoes = true }
        let bound = try await server.listen(transport, on: "[::]:0")
        let near = Endpoint(IPAddress(v4: 0x7f00_0001), port: bound.port)
        let harness = try await Harness()
        try await harness.on { layer, _ in
            layer.send(Array(request().utf8), to: near, transport: transport, ticket: 1)
        }
        let flow = try await server.nextMessage().flow
        #expect(flow.remote.address == near.address)
        #expect(try await harness.nextMessage().bytes == Array(request().utf8))
        try await harness.end()
        try await server.end()
    }

    @Test(
        "a UDP socket outlives every destination", arguments: ["127.0.0.1:0", "0.0.0.0:0", "[::1]:0", "[::]:0"])
    func hostileDestinations(listener: String) async throws {
        let harness = try await Harness()
        let bound = try await harness.listen(.udp, on: listener)
        let isV6 = bound.address.family == .v6
        let own = isV6 ? Self.loopback : IPAddress(v4: 0x7f00_0001)
        // A port where nobody listens: each datagram to it comes back as an ICMP error.
        let closed = Endpoint(own, port: 1)
        let hostile = [
            Endpoint(own, port: 0), closed, Endpoint("255.255.255.255:5060"), Endpoint("127.255.255.255:5060"),
            Endpoint("224.0.0.1:5060"), Endpoint("0.0.0.0:5060"), Endpoint("240.0.0.1:5060"),
            Endpoint("192.0.2.1:5060"),
            Endpoint("[ff02::1]:5060"), Endpoint("[::]:5060"), Endpoint("[fe80::1]:5060"),
            Endpoint("[2001:db8::1]:5060"),
        ].compactMap { $0 }
        #expect(hostile.count == 12)
        let peer = try await DatagramPeer(on: own.description)
        for round in 0..<3 {
            try await harness.on { layer, _ in
                for remote in hostile {
                    _ = layer.send([65], on: FlowID(.datagram(socket: 0, remote: remote)))
                    _ = layer.send([66], on: FlowID(.datagram(socket: 0, remote: remote)))
                }
            }
            let hello = UInt8(100 + round)
            try await peer.send([hello], to: Endpoint(own, port: bound.port))
            let message = try await harness.nextMessage()
            #expect(message.bytes == [hello])
            try await harness.on { layer, _ in #expect(layer.send([hello], on: message.flow.id)) }
            #expect(await peer.next() == [hello])
        }
        try await harness.on { layer, _ in #expect(layer.datagramSockets[0].bound == bound) }
        try await harness.end()
    }

    @Test("keep-alives are passed over on both families", arguments: ["127.0.0.1", "::1"])
    func keepAlives(host: String) async throws {
        let harness = try await Harness()
        let address = try #require(IPAddress(host))
        let bound = try await harness.listen(.udp, on: "\(address.uriText):0")
        let peer = try await DatagramPeer(on: host)
        let stun: [UInt8] = [0, 1, 0, 8, 0x21, 0x12, 0xa4, 0x42] + Array(repeating: 9, count: 20)
        let ignored: [[UInt8]] = [[], [0], [0, 0, 0, 0], [13], [10], [13, 10], [13, 10, 13, 10], stun]
        for octets in ignored { try await peer.send(octets, to: bound) }
        try await peer.send([65], to: bound)
        guard case .received([65], _) = try await harness.next() else { throw Unexpected() }
        try await harness.end()
    }

    @Test("the address that we send from is asked for once in a while, for so many peers")
    func localAddressesKept() async throws {
        let harness = try await Harness()
        let bound = try await harness.listen(.tcp, on: "0.0.0.0:0")
        try await harness.on { layer, _ in
            for last in 0..<3000 {
                let remote = Endpoint(IPAddress(v4: 0x7f00_0001 + UInt32(last)), port: 5060)
                let local = layer.localEndpoint(facing: remote, transport: .tcp)
                #expect(local?.address.isLoopback == true)
                #expect(local?.port == bound.port)
                #expect(layer.localEndpoint(facing: remote, transport: .tcp) == local)
            }
            #expect(layer.localAddresses.count == 1024)
        }
        try await harness.end()
    }
}
