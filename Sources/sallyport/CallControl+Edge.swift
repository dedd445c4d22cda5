import ControlAPI
import CoreTypes
import Edge
import Witness

extension CallControl {
    /// The calls of a running edge.
    init(_ edge: Edge) {
        self.init(
            list: { query in
                // One more than asked for shows whether there is a next page.
                let found = try await edge.calls(
                    activeOnly: query.isActive, before: query.before, limit: query.limit + 1)
                let page = found.prefix(query.limit)
                return CallPage(
                    calls: page.map { CallDocument($0, now: SystemClock.now()) },
                    next: found.count > query.limit ? page.last?.number : nil)
            },
            find: { try await edge.call($0).map { CallDocument($0, now: SystemClock.now()) } },
            end: { id, actor in
                switch try await edge.endCall(id, actor: actor) {
                case .ended(let call): .ended(CallDocument(call, now: SystemClock.now()))
                case .hadEnded(let call): .hadEnded(CallDocument(call, now: SystemClock.now()))
                case .unknown: .unknown
                }
            })
    }
}

extension CallDocument {
    init(_ call: CallSummary, now: Moment) {
        self.init(
            id: call.id, number: call.number, state: call.state, callID: call.callID, from: call.from, to: call.to,
            sourceIP: call.source.address.description, sourcePort: Int(call.source.port),
            transport: call.transport.rawValue, profile: call.profile, route: call.route,
            startedAt: CivilTime(millisecondsSince1970: call.startedAt).rfc3339,
            durationMilliseconds: call.milliseconds ?? call.answeredAt.map { Int(max(0, now.wall - $0)) } ?? 0)
        traceID = call.traceID
        expertID = call.expertID
        hazard = call.hazard
        organization = call.organization
        tlsVersion = call.tlsVersion
        cipherSuite = call.cipherSuite
        authenticatedUser = call.authenticatedUser
        ringingAt = timestamp(call.ringingAt)
        answeredAt = timestamp(call.answeredAt)
        endedAt = timestamp(call.endedAt)
        result = call.result?.rawValue
        status = call.status
        endedBy = call.endedBy
    }
}
