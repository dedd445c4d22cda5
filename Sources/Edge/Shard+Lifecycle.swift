import CoreTypes
import Defense
import NIOCore
import Registry
import SIPProxy
import SallyportConfiguration
import Telemetry
import Transport
import TransportSecurity
import Witness

/// Start, stop, and what the control plane asks for.
extension Shard {
    /// Binds every listener, and the sockets that the edge calls out from.
    /// - Parameter addresses: one for each listener.
    func listen(on addresses: [Endpoint]) -> EventLoopFuture<[Edge.Bound]> {
        guard let transport else {
            return loop.makeFailedFuture(EdgeError(.listen, "there is no transport"))
        }
        let bindings = zip(settings.listeners, addresses).enumerated().map { index, pair in
            let (listener, address) = pair
            return transport.listen(
                listener.transport, on: address, index: index, proxies: listener.proxyProtocol,
                answersPlain: listener.transport == .tls
                    && settings.profiles[listener.profile]?.policy.transport.requirement == .required
            )
            .map { Edge.Bound(listener: listener, endpoint: $0) }
            .flatMapErrorThrowing { error in
                throw EdgeError(
                    .listen,
                    "\(listener.transport.rawValue) \(listener.address) can't be listened on: \(error); "
                        + "is another program using the port?")
            }
        }
        return EventLoopFuture.whenAllSucceed(bindings, on: loop).assumeIsolated().flatMap { bound in
            transport.openOutboundDatagrams().map { bound }
        }.nonisolated()
    }

    func started(_ bound: [Edge.Bound]) {
        boundPorts = Set(bound.map(\.endpoint.port))
        startHousekeeping()
        startProbing()
        lookAtLoad()
        guard place.isLead else { return }
        lookAtCertificates(now: clock())
        let listeners = bound.map { "\($0.listener.transport.rawValue) \($0.endpoint) \($0.listener.profile)" }
        record(SecurityEvent(.started, .notice, details: [.init("listeners", .strings(listeners))]), now: clock())
    }

    /// What still waits for an answer; calls that are up are left alone.
    var unfinished: Int {
        awaitingWitness.count + policyWaits.count
            + clients.values.reduce(0) { $0 + ($1.context.map { !$0.isFinished } == true ? 1 : 0) }
    }

    func stopped() {
        let now = clock()
        settleShutOut(now: now)
        for event in collapser.flush() { record(event, now: now) }
        recordStrangersShed(now: now)
        writeOverloadRefusals(now: now)
        for wait in policyWaits.values { wait.question?.cancel() }
        policyWaits = [:]
        for call in Array(calls.all) { end(call, result: .edgeStopped) }
        if place.isLead { record(SecurityEvent(.stopped, .notice), now: now) }
        transport?.shutdown()
    }

    /// New certificates and keys take the place of the old ones. Who shows a certificate that does not count any more is
    /// cut off.
    func replace(_ tls: TLSContexts, _ secret: NodeSecret) {
        let now = clock()
        replace(secret: secret)
        for (flow, fault) in transport?.replaceTLS(server: tls.server, client: tls.client) ?? [] {
            metrics.increment(EdgeMetrics.tlsFailures, [fault.rawValue])
            record(
                SecurityEvent(
                    .securityEvent, .warning, sourceIP: flow.remote.address,
                    details: [
                        .init("reason", "peer_refused"), .init("failure", .string(fault.rawValue)),
                        .init("source_port", .integer(Int(flow.remote.port))),
                        .init("subject", .string(flow.security?.peer?.subject ?? "")),
                    ]), now: now)
        }
        guard place.isLead else { return }
        certificates.replace(tls.inventory)
        var details: [SecurityEvent.Detail] = [.init("part", "tls"), .init("accepted", true)]
        if let own = tls.inventory.own.first {
            details.append(.init("subject", .string(own.subject)))
            details.append(.init("not_after", .string(CivilTime(millisecondsSince1970: own.notAfter).rfc3339)))
        }
        record(SecurityEvent(.configReloaded, .notice, details: details), now: now)
        lookAtCertificates(now: now)
    }

    /// Files that are no good leave everything as it was.
    /// - Parameter part: the section of the configuration that names them.
    func keepFiles(_ part: String, reason: String) {
        let details: [SecurityEvent.Detail] = [
            .init("part", .string(part)), .init("accepted", false), .init("reason", .string(reason)),
        ]
        record(SecurityEvent(.configReloaded, .alert, details: details), now: clock())
    }

