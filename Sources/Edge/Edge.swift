public import CoreTypes
import Defense
public import Logging
import NIOCore
import NIOPosix
public import Registry
public import SallyportConfiguration
import Synchronization
import Telemetry
import Transport
import TransportSecurity
public import Witness

/// The running edge: one shard with its sockets, the registry that it follows and the witness that it writes.
public final class Edge: Sendable {
    /// A listener and the address that it got.
    public struct Bound: Sendable {
        public let listener: Configuration.Listener
        public let endpoint: Endpoint
    }

    public let bound: [Bound]
    private let group: MultiThreadedEventLoopGroup
    private let shard: NIOLoopBound<Shard>
    private let loop: any EventLoop
    public let witness: WitnessLog
    private let follower: RegistryFollower
    private let names: DNSClient
    private let policyService: PolicyService?
    private let logger: Logger
    private let isStopping = Atomic(false)

    private init(
        bound: [Bound], group: MultiThreadedEventLoopGroup, loop: any EventLoop, shard: NIOLoopBound<Shard>,
        witness: WitnessLog, follower: RegistryFollower, names: DNSClient,
        policyService: PolicyService?, logger: Logger
    ) {
        self.names = names
        self.policyService = policyService
        self.bound = bound
        self.group = group
        self.loop = loop
        self.shard = shard
        self.witness = witness
        self.follower = follower
        self.logger = logger
    }

    /// Brings everything up, or nothing: what was opened before a failure is closed again.
    public static func start(
        _ configuration: Configuration, registry: RegistrySettings, witness witnessSettings: WitnessSettings,
        logger: Logger
    ) async throws -> Edge {
        AllocatorMemory.prepare()
        let settings = try EdgeSettings(configuration)
        let state = try StateDirectory(configuration.stateDirectory)
        let secret = try state.secret(configuration)
        let tls = try TLSContexts(configuration)
        let snapshot = try RegistryStore(registry).snapshot()
        for problem in snapshot.problems { logger.warning("registry: \(problem)") }

        let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
        let loop = group.next()
        let relay = CommitRelay()
        let resolver = configuration.resolver
        let names = try DNSClient(servers: resolver.servers, timeout: resolver.timeout, tries: resolver.tries)
        let policyService = PolicyService(configuration)
        let log = try WitnessLog(witnessSettings, onCommit: { relay.committed($0) })
        do {
            let (shard, bound) = try await loop.flatSubmit {
                let shard = Shard(
                    settings: settings, loop: loop, clock: SystemClock.now, witness: log, secret: secret,
                    directory: DefenseDirectory(snapshot, realm: registry.realm),
                    randomStart: .random(in: 0...UInt64.max >> 8),
                    logger: logger)
                let transport = TransportLayer(
                    loop: loop, limits: TransportLimits(configuration.limits), observer: shard,
                    serverTLS: tls.server, clientTLS: tls.client)
                shard.transport = transport
                shard.certificates.replace(tls.inventory)
                shard.locator = ServerLocator(
                    resolver: HostResolver(
                        loop: loop, client: names, hosts: .system(),
                        loopbackAnswers: resolver.loopbackAnswers == .accept ? .accept : .refuse),
                    supported: tls.client == nil ? [.udp, .tcp] : [.udp, .tcp, .tls])
                shard.policyService = policyService
                let boundShard = NIOLoopBound(shard, eventLoop: loop)
                return shard.listen().map { (boundShard, $0) }
            }.get()
            relay.connect(shard, loop: loop)
            let follower = Self.follow(registry, shard: shard, loop: loop, logger: logger)
            relay.onAcknowledged { follower.acknowledge(upTo: $0) }
            let edge = Edge(
                bound: bound, group: group, loop: loop, shard: shard, witness: log, follower: follower,
                names: names, policyService: policyService, logger: logger)
            try await loop.submit {
                shard.value.started(bound)
                shard.value.registryLoaded(snapshot)
            }.get()
            return edge
        } catch {
            log.close()
            names.shutdown()
            try? await policyService?.shutdown()
            try? await group.shutdownGracefully()
            throw error
        }
    }

