internal import CoreTypes
public import NIOCore
internal import NIOPosix
public import Perimeter

/// What a question by UDP and its answer look like: of one length, so that nobody gains by sending questions in somebody
/// else's name.
enum PlantedAnswer {
    private static let asked = "sallyport verify? "
    private static let answered = "sallyport verify! "

    static func question(_ number: UInt64) -> [UInt8] { Array((asked + hexadecimal(number)).utf8) }

    static func answer(to question: [UInt8]) -> [UInt8] {
        Array(answered.utf8) + question.dropFirst(asked.utf8.count)
    }

    static func isQuestion(_ octets: some Collection<UInt8>) -> Bool {
        octets.count == asked.utf8.count + 16 && octets.starts(with: asked.utf8)
    }

    private static func hexadecimal(_ number: UInt64) -> String {
        let digits = String(number, radix: 16)
        return String(repeating: "0", count: 16 - digits.count) + digits
    }
}

/// Listens at the ports that are going to be tried and that nobody else has: so a hole in the firewall shows, which would
/// look closed without.
public final class PlantedListeners: Sendable {
    /// Where it listens, and where somebody else does.
    public let planted: [ProbePoint]
    public let taken: [ProbePoint]
    private let channels: [any Channel]

    /// - Parameter points: addresses of this machine, with ports.
    public init(_ points: [ProbePoint], on group: any EventLoopGroup) async {
        var planted: [ProbePoint] = []
        var taken: [ProbePoint] = []
        var channels: [any Channel] = []
        for point in points {
            do {
                channels.append(try await Self.listen(point, group))
                planted.append(point)
            } catch {
                taken.append(point)
            }
        }
        self.planted = planted
        self.taken = taken
        self.channels = channels
    }

    public func close() async {
        // One that is closed already is.
        for channel in channels { try? await channel.close() }
    }

    private static func listen(_ point: ProbePoint, _ group: any EventLoopGroup) async throws -> any Channel {
        let address = try SocketAddress(ipAddress: point.target.description, port: Int(point.port))
        // Else a socket of all addresses takes those of IPv4 as well, and one of the two can't be had.
        let onlyOwnFamily = ChannelOptions.Types.SocketOption(level: .ipv6, name: .ipv6_v6only)
        guard point.transport == .udp else {
            var bootstrap = ServerBootstrap(group: group)
            if point.target.family == .v6 { bootstrap = bootstrap.serverChannelOption(onlyOwnFamily, value: 1) }
            return try await bootstrap.serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
                .childChannelInitializer { channel in channel.close() }
                .bind(to: address).get()
        }
        var bootstrap = DatagramBootstrap(group: group)
        if point.target.family == .v6 { bootstrap = bootstrap.channelOption(onlyOwnFamily, value: 1) }
        return try await bootstrap.channelInitializer { channel in
            channel.eventLoop.makeCompletedFuture {
                try channel.pipeline.syncOperations.addHandler(QuestionHandler())
            }
        }.bind(to: address).get()
    }
}

private final class QuestionHandler: ChannelInboundHandler {
    typealias InboundIn = AddressedEnvelope<ByteBuffer>
    typealias OutboundOut = AddressedEnvelope<ByteBuffer>

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        let envelope = unwrapInboundIn(data)
        let octets = Array(envelope.data.readableBytesView)
        // NIO closes a socket for an answer to port 0.
        guard PlantedAnswer.isQuestion(octets), envelope.remoteAddress.port != 0 else { return }
        let answer = AddressedEnvelope(
            remoteAddress: envelope.remoteAddress, data: ByteBuffer(bytes: PlantedAnswer.answer(to: octets)))
        context.writeAndFlush(wrapOutboundOut(answer), promise: nil)
    }
}
