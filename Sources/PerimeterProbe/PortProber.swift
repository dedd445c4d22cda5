public import CoreTypes
public import NIOCore
internal import NIOPosix
public import Perimeter
#if canImport(Musl)
    internal import Musl
#else
    internal import Glibc
#endif

/// Tries ports from where it runs, and tells those that answer from those where nobody listens, and from those that
/// something on the way keeps.
///
/// TCP by a connection that is closed at once. UDP by a question that ``PlantedListeners`` answers; what else listens there
/// will be silent, most often.
public struct PortProber: Sendable {
    /// At a time.
    private static let most = 32

    private let group: any EventLoopGroup
    /// For an answer. Of UDP a third of it after each of three questions.
    private let patience: Duration

    public init(_ group: any EventLoopGroup, patience: Duration = .seconds(2)) {
        self.group = group
        self.patience = patience
    }

    /// - Returns: what was found at each point.
    public func probe(_ points: [ProbePoint]) async -> [ProbePoint: ProbeFinding] {
        await withTaskGroup(of: (ProbePoint, ProbeFinding).self) { tasks in
            var waiting = points[...]
            var found: [ProbePoint: ProbeFinding] = [:]
            for point in waiting.prefix(Self.most) { tasks.addTask { (point, await probe(point)) } }
            waiting = waiting.dropFirst(Self.most)
            for await (point, finding) in tasks {
                found[point] = finding
                if let next = waiting.popFirst() { tasks.addTask { (next, await probe(next)) } }
            }
            return found
        }
    }

    /// From which address of this machine a target is reached: what the target sees where nothing on the way changes it.
    /// - Throws: when there is no way to it.
    public func sourceAddress(for target: IPAddress) async throws -> IPAddress? {
        let channel = try await DatagramBootstrap(group: group)
            .connect(to: try SocketAddress(ipAddress: target.description, port: 9)).get()
        let address = channel.localAddress?.ipAddress.flatMap { IPAddress($0) }
        try await channel.close()
        return address
    }

    private func probe(_ point: ProbePoint) async -> ProbeFinding {
        point.transport == .udp ? await probeDatagrams(point) : await probeStream(point)
    }

    private func probeStream(_ point: ProbePoint) async -> ProbeFinding {
        do {
            let channel = try await ClientBootstrap(group: group).connectTimeout(TimeAmount(patience))
                .connect(to: try SocketAddress(ipAddress: point.target.description, port: Int(point.port))).get()
            // Closed by the other side first is as good.
            try? await channel.close()
            return .open
        } catch let error as IOError where error.errnoCode == ECONNREFUSED {
            return .closed
        } catch {
            return .filtered
        }
    }

    private func probeDatagrams(_ point: ProbePoint) async -> ProbeFinding {
        let loop = group.next()
        let finding = loop.makePromise(of: ProbeFinding.self)
        let question = PlantedAnswer.question(UInt64.random(in: .min ... .max))
        do {
            let channel = try await DatagramBootstrap(group: loop).channelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.addHandler(AnswerHandler(finding))
                }
            }.connect(to: try SocketAddress(ipAddress: point.target.description, port: Int(point.port))).get()
            for turn in 0..<3 {
                let delay = TimeAmount(patience / 3) * turn
                loop.scheduleTask(in: delay) {
                    channel.writeAndFlush(ByteBuffer(bytes: question), promise: nil)
                }
            }
            loop.scheduleTask(in: TimeAmount(patience)) { finding.succeed(.filtered) }
            let found = try await finding.futureResult.get()
            try? await channel.close()
            return found
        } catch {
            let isRefused = (error as? IOError)?.errnoCode == ECONNREFUSED
            finding.succeed(.filtered)
            return isRefused ? .closed : .filtered
        }
    }
}

/// Waits for the answer, or for the machine's word that nobody listens (ICMP port unreachable).
private final class AnswerHandler: ChannelInboundHandler {
    typealias InboundIn = AddressedEnvelope<ByteBuffer>

    private let finding: EventLoopPromise<ProbeFinding>

    init(_ finding: EventLoopPromise<ProbeFinding>) {
        self.finding = finding
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        // Whoever answers, with whatever, is there.
        finding.succeed(.open)
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        if let error = error as? IOError, error.errnoCode == ECONNREFUSED { finding.succeed(.closed) }
    }

    func channelInactive(context: ChannelHandlerContext) {
        // By an error that was not caught above.
        finding.succeed(.filtered)
    }
}
