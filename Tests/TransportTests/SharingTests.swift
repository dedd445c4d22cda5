import CoreTypes
import Testing

@testable import Transport

@Suite("Layers that share ports", .timeLimit(.minutes(1)))
struct SharingTests {
    @Test("all that one source sends comes to one layer, which is the one that its share names")
    func steering() async throws {
        let layers = try await Self.layers(3)
        for transport in [TransportKind.udp, .tcp] {
            let bound = try await Self.listen(transport, layers)
            var reached: Set<Int> = []
            for last in UInt32(2)...25 {
                let source = IPAddress(v4: 0x7f00_0000 + last)
                let share = PortSharing(index: 0, of: layers.count).share(of: source)
                reached.insert(share)
                // Each from another port.
                for attempt in 0..<3 {
                    let text = "OPTIONS \(last) \(attempt)\r\nl: 0\r\n\r\n"
                    var peer: Peer?
                    if transport == .udp {
                        try await DatagramPeer(on: source.description).send(Array(text.utf8), to: bound)
                    } else {
                        peer = try await Peer.connect(to: bound, from: source)
                        try await peer?.send(text)
                    }
                    let (bytes, flow) = try await layers[share].nextMessage()
                    #expect(String(decoding: bytes, as: UTF8.self) == text)
                    #expect(flow.remote.address == source)
                    #expect(flow.id.connectionShare == (transport == .udp ? nil : share))
                    try await peer?.close()
                }
            }
            #expect(reached == [0, 1, 2])
        }
        for layer in layers { try await layer.end() }
    }

    @Test("shares are even, neighbors don't stay together, and an IPv6 /64 does")
    func shares() {
        let sharing = PortSharing(index: 1, of: 4)
        var sizes = [0, 0, 0, 0]
        for host in UInt32(0)..<4096 { sizes[sharing.share(of: IPAddress(v4: 0xc633_6400 + host))] += 1 }
        #expect(sizes.allSatisfy { abs($0 - 1024) < 128 })
        var networks = [0, 0, 0, 0]
        for network in UInt64(0)..<4096 {
            let share = sharing.share(of: IPAddress(v6High: 0x2001_0db8_0000_0000 + network, low: 1))
            networks[share] += 1
            #expect(share == sharing.share(of: IPAddress(v6High: 0x2001_0db8_0000_0000 + network, low: 99 << 32)))
        }
        #expect(networks.allSatisfy { abs($0 - 1024) < 128 })
        #expect(PortSharing.alone.share(of: IPAddress(v4: 0xc633_6401)) == 0)
    }

    private static func layers(_ count: Int) async throws -> [Harness] {
        var layers: [Harness] = []
        for index in 0..<count { layers.append(try await Harness(sharing: PortSharing(index: index, of: count))) }
        return layers
    }

    /// All on the port that the first got.
    private static func listen(_ transport: TransportKind, _ layers: [Harness]) async throws -> Endpoint {
        let bound = try await layers[0].listen(transport, on: "127.0.0.1:0")
        for layer in layers.dropFirst() {
            let joined = try await layer.listen(transport, on: "\(bound)")
            #expect(joined == bound)
        }
        return bound
    }
}