    func lookAtCertificates(now: Moment) {
        certificatesDue = now.monotonic + 60_000_000_000
        for event in certificates.due(now: now) { record(event, now: now) }
    }

    func reasonsNotReady() -> [String] {
        var reasons: [String] = []
        if isDraining { reasons.append("draining") }
        if overload.limit != nil { reasons.append("overloaded") }
        if isWitnessFailing { reasons.append("the witness can't be written") }
        if place.isLead, metrics.value(EdgeMetrics.registryUp) == 0 { reasons.append("the registry can't be read") }
        for (name, pool) in pools.sorted(by: { $0.key < $1.key }) where pool.health.allSatisfy({ !$0.isUp }) {
            reasons.append("pool \(name) has no target in service")
        }
        return reasons
    }

    /// - Parameter counters: the witness's, of the lead; the others leave to it what there is once.
    func scrape(_ counters: WitnessCounters?) -> MetricSet {
        metrics.set(EdgeMetrics.connections, to: Double(transport?.connectionCount ?? 0))
        certificates.measure(into: &metrics, now: clock().wall)
        metrics.set(EdgeMetrics.transactions, ["server"], to: Double(servers.count))
        metrics.set(EdgeMetrics.transactions, ["client"], to: Double(clients.count))
        for (side, count) in [("server", begun.servers), ("client", begun.clients)] where count > 0 {
            metrics.set(EdgeMetrics.transactionsTotal, [side], to: Double(count))
        }
        metrics.set(EdgeMetrics.callsAdmitted, to: Double(begun.calls))
        metrics.set(EdgeMetrics.activeCalls, to: Double(calls.count))
        if place.isLead { metrics.set(EdgeMetrics.bansActive, to: Double(bans.count(at: clock().wall))) }
        metrics.set(EdgeMetrics.policyServiceWaiting, to: Double(policyWaits.count))
        metrics.set(EdgeMetrics.witnessWaiting, to: Double(awaitingWitness.count))
        if crew.indices.contains(place.index) {
            metrics.set(EdgeMetrics.shardInbox, to: Double(crew[place.index].inbox.size))
        }
        if let counters {
            metrics.set(EdgeMetrics.witnessRecords, to: Double(counters.records))
            metrics.set(EdgeMetrics.witnessFailures, to: Double(counters.failures))
            metrics.set(EdgeMetrics.witnessBytes, to: Double(counters.bytes))
            metrics.set(EdgeMetrics.witnessQueue, to: Double(witness.queueLength))
        }
        var scraped = metrics
        hot.add(to: &scraped)
        return scraped
    }

    // MARK: Registry

    func registryLoaded(_ snapshot: RegistrySnapshot) {
        metrics.set(EdgeMetrics.registryUp, to: 1)
        metrics.increment(EdgeMetrics.registryLoads)
        metrics.set(EdgeMetrics.registryProblems, to: Double(snapshot.problems.count))
        metrics.set(EdgeMetrics.registrySubscribers, ["subscriber"], to: Double(snapshot.subscribers.count))
        metrics.set(EdgeMetrics.registrySubscribers, ["address"], to: Double(snapshot.addresses.count))
        metrics.set(EdgeMetrics.registrySubscribers, ["expert"], to: Double(snapshot.experts.count))
    }

    func registryChanged(isUp: Bool, _ message: String) {
        metrics.set(EdgeMetrics.registryUp, to: isUp ? 1 : 0)
        let details: [SecurityEvent.Detail] = [
            .init("component", "registry"), .init("reason", .string(message)),
        ]
        record(SecurityEvent(isUp ? .recovered : .degraded, isUp ? .notice : .alert, details: details), now: clock())
    }

    /// Changes that commands made to the registry become ADMIN_CHANGE records.
    func record(_ changes: [RegistryChange]) {
        for change in changes {
            let token = nextID()
            if witness.append(change.event, at: change.time, token: token) {
                recordedChanges[token] = change.id
            } else {
                hasLostChange = true
            }
        }
    }

    /// The latest registry change that has reached the disk since the last call.
    func takeRecordedChange() -> Int64? {
        defer { lastRecordedChange = nil }
        return hasLostChange ? nil : lastRecordedChange
    }
}