    private static func follow(
        _ settings: RegistrySettings, shard: NIOLoopBound<Shard>, loop: any EventLoop, logger: Logger
    ) -> RegistryFollower {
        RegistryFollower(
            settings,
            .init(
                onSnapshot: { snapshot in
                    // Built here, on the follower's thread; the loop only swaps it in.
                    let directory = DefenseDirectory(snapshot, realm: settings.realm)
                    for problem in snapshot.problems { logger.warning("registry: \(problem)") }
                    loop.execute {
                        shard.value.replace(directory: directory)
                        shard.value.registryLoaded(snapshot)
                    }
                },
                onChanges: { changes in loop.execute { shard.value.record(changes) } },
                onTrouble: { message in
                    logger.error("the registry can't be read; what is known stays in use: \(message)")
                    loop.execute { shard.value.registryChanged(isUp: false, message) }
                },
                onRecovered: {
                    logger.notice("the registry can be read again")
                    loop.execute { shard.value.registryChanged(isUp: true, "") }
                }))
    }

    /// The metrics as Prometheus reads them.
    public func metricsText() async -> String {
        let counters = witness.counters
        let shard = shard
        let metrics = try? await loop.submit { shard.value.scrape(counters) }.get()
        return metrics?.prometheusText() ?? ""
    }

    /// Why the edge should not be sent calls; empty when it is ready.
    public func readiness() async -> [String] {
        let shard = shard
        let reasons = try? await loop.submit { shard.value.reasonsNotReady() }.get()
        return reasons ?? ["the event loop is gone"]
    }

    /// Calls, the newest first: those that are up or being set up, and of the others the latest 1,000.
    /// - Parameters:
    ///   - activeOnly: leaves out those that have ended.
    ///   - before: only those with a lower number.
    public func calls(activeOnly: Bool, before: UInt64? = nil, limit: Int) async throws -> [CallSummary] {
        let shard = shard
        return try await loop.submit {
            shard.value.calls.page(activeOnly: activeOnly, before: before, limit: limit)
        }.get()
    }

    /// One call, by its identifier.
    public func call(_ id: String) async throws -> CallSummary? {
        let shard = shard
        return try await loop.submit { shard.value.calls.find(id: id)?.summary ?? shard.value.calls.findEnded(id: id) }
            .get()
    }

    /// Ends a call at both of its sides: with BYE where it was answered, else with CANCEL to the callee and 480 to the
    /// caller.
    /// - Parameter actor: who asks; goes into the `ADMIN_CHANGE` record.
    public func endCall(_ id: String, actor: String) async throws -> CallEndOutcome {
        let shard = shard
        return try await loop.submit { shard.value.endCall(id, actor: actor) }.get()
    }

    /// Reads certificate, key, trust, revocation lists and the node's secret again; new connections and nonces use them.
    /// - Throws: `TLSConfigurationError` or `EdgeError`; then everything stays as it was.
    public func reloadFiles(_ configuration: Configuration) async throws {
        let shard = shard
        let tls: TLSContexts
        let secret: NodeSecret
        do {
            tls = try TLSContexts(configuration)
            secret = try StateDirectory(configuration.stateDirectory).secret(configuration)
        } catch {
            let reason = "\(error)"
            try await loop.submit { shard.value.keepFiles(reason: reason) }.get()
            throw error
        }
        try await loop.submit { shard.value.replace(tls, secret) }.get()
    }

    /// Takes no more calls, lets transactions finish for as long as `limit`, writes the witness out, and closes. A second
    /// call returns at once.
    public func stop(limit: Duration = .seconds(10)) async {
        guard !isStopping.exchange(true, ordering: .relaxed) else { return }
        let shard = shard
        let deadline = ContinuousClock.now + limit
        try? await loop.submit { shard.value.isDraining = true }.get()
        while ContinuousClock.now < deadline {
            let left = (try? await loop.submit { shard.value.unfinished }.get()) ?? 0
            if left == 0 { break }
            try? await Task.sleep(for: .milliseconds(20))
        }
        follower.stop()
        try? await loop.submit { shard.value.stopped() }.get()
        witness.close()
        names.shutdown()
        do {
            try await policyService?.shutdown()
            try await group.shutdownGracefully()
        } catch {
            logger.error("the event loop did not stop cleanly", metadata: ["reason": "\(error)"])
        }
    }
}

extension TransportLimits {
    init(_ limits: Configuration.Limits) {
        self.init()
        messageBytes = limits.messageBytes
        connections = limits.connections
        connectionsPerSource = limits.connectionsPerSource
        handshakeTimeout = .nanoseconds(limits.handshakeTimeout.nanoseconds)
        idleTimeout = .nanoseconds(limits.idleTimeout.nanoseconds)
    }
}
