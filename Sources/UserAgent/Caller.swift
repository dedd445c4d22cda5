public import CoreTypes
internal import NIOCore
internal import NIOPosix
public import TransportSecurity
internal import SIPMessage

/// Places calls: INVITE, answers to challenges, ACK, a hold, BYE.
///
/// For trying an edge, not for talking: no media flows. Safe to use from any task; `shutdown` when done.
public final class Caller: Sendable {
    private let loop: any EventLoop
    private let line: NIOLoopBound<Line>

    /// - Parameters:
    ///   - tls: for calls by TLS, from `ClientTLS`.
    ///   - source: the address of this machine to call from; nil: the system chooses.
    public init(tls: TLSContext? = nil, source: IPAddress? = nil) async throws {
        let loop = MultiThreadedEventLoopGroup.singleton.next()
        self.loop = loop
        line = try await loop.submit { NIOLoopBound(Line(loop: loop, tls: tls, source: source), eventLoop: loop) }.get()
    }

    /// Places one call and sees it through.
    /// - Parameter onAnswer: told each answer to the INVITE as it comes.
    public func place(
        _ plan: CallPlan, onAnswer: @escaping @Sendable (CallAnswer) -> Void = { _ in }
    ) async -> CallReport {
        let callID = Token.make()
        let (events, continuation) = AsyncStream<CallEvent>.makeStream()
        let local: Endpoint
        do {
            local = try await loop.flatSubmit { [line] in
                line.value.open(callID, toward: plan.remote, transport: plan.transport, continuation)
            }.get()
        } catch {
            var report = CallReport()
            report.callID = callID
            report.ending = .failed("no way to \(plan.remote): \(error)")
            return report
        }
        var passage = CallPassage(
            dialog: ClientDialog(plan: plan, callID: callID, local: local),
            post: { [loop, line] action in loop.execute { action(line.value) } }, onAnswer: onAnswer)
        let report = await passage.run(events)
        loop.execute { [line] in line.value.close(callID) }
        return report
    }

    public func shutdown() async {
        try? await loop.submit { [line] in line.value.shutdown() }.get()
    }
}
