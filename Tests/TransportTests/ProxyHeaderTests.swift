import CoreTypes
import NIOCore
import NIOSSL
import TransportSecurity
import Testing

@testable import Transport

/// A PROXY header of version 2 for a client towards 198.51.100.1:5060 or its like.
private func header(_ client: String, command: UInt8 = 1, family: UInt8? = nil, tail: [UInt8] = []) -> [UInt8] {
    guard let client = Endpoint(client) else { return [] }
    let source = client.address.bytes
    let server = [UInt8](repeating: 1, count: source.count)
    let ports = [UInt8(client.port >> 8), UInt8(client.port & 255), 0x13, 0xc4]
    let body = source + server + ports + tail
    return [13, 10, 13, 10, 0, 13, 10, 0x51, 0x55, 0x49, 0x54, 10]
        + [
            0x20 | command, family ?? (source.count == 4 ? 0x11 : 0x21), UInt8(body.count >> 8),
            UInt8(body.count & 255),
        ]
        + body
}

@Suite(.timeLimit(.minutes(1))) struct ProxyHeaderTests {
    /// Where the tests' connections come from.
    private static let here = [IPNetwork(IPAddress(v4: 0x7f00_0000), prefixLength: 8)].compactMap { $0 }
    private static let elsewhere = [IPNetwork(IPAddress(v4: 0xc000_0200), prefixLength: 24)].compactMap { $0 }
    private static let balancer = header("127.0.0.1:1", command: 0, family: 0)

    @Test(
        "a header is read once it is whole, wherever it is cut",
        arguments: [
            (header("192.0.2.7:40000"), "192.0.2.7:40000"),
            (header("[2001:db8::7]:1"), "[2001:db8::7]:1"),
            (header("192.0.2.7:40000", tail: [3, 0, 4, 1, 2, 3, 4]), "192.0.2.7:40000"),
            (header("192.0.2.7:40000", tail: [UInt8](repeating: 0, count: 508)), "192.0.2.7:40000"),
            (balancer, nil),
        ])
    func wholeHeader(octets: [UInt8], client: String?) {
        for cut in 0..<octets.count { #expect(ProxyHeader.read(octets[..<cut]) == .needMore) }
        let expected = ProxyHeader(source: client.flatMap { Endpoint($0) }, length: octets.count)
        #expect(ProxyHeader.read(octets) == .found(expected))
        #expect(ProxyHeader.read(octets + [0x16, 3, 1]) == .found(expected))
    }

    @Test(
        "what is no header of version 2 for TCP is invalid",
        arguments: [
            Array("PROXY TCP4 192.0.2.7 198.51.100.1 4 5\r\n".utf8), Array("OPTIONS sip:a SIP/2.0\r\n".utf8),
            [0x16, 3, 1],
            [13, 10, 13, 10, 13, 10],
            // A datagram's client, a Unix socket's, an unknown one's; an unknown command; another version.
            header("192.0.2.7:1", family: 0x12), header("192.0.2.7:1", family: 0x31), header("192.0.2.7:1", family: 0),
            header("192.0.2.7:1", command: 2), header("192.0.2.7:1", command: 0x11),
            // An address that does not fit, one that is no client's, and more than anybody needs.
            header("192.0.2.7:1", family: 0x21), header("0.0.0.0:1"), header("224.0.0.1:1"),
            header("192.0.2.7:1", tail: [UInt8](repeating: 0, count: 509)),
        ] as [[UInt8]])
    func invalid(octets: [UInt8]) {
        #expect(ProxyHeader.read(octets) == .invalid)
    }

    @Test("the real client is who the flow's remote is", arguments: ["192.0.2.7:40000", "[2001:db8::7]:40000"])
    func realClient(client: String) async throws {
        let harness = try await Harness()
        try await harness.on { $1.echoes = true }
        let peer = try await Peer.connect(to: harness.listen(.tcp, proxies: Self.here))
        for byte in header(client) + Array(request().utf8) {
            try await peer.channel.writeAndFlush(ByteBuffer(bytes: [byte]))
        }
        let flow = try await harness.nextMessage().flow
        #expect(flow.remote == Endpoint(client))
        #expect(try await harness.on { _, recorder in recorder.asked } == [flow.remote])
        #expect(await peer.read(until: "\r\n\r\n") == request())
        try await harness.end()
    }

    @Test("a header and a message in one packet are told apart", arguments: [true, false])
    func together(isBalancer: Bool) async throws {
        let harness = try await Harness()
        let octets = isBalancer ? Self.balancer : header("192.0.2.7:1")
        let peer = try await Peer.connect(
            to: harness.listen(.tcp, proxies: Self.here), preface: octets + Array(request().utf8))
        let message = try await harness.nextMessage()
        #expect(message.bytes == Array(request().utf8))
        #expect(message.flow.remote == (isBalancer ? Endpoint(peer.channel.localAddress) : Endpoint("192.0.2.7:1")))
        try await harness.end()
    }

    @Test("TLS begins behind the header", arguments: [true, false])
    func tls(answersPlain: Bool) async throws {
        let contexts = try Contexts()
        let harness = try await Harness(serverTLS: contexts.server)
        let bound = try await harness.listen(.tls, proxies: Self.here, answersPlain: answersPlain)
        let peer = try await Peer.connect(to: bound, tls: contexts.client, preface: header("192.0.2.7:40000"))
        try await peer.send(request())
        let flow = try await harness.nextMessage().flow
        #expect(flow.remote == Endpoint("192.0.2.7:40000"))
        #expect(flow.security?.cipherSuite.hasPrefix("TLS_") == true)
        try await peer.close()
        #expect(try await harness.nextClose() == .peerClosed)
        try await harness.on { layer, _ in #expect(layer.connectionCount == 0) }
        try await harness.end()
    }

    @Test(
        "a load balancer that does not say for whom it speaks is closed and counted",
        arguments: [request(), "PROXY TCP4 192.0.2.7 198.51.100.1 4 5\r\n" + request(), "", "\r\n\r\n"])
    func withoutHeader(sent: String) async throws {
        var limits = TransportLimits()
        limits.handshakeTimeout = .milliseconds(150)
        let harness = try await Harness(limits: limits)
        let bound = try await harness.listen(.tcp, proxies: Self.here)
        // The reset may come before the connection counts as made, here and below.
        let peer = try? await Peer.connect(to: bound, preface: Array(sent.utf8))
        #expect(try await harness.nextRefusal() == .proxyHeader)
        #expect(await peer?.read() ?? "" == "")
        try await harness.on { layer, recorder in
            #expect(layer.connectionCount == 0)
            #expect(recorder.asked.isEmpty)
        }
        try await harness.end()
    }

    @Test("from anybody else a header is junk")
    func untrusted() async throws {
        let harness = try await Harness()
        let peer = try await Peer.connect(to: harness.listen(.tcp, proxies: Self.elsewhere))
        try await peer.channel.writeAndFlush(ByteBuffer(bytes: header("192.0.2.7:1") + Array(request().utf8)))
        while true {
            if case .unframeable = try await harness.next() { break }
        }
        #expect(try await harness.on { _, recorder in recorder.asked } == [Endpoint(peer.channel.localAddress)])
        try await harness.end()
    }

    @Test("caps count the real client")
    func caps() async throws {
        var limits = TransportLimits()
        limits.connectionsPerSource = 1
        let harness = try await Harness(limits: limits)
        let bound = try await harness.listen(.tcp, proxies: Self.here)
        let first = try await Peer.connect(to: bound, preface: header("192.0.2.7:1"))
        #expect(try await harness.nextOpened().remote == Endpoint("192.0.2.7:1"))
        let second = try? await Peer.connect(to: bound, preface: header("192.0.2.7:2"))
        #expect(try await harness.nextRefusal() == .connectionsPerSource)
        let third = try await Peer.connect(to: bound, preface: header("192.0.2.8:1"))
        #expect(try await harness.nextOpened().remote == Endpoint("192.0.2.8:1"))
        try await first.close()
        #expect(try await harness.nextClose() == .peerClosed)
        let fourth = try await Peer.connect(to: bound, preface: header("192.0.2.7:3"))
        #expect(try await harness.nextOpened().remote == Endpoint("192.0.2.7:3"))
        withExtendedLifetime((second, third, fourth)) {}
        try await harness.end()
    }

    @Test("the observer is asked about the real client, and can turn it away")
    func observerRefuses() async throws {
        let harness = try await Harness()
        try await harness.on { $1.admits = false }
        let bound = try await harness.listen(.tcp, proxies: Self.here)
        let peer = try? await Peer.connect(to: bound, preface: header("192.0.2.7:1"))
        #expect(try await harness.nextRefusal() == .observer)
        #expect(await peer?.read() ?? "" == "")
        try await harness.on { layer, recorder in
            #expect(recorder.asked == [Endpoint("192.0.2.7:1")])
            #expect(layer.connectionCount == 0)
        }
        try await harness.end()
    }

    @Test("headers that never come hold no more connections than the limit")
    func waitingIsLimited() async throws {
        var limits = TransportLimits()
        limits.connections = 1
        let harness = try await Harness(limits: limits)
        let bound = try await harness.listen(.tcp, proxies: Self.here)
        let first = try await Peer.connect(to: bound)
        let second = try? await Peer.connect(to: bound)
        #expect(try await harness.nextRefusal() == .connections)
        withExtendedLifetime((first, second)) {}
        try await harness.end()
    }

    @Test("datagrams have no such header")
    func datagrams() async throws {
        let harness = try await Harness()
        await #expect(throws: TransportLayer.ListenError.proxiesOfDatagrams) {
            try await harness.listen(.udp, proxies: Self.here)
        }
        try await harness.end()
    }
}
