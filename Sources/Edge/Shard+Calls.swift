import Telemetry
import CoreTypes
import Defense
import SIPMessage
import SIPProxy
import Transport

/// The calls that the edge let in, from INVITE to end.
extension Shard {
    func begin(
        _ request: Message, _ facts: PassageFacts, _ decision: RouteDecision, profile: String, pass: Int, on flow: Flow,
        now: Moment
    ) -> Call {
        let key = CallKey(callID: request.callID, callerTag: request.fromTag ?? "", pass: pass)
        let call = Call(
            id: opaqueID("call"), key: key, request: request, facts: facts, profile: profile, decision: decision,
            flow: flow, at: now)
        call.learn(.caller, from: request, source: flow.remote.address, isOwn: isOwnRoute)
        calls.insert(call)
        metrics.set(EdgeMetrics.activeCalls, to: Double(calls.count))
        if let limit = settings.profiles[profile]?.maximumDuration, limit > .zero {
            call.limit = arm(after: UInt64(limit.nanoseconds), .callLimit(call))
        }
        return call
    }

    /// What a relayed response says about the state of its call.
    func follow(_ response: Message, status: Int, from source: IPAddress, _ context: ProxyContext) {
        guard let call = context.call else { return }
        if let inDialog = context.inDialog {
            if status < 300 {
                call.learn(inDialog.side.other, from: response, source: source, isOwn: isOwnRoute)
            }
            // RFC 3261 section 15.1.1: also 481 and 408 end the session; a challenge does not.
            if context.request.method == .bye, status >= 200, status != 401, status != 407 {
                hungUp(context, inDialog.side)
            }
            return
        }
        switch status {
        case 101..<200:
            call.learn(.callee, from: response, source: source, isOwn: isOwnRoute)
            if call.state == .trying { call.state = .ringing }
        case 200..<300:
            call.learn(.callee, from: response, source: source, isOwn: isOwnRoute)
            response.toTag.map(call.opened)
            connected(call)
        default:
            break
        }
    }

    /// A BYE is done with: the call ends with its last dialog.
    func hungUp(_ context: ProxyContext, _ side: DialogSide) {
        let calleeTag = side == .caller ? context.request.toTag : context.request.fromTag
        for call in context.callsPassed + [context.call].compactMap({ $0 }) where call.closed(dialog: calleeTag) {
            end(call, result: "answered", by: side)
        }
    }

    private func connected(_ call: Call) {
        guard call.answeredAt == nil, call.state != .ended else { return }
        let now = clock()
        call.answeredAt = now
        call.state = .connected
        if call.isExpert { record(event(.externalCall, of: call), now: now) }
    }

    func recordBridge(_ call: Call) {
        record(event(.h323Bridge, of: call), now: clock())
    }

    private func event(
        _ kind: SecurityEvent.Kind, of call: Call, _ more: [SecurityEvent.Detail] = []
    ) -> SecurityEvent {
        var details: [SecurityEvent.Detail] = [
            .init("call", .string(call.id)), .init("from", .string(String(call.from.prefix(256)))),
            .init("to", .string(String(call.to.prefix(256)))), .init("route", .string(call.route)),
        ]
        if let hazard = call.facts.hazard { details.append(.init("hazard", .string(hazard))) }
        return SecurityEvent(
            kind, .info, sourceIP: call.callerFlow.remote.address, expertID: call.expertID,
            traceID: call.facts.traceID, details: details + more)
    }

    /// - Parameters:
    ///   - result: `answered`, `refused`, `max_duration`.
    ///   - side: who hung up.
    ///   - status: the final response of a call that was not answered.
    func end(_ call: Call, result: String, by side: DialogSide?, status: Int? = nil) {
        guard calls.remove(call) else { return }
        call.state = .ended
        disarm(&call.limit)
        metrics.set(EdgeMetrics.activeCalls, to: Double(calls.count))
        let now = clock()
        var more: [SecurityEvent.Detail] = [.init("result", .string(result))]
        if let status { more.append(.init("status", .integer(status))) }
        if let side { more.append(.init("ended_by", side == .caller ? "caller" : "callee")) }
        if let answeredAt = call.answeredAt {
            let nanoseconds = now.monotonic - min(answeredAt.monotonic, now.monotonic)
            more.append(.init("duration_ms", .integer(Int(nanoseconds / 1_000_000))))
            metrics.observe(EdgeMetrics.callSeconds, [], Double(nanoseconds) / 1e9)
        } else {
            more.append(.init("duration_ms", 0))
        }
        metrics.increment(EdgeMetrics.calls, [call.expertID ?? "none", call.facts.hazard ?? "none", result])
        record(event(.callEnded, of: call, more), now: now)
    }
}
