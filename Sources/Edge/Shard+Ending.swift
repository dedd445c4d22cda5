import CoreTypes
import Defense
import SIPMessage
import SIPProxy
import Telemetry
import Transport

/// Calls that the edge ends itself: for an operator, at their longest duration, or since a side is gone.
extension Shard {
    /// Ends a call for an operator, and writes down who asked.
    /// - Parameter actor: who asked; goes into the record.
    func endCall(_ id: String, actor: String) -> CallEndOutcome {
        guard let call = calls.find(id: id) else {
            return calls.findEnded(id: id).map { .hadEnded($0) } ?? .unknown
        }
        let before = call.state.rawValue
        record(
            SecurityEvent(
                .adminChange, .notice, expertID: call.expertID, traceID: call.facts.traceID,
                details: [
                    .init("action", "call.end"), .init("object", .string(call.id)), .init("actor", .string(actor)),
                    .init("before", .string(before)), .init("after", "ended"),
                ]), now: clock())
        tearDown(call, call.answeredAt == nil ? .refused : .answered, by: .operator, "Ended by the operator")
        return .ended(call.summary)
    }

    /// Ends a call at both of its sides: with BYE where it was answered, else with CANCEL to the callee and 480 to the
    /// caller.
    /// - Parameter text: what both sides are told in Reason (RFC 3326).
    func tearDown(_ call: Call, _ result: CallResult, by party: Call.Party? = nil, _ text: String) {
        let rounds = calls.rounds(of: call)
        guard let first = rounds.first, let last = rounds.last else { return }
        if call.answeredAt == nil {
            guard let setup = first.setup, !setup.isFinished else {
                for round in rounds { end(round, result: result, by: party, status: 480) }
                return
            }
            for round in rounds {
                // Ended before its INVITE is, so that the record says by whom.
                let setup = round.setup
                end(round, result: result, by: party, status: 480)
                if let setup { refuseLate(setup, text) }
            }
            return
        }
        // The first round knows the way to the caller, the last the way to the callee.
        for outer in first.dialogs {
            guard let inner = last.dialog(outer.tag) else { continue }
            let dialog = CallDialog(tag: outer.tag, caller: outer[.caller], callee: inner[.callee])
            hangUp(last, dialog, reason: "SIP;cause=200;text=\"\(text)\"")
        }
        for round in rounds { end(round, result: result, by: party) }
    }

    /// Answers an INVITE that is still ringing somewhere, and cancels what rings. A callee who picks up all the same is
    /// hung up on: see `hangUpLate`.
    private func refuseLate(_ context: ProxyContext, _ text: String) {
        guard !context.isFinished else { return }
        context.isTornDown = true
        if context.hasStarted { perform(context.responses.cancel(), context, latest: nil) }
        finish(
            context, local: 480, "Temporarily Unavailable",
            fields: [("Reason", "SIP;cause=480;text=\"\(text)\"")])
    }

    /// A 200 that has crossed the CANCEL of a call that the edge has ended: nobody would acknowledge it, since the caller
    /// has been told 480. So the edge does, and hangs up.
    func hangUpLate(_ ok: Message, _ client: ClientTransaction, _ context: ProxyContext) {
        guard let call = context.call, let callee = CallDialog.callee(of: ok),
            let caller = CallDialog.caller(of: context.request), let source = client.hop.remote
        else { return }
        call.learn(.callee, from: ok, source: source)
        guard let hop = hop(towards: .callee, next: callee.nextHop, call: call) else {
            return
        }
        let acknowledgment = OwnRequest.InDialog(
            method: .ack, callID: call.callID, to: callee, from: caller.identity, number: ok.cSeq.number)
        locate(hop) { [weak self] servers in
            guard let self, let server = servers.first else { return }
            let via = "SIP/2.0/\(server.transport.viaToken) \(self.localAddress(for: server))"
            self.send(
                acknowledgment.octets(via: via + ";rport;branch=\(self.branches.mint())"), to: server, ticket: 0)
            // Each 200 that comes again wants its ACK, but no further BYE.
            guard context.hungUp.count < 64, context.hungUp.insert(callee.identity).inserted else { return }
            self.ask(
                .bye, call, CallDialog(tag: ok.toTag ?? "", caller: caller, callee: callee), towards: .callee,
                number: ok.cSeq.number + 1,
                concluded: { _ in })
        }
    }

    // MARK: Liveness

    /// One round of questions to the sides of a call that is up.
    func probe(_ call: Call) {
        guard call.state == .connected, let policy = call.entrance.settings.liveness else { return }
        call.probing = arm(after: policy.every, .callLiveness(call))
        let now = clock()
        // Several dialogs are rare, and soon there is one.
        guard let dialog = call.dialogs.min(by: { $0.tag < $1.tag }) else { return }
        let tag = dialog.tag
        for side in [DialogSide.caller, .callee] {
            guard call.liveness[side]?.isDue(policy, at: now) == true else { continue }
            // A number that the side has seen already moves nothing on: the parties count on as before.
            ask(.options, call, dialog, towards: side, number: dialog[side].sequence ?? 0) { [weak self] status in
                self?.probed(call, side, dialog: tag, status: status, policy)
            }
        }
    }

    private func probed(
        _ call: Call, _ side: DialogSide, dialog tag: String, status: Int?, _ policy: CallLiveness.Policy
    ) {
        guard call.state == .connected,
            let verdict = call.liveness[side]?.answered(status, policy, at: clock())
        else { return }
        metrics.increment(EdgeMetrics.callProbes, [verdict.rawValue])
        guard verdict == .gone, let dialog = call.dialog(tag) else { return }
        guard call.dialogs.count == 1 else {
            hangUp(call, dialog, reason: Self.vanishedReason)
            _ = call.closed(dialog: tag)
            call.liveness[side] = CallLiveness(since: clock())
            return
        }
        tearDown(call, .vanished, "The other side is gone")
    }

    private static let vanishedReason = "SIP;cause=200;text=\"The other side is gone\""
}
