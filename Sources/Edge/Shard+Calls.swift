import Telemetry
import CoreTypes
import Defense
import SIPMessage
import SIPProxy
import Transport

/// The calls that the edge let in, from INVITE to end.
extension Shard {
    func begin(
        _ request: Message, _ facts: PassageFacts, _ decision: RouteDecision, _ entrance: Entrance, pass: Int,
        on flow: Flow, now: Moment
    ) -> Call {
        let call = Call(
            id: opaqueID("call"), number: common.nextCallNumber(),
            key: calls.key(of: request, callerTag: request.fromTagRange, pass: pass), request: request, facts: facts,
            entrance: entrance, decision: decision, flow: flow, at: now)
        call.learn(.caller, from: request, source: flow.remote.address)
        calls.insert(call)
        limitDuration(of: call)
        return call
    }

    /// Counted from the INVITE, so that nothing rings for ever, and anew from the answer.
    private func limitDuration(of call: Call) {
        let limit = call.entrance.settings.maximumDuration
        guard limit > .zero else { return }
        disarm(&call.limit)
        call.limit = arm(after: UInt64(limit.nanoseconds), .callLimit(call))
    }

    /// What a relayed response says about the state of its call.
    func follow(_ response: Message, status: Int, from source: IPAddress, _ context: ProxyContext) {
        guard let call = context.call else { return }
        if let inDialog = context.inDialog {
            if status < 300 {
                call.learn(inDialog.side.other, from: response, source: source)
            }
            answered(response, status: status, inDialog.side, context)
            // RFC 3261 section 15.1.1: also 481 and 408 end the session; a challenge does not.
            if context.request.method == .bye, status >= 200, status != 401, status != 407 {
                hungUp(context, inDialog.side)
            }
            return
        }
        follow(response, status: status, from: source, of: call)
    }

    /// A response to the INVITE that sets a call up.
    func follow(_ response: Message, status: Int, from source: IPAddress, of call: Call) {
        switch status {
        case 101..<200:
            call.learn(.callee, from: response, source: source)
            call.rings(at: clock())
        case 200..<300:
            call.learn(.callee, from: response, source: source)
            if let tag = response.toTag { call.opened(dialog: tag, by: response) }
            connected(call)
        default:
            break
        }
    }

    /// A side has answered a request inside the dialog: it is there, and may have named a new Contact.
    private func answered(_ response: Message, status: Int, _ asker: DialogSide, _ context: ProxyContext) {
        context.eachCall { call in
            if status != 408, status != 481, status != 503 { call.liveness[asker.other]?.heard(at: clock()) }
            if (200..<300).contains(status) {
                call.refreshed(by: context.request, of: asker, answer: response)
            }
        }
    }

    /// A BYE is done with: the call ends with its last dialog.
    func hungUp(_ context: ProxyContext, _ side: DialogSide) {
        let calleeTag = side == .caller ? context.request.toTag : context.request.fromTag
        context.eachCall { call in
            if call.closed(dialog: calleeTag) { end(call, result: .answered, by: .init(side)) }
        }
    }

    private func connected(_ call: Call) {
        let now = clock()
        guard call.answered(at: now) else { return }
        limitDuration(of: call)
        if let liveness = call.entrance.settings.liveness {
            call.liveness = Sides(caller: CallLiveness(since: now), callee: CallLiveness(since: now))
            call.probing = arm(after: liveness.every, .callLiveness(call))
        }
        if call.isExpert { record(event(.externalCall, of: call), now: now) }
    }

    func recordBridge(_ call: Call) {
        record(event(.h323Bridge, of: call), now: clock())
    }

    private func event(
        _ kind: SecurityEvent.Kind, of call: Call, _ more: [SecurityEvent.Detail] = []
    ) -> SecurityEvent {
        var details: [SecurityEvent.Detail] = [
            .init("call", .string(call.id)), .init("from", .string(call.from.cut(to: 256))),
            .init("to", .string(call.to.cut(to: 256))), .init("route", .string(call.route)),
        ]
        if let hazard = call.facts.hazard { details.append(.init("hazard", .string(hazard))) }
        return SecurityEvent(
            kind, .info, sourceIP: call.callerFlow.remote.address, expertID: call.expertID,
            traceID: call.facts.traceID, details: details + more)
    }

    /// - Parameters:
    ///   - party: who hung up.
    ///   - status: the final response of a call that was not answered.
    func end(_ call: Call, result: CallResult, by party: Call.Party? = nil, status: Int? = nil) {
        guard call.state != .ended else { return }
        let now = clock()
        call.ended(.init(at: now, result: result, by: party, status: status))
        calls.remove(call)
        disarm(&call.limit)
        disarm(&call.probing)
        let milliseconds = call.summary.milliseconds ?? 0
        var more: [SecurityEvent.Detail] = [.init("result", .string(result.rawValue))]
        if let status { more.append(.init("status", .integer(status))) }
        if let party { more.append(.init("ended_by", .string(party.rawValue))) }
        more.append(.init("duration_ms", .integer(milliseconds)))
        if call.answeredAt != nil { metrics.observe(EdgeMetrics.callSeconds, [], Double(milliseconds) / 1000) }
        metrics.increment(
            EdgeMetrics.calls, [call.expertID ?? "none", call.facts.hazard ?? "none", result.rawValue])
        record(event(.callEnded, of: call, more), now: now)
    }
}
