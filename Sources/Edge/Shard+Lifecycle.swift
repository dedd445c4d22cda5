import CoreTypes
import Defense
import NIOCore
import Registry
import SIPProxy
import SallyportConfiguration
import Telemetry
import Transport
import Witness

/// Start, stop, and what the control plane asks for.
extension Shard {
    /// Binds every listener, and the sockets that the edge calls out from.
    func listen() -> EventLoopFuture<[Edge.Bound]> {
        guard let transport else {
            return loop.makeFailedFuture(EdgeError(.listen, "there is no transport"))
        }
        let bindings = settings.listeners.enumerated().map { index, listener in
            transport.listen(
                listener.transport, on: listener.address, index: index, proxies: listener.proxyProtocol,
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
        for event in collapser.flush() { record(event, now: now) }
        writeOverloadRefusals(now: now)
        for wait in policyWaits.values { wait.question?.cancel() }
        policyWaits = [:]
        for call in Array(calls.all) { end(call, result: .edgeStopped) }
        record(SecurityEvent(.stopped, .notice), now: now)
        transport?.shutdown()
    }

    /// - Parameter failure: why the old certificates stay.
    func certificatesReloaded(_ tls: TLSContexts?, failure: String?) {
        if let tls { transport?.replaceTLS(server: tls.server, client: tls.client) }
        var details: [SecurityEvent.Detail] = [.init("part", "tls"), .init("accepted", .boolean(failure == nil))]
        if let failure { details.append(.init("reason", .string(failure))) }
        record(
            SecurityEvent(.configReloaded, failure == nil ? .notice : .alert, details: details), now: clock())
    }

    func reasonsNotReady() -> [String] {
        var reasons: [String] = []
        if isDraining { reasons.append("draining") }
        if overload.limit != nil { reasons.append("overloaded") }
        if isWitnessFailing { reasons.append("the witness can't be written") }
        if metrics.value(EdgeMetrics.registryUp) == 0 { reasons.append("the registry can't be read") }
        for (name, pool) in pools.sorted(by: { $0.key < $1.key }) where pool.health.allSatisfy({ !$0.isUp }) {
            reasons.append("pool \(name) has no target in service")
        }
        return reasons
    }

    func scrape(_ witness: WitnessCounters) -> MetricSet {
        metrics.set(EdgeMetrics.connections, to: Double(transport?.connectionCount ?? 0))
        metrics.set(EdgeMetrics.witnessRecords, to: Double(witness.records))
        metrics.set(EdgeMetrics.witnessFailures, to: Double(witness.failures))
        return metrics
    }

    // MARK: Registry

    func registryLoaded(_ snapshot: RegistrySnapshot) {
        metrics.set(EdgeMetrics.registryUp, to: 1)
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
