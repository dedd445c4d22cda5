import CoreTypes
import NIOCore
import NIOPosix
import Perimeter
import PerimeterProbe
import TestSupport
import Testing

@Suite("Ports tried from here", .timeLimit(.minutes(1)))
struct PortProberTests {
    /// Of the many that loopback has, one that nobody else listens at.
    private let address = IPAddress(v4: 0x7f40_0000 | UInt32.random(in: 1..<0x3f_ffff))
    private let group = MultiThreadedEventLoopGroup.singleton

    private func points(_ transport: TransportProtocol, _ count: Int) throws -> [ProbePoint] {
        try (0..<count).map { _ in
            ProbePoint(target: address, transport: transport, port: try FreePort.next())
        }
    }

    @Test("what answers is open, where nobody listens is closed", arguments: [TransportProtocol.tcp, .udp])
    func openAndClosed(transport: TransportProtocol) async throws {
        let (listening, silent) = (try points(transport, 40), try points(transport, 40))
        let listeners = await PlantedListeners(listening, on: group)
        #expect(listeners.planted == listening && listeners.taken.isEmpty)
        let found = await PortProber(group, patience: .seconds(5)).probe(listening + silent)
        for point in listening { #expect(found[point] == .open, "\(point)") }
        for point in silent { #expect(found[point] == .closed, "\(point)") }
        await listeners.close()
        let after = await PortProber(group, patience: .seconds(5)).probe(listening)
        #expect(Set(after.values) == [.closed])
    }

    @Test("who is there and says nothing by UDP can't be told from somebody on the way")
    func silentDatagrams() async throws {
        let peer = try await DatagramBootstrap(group: group).bind(host: address.description, port: 0).get()
        let port = try #require(peer.localAddress?.port.flatMap(UInt16.init(exactly:)))
        let point = ProbePoint(target: address, transport: .udp, port: port)
        #expect(await PortProber(group, patience: .milliseconds(300)).probe([point]) == [point: .filtered])
        try await peer.close()
    }

    @Test("a port that somebody has is left to him; to other questions nothing is said")
    func taken() async throws {
        let point = try points(.udp, 1)[0]
        let first = await PlantedListeners([point], on: group)
        let second = await PlantedListeners([point], on: group)
        #expect(second.taken == [point] && second.planted.isEmpty)
        let answers = group.next().makePromise(of: Void.self)
        let stranger = try await DatagramBootstrap(group: group).channelInitializer { channel in
            channel.eventLoop.makeCompletedFuture {
                try channel.pipeline.syncOperations.addHandler(Answered(answers))
            }
        }.connect(host: address.description, port: Int(point.port)).get()
        for text in ["", "OPTIONS sip:x SIP/2.0\r\n\r\n", "sallyport verify? ", "sallyport verify? 0123456789abcde"] {
            try await stranger.writeAndFlush(ByteBuffer(string: text))
        }
        // Answered, and after all that was sent before.
        try await stranger.writeAndFlush(ByteBuffer(string: "sallyport verify? 0123456789abcdef"))
        try await answers.futureResult.get()
        try await stranger.close()
        await first.close()
    }

    @Test("the address that a target sees is the one that leads there")
    func sourceAddress() async throws {
        let loopback = IPAddress(v4: 0x7f00_0001)
        #expect(try await PortProber(group).sourceAddress(for: loopback) == loopback)
    }
}

/// Succeeds at the answer to the one good question, and fails at any other.
private final class Answered: ChannelInboundHandler {
    typealias InboundIn = AddressedEnvelope<ByteBuffer>

    private struct Unasked: Error {
        let text: String
    }

    private let promise: EventLoopPromise<Void>

    init(_ promise: EventLoopPromise<Void>) {
        self.promise = promise
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        let text = String(buffer: unwrapInboundIn(data).data)
        if text == "sallyport verify! 0123456789abcdef" { promise.succeed() } else { promise.fail(Unasked(text: text)) }
    }
}
