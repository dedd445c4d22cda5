import CoreTypes
import NIOCore
import Testing

@testable import Transport

@Suite(.timeLimit(.minutes(1))) struct DatagramTests {
    @Test(
        "a datagram of any size arrives whole and is answered where it came from",
        arguments: [1, 2048, 2049, 60_000, 65_507])
    func datagramAnySizeArrives(size: Int) async throws {
        let harness = try await Harness()
        try await harness.on { $1.echoes = true }
        let bound = try await harness.listen(.udp)
        let peer = try await DatagramPeer()
        let message = [UInt8](repeating: 65, count: size)
        try await peer.send(message, to: bound)
        let (bytes, flow) = try await harness.nextMessage()
        #expect(bytes == message)
        #expect(flow.remote == peer.endpoint)
        #expect(flow.local == bound)
        #expect(flow.listener == 3)
        #expect(await peer.next() == message)
        try await harness.end()
    }

    @Test("keep-alives and STUN are passed over")
    func keepAlivesStunPassed() async throws {
        let harness = try await Harness()
        let bound = try await harness.listen(.udp)
        let peer = try await DatagramPeer()
        let stun: [UInt8] = [0, 1, 0, 0, 0x21, 0x12, 0xa4, 0x42] + Array(repeating: 9, count: 12)
        for ignored in [[], [13, 10], [13, 10, 13, 10], [0, 0, 0, 0], stun] { try await peer.send(ignored, to: bound) }
        try await peer.send("OPTIONS".utf8, to: bound)
        #expect(try await harness.nextMessage().bytes == Array("OPTIONS".utf8))
        try await harness.end()
    }

    @Test(
        "nothing is sent to what is no host's address",
        arguments: [
            "127.0.0.1:0", "0.0.0.0:5060", "255.255.255.255:5060", "224.0.0.1:5060", "240.0.0.1:5060", "0.1.2.3:5060",
            "[::]:5060", "[ff02::1]:5060",
        ])
    func nothingSentWhatNo(address: String) async throws {
        let harness = try await Harness()
        let bound = try await harness.listen(.udp, on: "0.0.0.0:0")
        let remote = try #require(Endpoint(address))
        try await harness.on { layer, _ in
            layer.send([65], to: remote, transport: .udp, ticket: 1)
            #expect(!layer.send([65], on: FlowID(.datagram(socket: 0, remote: remote))))
        }
        #expect(try await harness.nextFailure() == .invalidAddress)
        let peer = try await DatagramPeer()
        try await peer.send([66], to: Endpoint(IPAddress(v4: 0x7f00_0001), port: bound.port))
        #expect(try await harness.nextMessage().bytes == [66])
        try await harness.end()
    }

    @Test("a send that the system refuses leaves the socket as it was")
    func sendSystemRefusesLeaves() async throws {
        let harness = try await Harness()
        let bound = try await harness.listen(.udp)
        // Bound to loopback, so other networks can't be reached; and too long for any datagram.
        let strange = Endpoint(IPAddress(v4: 0xc000_0201), port: 5060)
        let peer = try await DatagramPeer()
        let near = try #require(peer.endpoint)
        try await harness.on { layer, _ in
            #expect(!layer.send([65], on: FlowID(.datagram(socket: 0, remote: strange))))
            #expect(!layer.send([UInt8](repeating: 65, count: 70_000), on: FlowID(.datagram(socket: 0, remote: near))))
        }
        try await peer.send([66], to: bound)
        #expect(try await harness.nextMessage().bytes == [66])
        try await harness.end()
    }

    @Test("a socket that was closed under us is bound again to the same port")
    func socketClosedUnderUs() async throws {
        let harness = try await Harness()
        let bound = try await harness.listen(.udp)
        try await harness.on { layer, _ in layer.datagramSockets[0].channel?.close(promise: nil) }
        guard case .socketChanged(false) = try await harness.next() else { throw Unexpected() }
        guard case .socketChanged(true) = try await harness.next() else { throw Unexpected() }
        let peer = try await DatagramPeer()
        try await peer.send([66], to: bound)
        #expect(try await harness.nextMessage().flow.local == bound)
        try await harness.end()
    }

    @Test("without a listener of the family a socket of our own sends and hears the answer")
    func withoutListenerFamilySocket() async throws {
        let harness = try await Harness()
        let peer = try await DatagramPeer()
        let remote = try #require(peer.endpoint)
        try await harness.on { layer, _ in layer.send([65], to: remote, transport: .udp, ticket: 9) }
        guard case .sent(9, let flow) = try await harness.next() else { throw Unexpected() }
        #expect(await peer.next() == [65])
        let source = try #require(try await harness.on { layer, _ in layer.datagramSource(toward: remote) })
        try await peer.send([66], to: Endpoint(IPAddress(v4: 0x7f00_0001), port: source.port))
        let answer = try await harness.nextMessage()
        #expect(answer.flow.id == flow)
        #expect(answer.flow.listener == -1)
        try await harness.end()
    }

    @Test("a socket for all IPv6 addresses takes IPv4, whose addresses look like IPv4")
    func socketForAllIpv6() async throws {
        let harness = try await Harness()
        try await harness.on { $1.echoes = true }
        let bound = try await harness.listen(.udp, on: "[::]:0")
        let peer = try await DatagramPeer()
        try await peer.send([66], to: Endpoint(IPAddress(v4: 0x7f00_0001), port: bound.port))
        #expect(try await harness.nextMessage().flow.remote == peer.endpoint)
        #expect(await peer.next() == [66])
        try await harness.end()
    }

    @Test("both families can have the same port")
    func bothFamiliesCanHave() async throws {
        let harness = try await Harness()
        for transport in [TransportKind.udp, .tcp] {
            let bound = try await harness.listen(transport, on: "0.0.0.0:0")
            let other = try await harness.listen(transport, on: "[::]:\(bound.port)")
            #expect(other.port == bound.port)
        }
        try await harness.end()
    }

    @Test("a port in use is an error", arguments: [TransportKind.udp, .tcp])
    func portInUseError(transport: TransportKind) async throws {
        let harness = try await Harness()
        let bound = try await harness.listen(transport)
        await #expect(throws: (any Error).self) { try await harness.listen(transport, on: bound.description) }
        try await harness.end()
    }

    @Test("the routing table knows the address we send from")
    func routingTableKnowsAddress() {
        #expect(LocalAddress.toward(IPAddress(v4: 0x7f00_0002))?.isLoopback == true)
    }
}

struct Unexpected: Error {}
