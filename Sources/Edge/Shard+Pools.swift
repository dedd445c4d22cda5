import CoreTypes
import Logging
import SIPMessage
import SIPProxy
import SIPTransaction
import Telemetry

/// One OPTIONS to a target of a pool, at one server after the other until one answers.
final class Probe {
    let member: ProxyContext.PoolMember
    let uri: URI
    var servers: [Hop] = []
    var client: ClientTransaction?
    var deadline: TimerHandle?
    var isOver = false

    init(_ member: ProxyContext.PoolMember, uri: URI) {
        self.member = member
        self.uri = uri
    }
}

/// Which servers are in service: probes, and what became of the requests sent there.
extension Shard {
    /// Probes every target now, and from then on at its pool's interval.
    func startProbing() {
        for (name, pool) in pools {
            for index in pool.targets.indices {
                let member = ProxyContext.PoolMember(pool: name, index: index)
                gauge(member)
                if settings.probes[name] != nil { probe(member) }
            }
        }
    }

    func probe(_ member: ProxyContext.PoolMember) {
        guard let interval = settings.probes[member.pool], let target = pools[member.pool]?.targets[member.index],
            let hop = Hop(target.uri), !isDraining
        else { return }
        _ = arm(after: interval.every, .probe(member))
        let probe = Probe(member, uri: target.uri)
        probe.deadline = arm(after: interval.timeout, .probeDeadline(probe))
        locate(hop) { [weak self] servers in
            probe.servers = servers
            self?.askNextServer(probe)
        }
    }

    private func askNextServer(_ probe: Probe) {
        guard !probe.isOver else { return }
        guard !probe.servers.isEmpty else {
            finish(probe, .failed, "unreachable")
            return
        }
        let hop = probe.servers.removeFirst()
        let branch = branches.mint()
        let client = ClientTransaction(
            id: nextID(), key: ClientTransactionKey(branch: branch, method: .options),
            octets: OwnRequest.options(
                to: probe.uri, node: settings.node, local: localAddress(for: hop), transport: hop.transport,
                branch: branch, id: opaqueID("probe")),
            hop: hop, context: nil, branch: 0, timers: settings.timers)
        client.probe = probe
        probe.client = client
        insert(client)
        carryOut(client.start(), client, response: nil)
    }

    /// Any answer shows that somebody is there, but for those that say that nobody can serve (RFC 3261 section 11.2).
    func probeAnswered(_ probe: Probe, status: Int) {
        guard status >= 200 else { return }
        if status == 503 || status == 408 {
            askNextServer(probe)
        } else {
            finish(probe, .answered, String(status))
        }
    }

    /// One server could not be asked, or did not answer.
    func probeFailed(_ probe: Probe) {
        askNextServer(probe)
    }

    func probeDeadlineFired(_ probe: Probe) {
        finish(probe, .failed, "no answer")
        if let client = probe.client { remove(client) }
    }

    private func finish(_ probe: Probe, _ outcome: TargetPool.Outcome, _ reason: String) {
        guard !probe.isOver else { return }
        probe.isOver = true
        disarm(&probe.deadline)
        let member = probe.member
        metrics.increment(EdgeMetrics.poolProbes, labels(member) + [outcome == .answered ? "answered" : "failed"])
        changed(pools[member.pool]?.probed(outcome, target: member.index), member, reason)
    }

    /// What a request that was sent to a target tells about it.
    func served(_ target: ProxyContext.Target?, _ outcome: TargetPool.Outcome, _ reason: String, retryAfter: Int? = nil)
    {
        guard let member = target?.member else { return }
        metrics.increment(EdgeMetrics.poolRequests, labels(member) + [outcome == .answered ? "answered" : "failed"])
        let rest = retryAfter.map { min(UInt64(clamping: $0) * 1_000_000_000, TargetPool.longestRest) }
        changed(
            pools[member.pool]?.served(
                outcome, target: member.index, restsUntil: rest.map { clock().monotonic + $0 }), member, reason)
    }

    private func labels(_ member: ProxyContext.PoolMember) -> [String] {
        [member.pool, pools[member.pool]?.targets[member.index].uri.text ?? ""]
    }

    private func gauge(_ member: ProxyContext.PoolMember) {
        let isUp = pools[member.pool]?.health[member.index].isUp == true
        metrics.set(EdgeMetrics.poolTargetUp, labels(member), to: isUp ? 1 : 0)
    }

    private func changed(_ change: TargetPool.Change?, _ member: ProxyContext.PoolMember, _ reason: String) {
        guard let change, let pool = pools[member.pool] else { return }
        gauge(member)
        let target = pool.targets[member.index].uri.text
        let isWhole = pool.health.allSatisfy { !$0.isUp }
        let details: [SecurityEvent.Detail] = [
            .init("component", .string("pool \(member.pool)")), .init("target", .string(target)),
            .init("reason", .string(reason)),
            .init("targets_up", .integer(pool.health.count { $0.isUp })),
        ]
        switch change {
        case .wentDown:
            logger.warning("pool \(member.pool): \(target) is out of service: \(reason)")
            record(SecurityEvent(.degraded, isWhole ? .alert : .warning, details: details), now: clock())
        case .cameBack:
            logger.notice("pool \(member.pool): \(target) is back in service")
            record(SecurityEvent(.recovered, .notice, details: details), now: clock())
        }
    }
}
