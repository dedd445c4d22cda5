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

/// The running edge: its shards with their sockets, the registry that it follows and the witness that it writes.
public final class Edge: Sendable {
    /// A listener and the address that it got.
    public struct Bound: Sendable {
        public let listener: Configuration.Listener
        public let endpoint: Endpoint
    }

    public let bound: [Bound]
    private let group: MultiThreadedEventLoopGroup
    private let crew: [ShardHandle]
    public let witness: WitnessLog
    private let follower: RegistryFollower
    private let names: DNSClient
    private let policyService: PolicyService?
    private let logger: Logger
    private let isStopping = Atomic(false)

    private init(
        bound: [Bound], group: MultiThreadedEventLoopGroup, crew: [ShardHandle], witness: WitnessLog,
        follower: RegistryFollower, names: DNSClient, policyService: PolicyService?, logger: Logger
    ) {
        self.names = names
        self.policyService = policyService
        self.bound = bound
        self.group = group
        self.crew = crew
        self.witness = witness
        self.follower = follower
        self.logger = logger
    }

    /// Brings everything up, or nothing: what was opened before a failure is closed again.
    public static func start(
        _ configuration: Configuration, registry: RegistrySettings, witness witnessSettings: WitnessSettings,
        logger: Logger
    ) async throws -> Edge {
        let settings = try EdgeSettings(configuration)
        AllocatorMemory.prepare(threads: settings.shards)
        let state = try StateDirectory(configuration.stateDirectory)
        let secret = try state.secret(configuration)
        let tls = try TLSContexts(configuration)
        let snapshot = try RegistryStore(registry).snapshot()
        for problem in snapshot.problems { logger.warning("registry: \(problem)") }

        let group = MultiThreadedEventLoopGroup(numberOfThreads: settings.shards)
        let relay = CommitRelay()
        let resolver = configuration.resolver
        let names = try DNSClient(servers: resolver.servers, timeout: resolver.timeout, tries: resolver.tries)
        let policyService = PolicyService(configuration)
        let log = try WitnessLog(witnessSettings, onCommit: { relay.committed($0) })
        do {
            let common = CommonCounts(settings)
            let directory = DefenseDirectory(snapshot, realm: registry.realm)
            var crew: [ShardHandle] = []
            var bound: [Bound] = []
            for index in 0..<settings.shards {
                let place = PortSharing(index: index, of: settings.shards)
                let loop = group.next()
                // The first finds the ports that the system chooses; the others join it there.
                let addresses = index == 0 ? settings.listeners.map(\.address) : bound.map(\.endpoint)
                let (shard, found) = try await loop.flatSubmit {
                    let shard = Shard(
                        settings: settings, place: place, common: common, loop: loop, clock: SystemClock.now,
                        witness: log, secret: secret, directory: directory,
                        randomStart: .random(in: 0...UInt64.max >> 8), logger: logger)
                    shard.transport = TransportLayer(
                        loop: loop, limits: TransportLimits(configuration.limits, of: place), observer: shard,
                        serverTLS: tls.server, clientTLS: tls.client, sharing: place, ownsLoop: true)
                    if place.isLead { shard.certificates.replace(tls.inventory) }
                    shard.locator = ServerLocator(
                        resolver: HostResolver(
                            loop: loop, client: names, hosts: .system(),
                            loopbackAnswers: resolver.loopbackAnswers == .accept ? .accept : .refuse),
                        supported: tls.client == nil ? [.udp, .tcp] : [.udp, .tcp, .tls])
                    shard.policyService = policyService
                    let boundShard = NIOLoopBound(shard, eventLoop: loop)
                    return shard.listen(on: addresses).map { (boundShard, $0) }
                }.get()
                crew.append(ShardHandle(loop: loop, shard: shard))
                if index == 0 { bound = found }
            }
            let (shards, listeners) = (crew, bound)
            for member in shards { try await member.submit { $0.join(shards) } }
            relay.connect(shards)
            let neverBanned = configuration.neverBanned
            let follower = Self.follow(registry, shards, neverBanned: neverBanned, logger: logger)
            relay.onAcknowledged { follower.acknowledge(upTo: $0) }
            let edge = Edge(
                bound: bound, group: group, crew: crew, witness: log, follower: follower, names: names,
                policyService: policyService, logger: logger)
            let bans = BanList(snapshot, except: neverBanned)
            for member in shards {
                try await member.submit {
                    $0.started(listeners)
                    $0.replace(bans: bans)
                    guard $0.place.isLead else { return }
                    $0.registryLoaded(snapshot)
                    $0.knownBans = Dictionary(snapshot.bans.map { ($0.address, $0) }) { first, _ in first }
                }
            }
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
        _ settings: RegistrySettings, _ crew: [ShardHandle], neverBanned: [IPNetwork], logger: Logger
    ) -> RegistryFollower {
        let lead = crew[0]
        return RegistryFollower(
            settings,
            .init(
                onSnapshot: { snapshot in
                    // Built here, on the follower's thread; the loops only swap it in.
                    let directory = DefenseDirectory(snapshot, realm: settings.realm)
                    for problem in snapshot.problems { logger.warning("registry: \(problem)") }
                    let bans = BanList(snapshot, except: neverBanned)
                    for member in crew {
                        member.execute {
                            $0.replace(directory: directory)
                            $0.replace(bans: bans)
                        }
                    }
                    lead.execute {
                        $0.registryLoaded(snapshot)
                        $0.bansLoaded(snapshot)
                    }
                },
                onChanges: { changes in lead.execute { $0.record(changes) } },
                onTrouble: { message in
                    logger.error("the registry can't be read; what is known stays in use: \(message)")
                    lead.execute { $0.registryChanged(isUp: false, message) }
                },
                onRecovered: {
                    logger.notice("the registry can be read again")
                    lead.execute { $0.registryChanged(isUp: true, "") }
                }))
    }

    /// Asks every shard, the lead first.
    func each<Result: Sendable>(
        _ body: @escaping @Sendable (Shard) -> Result
    ) async throws -> [Result] {
        var results: [Result] = []
        for member in crew { results.append(try await member.submit(body)) }
        return results
    }

    /// The shard that an address's packets come to.
    func owner(of source: IPAddress) -> ShardHandle {
        crew[PortSharing(index: 0, of: crew.count).share(of: source)]
    }

    /// Of all shards together.
    func metrics() async throws -> MetricSet {
        let counters = witness.counters
        let sets = try await each { $0.scrape($0.place.isLead ? counters : nil) }
        return sets.dropFirst().reduce(into: sets[0]) { $0.merge($1) }
    }

    /// The metrics as Prometheus reads them; nothing when an event loop is gone.
    public func metricsText() async -> String {
        (try? await metrics())?.prometheusText() ?? ""
    }

    /// Why the edge should not be sent calls; empty when it is ready.
    public func readiness() async -> [String] {
        guard let reasons = try? await each({ $0.reasonsNotReady() }) else { return ["an event loop is gone"] }
        // What concerns several shards is said once.
        return reasons.joined().reduce(into: []) { all, reason in
            if !all.contains(reason) { all.append(reason) }
        }
    }

    /// Calls, the newest first: those that are up or being set up, and of the others the latest 1,000 of each shard.
    /// - Parameters:
    ///   - activeOnly: leaves out those that have ended.
    ///   - before: only those with a lower number.
    public func calls(activeOnly: Bool, before: UInt64? = nil, limit: Int) async throws -> [CallSummary] {
        let pages = try await each { $0.calls.page(activeOnly: activeOnly, before: before, limit: limit) }
        return pages.count == 1
            ? pages[0] : Array(pages.joined().sorted { $0.number > $1.number }.prefix(limit))
    }

    /// One call, by its identifier.
    public func call(_ id: String) async throws -> CallSummary? {
        try await each { $0.calls.find(id: id)?.summary ?? $0.calls.findEnded(id: id) }.lazy.compactMap { $0 }.first
    }

    /// Ends a call at both of its sides: with BYE where it was answered, else with CANCEL to the callee and 480 to the
    /// caller.
    /// - Parameter actor: who asks; goes into the `ADMIN_CHANGE` record.
    public func endCall(_ id: String, actor: String) async throws -> CallEndOutcome {
        for member in crew {
            let outcome = try await member.submit { $0.endCall(id, actor: actor) }
            if case .unknown = outcome { continue }
            return outcome
        }
        return .unknown
    }

    /// Reads certificate, key, trust, revocation lists and the node's secret again; new connections and nonces use them.
    /// - Throws: `TLSConfigurationError` or `EdgeError`; then everything stays as it was.
    public func reloadFiles(_ configuration: Configuration) async throws {
        let tls: TLSContexts
        let secret: NodeSecret
        do {
            tls = try TLSContexts(configuration)
            secret = try StateDirectory(configuration.stateDirectory).secret(configuration)
        } catch {
            try await keptFiles("tls", reason: "\(error)")
            throw error
        }
        _ = try await each { $0.replace(tls, secret) }
    }

    /// Notes that files are no good and those of before stay in use.
    /// - Parameter part: the section of the configuration that names them.
    public func keptFiles(_ part: String, reason: String) async throws {
        try await crew[0].submit { $0.keepFiles(part, reason: reason) }
    }

    /// Takes no more calls, lets transactions finish for as long as `limit`, writes the witness out, and closes. A second
    /// call returns at once.
    public func stop(limit: Duration = .seconds(10)) async {
        guard !isStopping.exchange(true, ordering: .relaxed) else { return }
        let deadline = ContinuousClock.now + limit
        _ = try? await each { $0.isDraining = true }
        while ContinuousClock.now < deadline {
            let left = (try? await each { $0.unfinished }) ?? []
            if left.allSatisfy({ $0 == 0 }) { break }
            try? await Task.sleep(for: .milliseconds(20))
        }
        follower.stop()
        // The lead last: its record says that the edge has stopped.
        for member in crew.reversed() { try? await member.submit { $0.stopped() } }
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
    /// - Parameter place: one shard's among those that share what the edge may have.
    init(_ limits: Configuration.Limits, of place: PortSharing) {
        self.init()
        messageBytes = limits.messageBytes
        connections = (limits.connections + place.count - 1) / place.count
        connectionsPerSource = limits.connectionsPerSource
        handshakeTimeout = .nanoseconds(limits.handshakeTimeout.nanoseconds)
        idleTimeout = .nanoseconds(limits.idleTimeout.nanoseconds)
    }
}
