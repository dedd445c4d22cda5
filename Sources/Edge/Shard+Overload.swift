import CoreTypes
import Defense
import Logging
import SIPMessage
import Telemetry
import Transport

/// More calls than the edge can bear: refusing new ones in time for those that are up.
extension Shard {
    private static let lookEvery: UInt64 = 50_000_000
    /// An eighth of what is too much.
    private static let sheddingBacklog = 0.125

    func lookAtLoad() {
        let now = clock()
        let load = OverloadControl.Load(
            backlog: transport?.receiveBacklog() ?? 0,
            lag: loadDue == 0 ? 0 : now.monotonic - min(loadDue, now.monotonic),
            witnessWait: witnessWaitsSince.map { now.monotonic - min($0, now.monotonic) } ?? 0,
            refusedUnread: packetsRefusedUnread)
        packetsRefusedUnread = 0
        strangersAnswered = 0
        shedsStrangers = load.backlog > Self.sheddingBacklog
        metrics.set(EdgeMetrics.receiveBacklog, to: load.backlog)
        metrics.set(EdgeMetrics.loopLag, to: Double(load.lag) / 1e9)
        overloadRecordedAt = overloadRecordedAt == 0 ? now.monotonic : overloadRecordedAt
        switch overload.sample(load, now: now.monotonic) {
        case .overloaded?:
            let limit = Int(overload.limit ?? 0)
            logger.warning("overloaded: new requests are limited to \(limit) a second until it is over")
            let details: [SecurityEvent.Detail] = [
                .init("component", "capacity"), .init("limit_per_second", .integer(limit)),
                .init("backlog_percent", .integer(Int(load.backlog * 100))),
                .init("lag_ms", .integer(Int(load.lag / 1_000_000))),
                .init("witness_wait_ms", .integer(Int(load.witnessWait / 1_000_000))),
            ]
            record(SecurityEvent(.degraded, .alert, details: details), now: now)
        case .recovered?:
            logger.notice("no longer overloaded")
            record(SecurityEvent(.recovered, .notice, details: [.init("component", "capacity")]), now: now)
        case nil:
            break
        }
        metrics.set(EdgeMetrics.overloadLimit, to: overload.limit ?? 0)
        recordOverloadRefusals(now: now)
        loadDue = clock().monotonic + Self.lookEvery
        _ = arm(after: Self.lookEvery, .load)
    }

    func recordOverloadRefusals(now: Moment) {
        guard overloadRefusals + strangersShed > 0,
            now.monotonic - min(overloadRecordedAt, now.monotonic) >= 1_000_000_000
        else {
            return
        }
        overloadRecordedAt = now.monotonic
        recordStrangersShed(now: now)
        writeOverloadRefusals(now: now)
    }

    func writeOverloadRefusals(now: Moment) {
        guard overloadRefusals > 0 else { return }
        metrics.increment(EdgeMetrics.overloadRefusals, by: Double(overloadRefusals))
        var details: [SecurityEvent.Detail] = [
            .init("reason", "overload"), .init("count", .integer(overloadRefusals)),
        ]
        if !hasRoomForCalls {
            details += [.init("transactions", .integer(servers.count)), .init("calls", .integer(calls.count))]
            logger.warning(
                """
                new requests get 503: \(servers.count) transactions and \(calls.count) calls are all that this edge keeps \
                (limits.transactions)
                """)
        }
        record(SecurityEvent(.securityRejected, .warning, details: details), now: now)
        overloadRefusals = 0
    }

    func refuseForOverload(_ request: Message, on flow: Flow, now: Moment) {
        // Written down once a second with their number: a record each would cost as much as the calls.
        overloadRefusals += 1
        let seconds = Int.random(in: OverloadControl.retryAfter, using: &random)
        reply(request, .init(503, "Service Unavailable", fields: [("Retry-After", String(seconds))]), on: flow)
    }
}
