public import SallyportConfiguration
import CoreTypes
import Defense
import SIPMessage
import SIPProxy
import SIPTransaction
import Witness

/// What the data path needs of the configuration, worked out once.
public struct EdgeSettings: Sendable {
    struct Profile: Sendable {
        var name: String
        var policy: DefensePolicy
        /// Zero: no limit.
        var maximumDuration: Duration
        /// Nil: nobody is asked.
        var liveness: CallLiveness.Policy?
        var policyService: PolicyService.Settings?
    }

    var node: String
    /// What the edge is called and called by: domains, those that routes are for, and what it advertises.
    var servedNames: [CaselessName]
    var servedAddresses: Set<IPAddress>
    var servedPorts: Set<UInt16>
    var listeners: [Configuration.Listener]
    var profiles: [String: Profile]
    struct Probe: Sendable {
        var every: UInt64
        var timeout: UInt64
    }

    var routes: RouteTable
    var pools: [String: TargetPool]
    /// How pools are probed; a pool that is not here isn't.
    var probes: [String: Probe]
    /// `host:port` that Via and Record-Route name, where the configuration says so.
    var advertised: [TransportKind: String]
    var timers: TransactionTimers
    var timerC: Duration
    var limits: MessageLimits
    var refusesWithoutWitness: Bool
    var warnBeforeExpiry: Duration
    /// How long a request waits for its record, in nanoseconds.
    var witnessPatience: UInt64
    /// Nil: no limit but what the load asks for.
    var newCallsPerSecond: Int?
    /// Server transactions kept by all shards together.
    var transactions: Int
    /// Event loops that carry SIP.
    var shards: Int

    /// - Throws: what the configuration says that can't be carried out; it has been checked for form already.
    public init(_ configuration: Configuration) throws(EdgeError) {
        node = configuration.node
        let advertised = TransportKind.allCases.compactMap { configuration.advertise[$0] }
        let hosts = configuration.domains + configuration.routes.compactMap(\.match.domain) + advertised.map(\.host)
        servedNames = Set(hosts.map { $0.lowercased() }).sorted().map { CaselessName($0) }
        servedAddresses = Set(
            hosts.compactMap { IPAddress($0) } + configuration.listeners.map(\.address.address))
        servedPorts = Set(advertised.compactMap(\.port) + configuration.listeners.map(\.address.port))
        listeners = configuration.listeners
        profiles = configuration.profiles.reduce(into: [:]) { table, entry in
            table[entry.key] = Self.profile(entry.key, entry.value, tls: configuration.tls)
        }
        routes = try Self.routes(configuration)
        pools = [:]
        probes = [:]
        for (name, pool) in configuration.pools {
            pools[name] = try Self.pool(name, pool)
            probes[name] = pool.probe.map {
                Probe(every: UInt64($0.every.nanoseconds), timeout: UInt64($0.timeout.nanoseconds))
            }
        }
        self.advertised = TransportKind.allCases.reduce(into: [:]) { table, transport in
            table[transport] = configuration.advertise[transport]?.description
        }
        timers = TransactionTimers(t1: configuration.sip.t1, t2: configuration.sip.t2, t4: configuration.sip.t4)
        timerC = configuration.sip.timerC
        limits = MessageLimits(
            messageBytes: configuration.limits.messageBytes, headers: configuration.limits.headers,
            headerBytes: configuration.limits.headerBytes)
        let limit = configuration.limits.newCallsPerSecond
        newCallsPerSecond = limit > 0 ? limit : nil
        transactions = configuration.limits.transactions
        shards = configuration.limits.shards
        refusesWithoutWitness = configuration.witness.onFailure == .refuse
        warnBeforeExpiry = configuration.tls.warnBeforeExpiry
        witnessPatience = UInt64(max(0, configuration.witness.wait.nanoseconds))
    }

    private static func profile(
        _ name: String, _ profile: SallyportConfiguration.Profile, tls: Configuration.TLS
    ) -> Profile {
        let requirement: TransportGuard.Requirement =
            switch profile.transportSecurity {
            case .required: .required
            case .ifTLS: .ifTLS
            case .off: .off
            }
        let policy = DefensePolicy(
            sourceRate: .init(
                requests: profile.sourceRate.requests, per: profile.sourceRate.per,
                forgetAfter: profile.sourceRate.forgetAfter),
            allowlistGroup: profile.allowlist.group,
            transport: .init(
                requirement: requirement,
                clientCertificateRequired: requirement == .required && tls.clientCertificate == .required,
                certificates: profile.certificates.map { .init(subject: $0.subject, issuer: $0.issuer) }),
            authentication: profile.authentication.map { authentication in
                .init(
                    realm: authentication.realm,
                    algorithms: authentication.algorithms.compactMap { DigestAlgorithm(token: $0.rawValue) },
                    nonceLifetime: authentication.nonceLifetime, failures: authentication.failures,
                    failureWindow: authentication.failureWindow, blockFor: authentication.blockFor,
                    failingUsers: authentication.failingUsers)
            },
            callRate: .init(calls: profile.callRate.calls, per: profile.callRate.per),
            policyGuard: profile.guard.map { policyGuard in
                .init(
                    traceHeader: policyGuard.headers.trace, hazardHeader: policyGuard.headers.hazard,
                    signatureHeader: policyGuard.headers.signature, hazards: Set(policyGuard.hazards),
                    signature: Guard.SignatureRule(rawValue: policyGuard.signature.rawValue) ?? .required,
                    signatureWindow: policyGuard.signatureWindow,
                    maximumConcurrentCalls: profile.maxConcurrentCalls, hours: Self.hours(policyGuard.hours),
                    destinations: .init(
                        policyGuard.destinations.map { .init(organization: $0.organization, allow: $0.allow) }),
                    asksService: policyGuard.webhook != nil)
            })
        return Profile(
            name: name, policy: policy, maximumDuration: profile.maxDuration,
            liveness: profile.liveness.map { .init(every: UInt64($0.every.nanoseconds), misses: $0.misses) },
            policyService: profile.guard?.webhook.map { webhook in
                .init(
                    url: webhook.url, timeout: UInt64(webhook.timeout.nanoseconds), failsOpen: webhook.fail == .open)
            })
    }

    private static func hours(_ entries: [SallyportConfiguration.Profile.Guard.Hours]) -> AllowedHours {
        let now = SystemClock.now().wall
        return AllowedHours(
            entries.map { entry in
                AllowedHours.Window(
                    organization: entry.organization, zone: ZoneOffsets(named: entry.zone, now: now) ?? .utc,
                    days: Set(entry.days.compactMap { Self.sundayFirst.firstIndex(of: $0) }),
                    from: entry.from.minute, to: entry.to.minute)
            })
    }

    private static let sundayFirst: [SallyportConfiguration.Profile.Guard.Weekday] = [
        .sun, .mon, .tue, .wed, .thu, .fri, .sat,
    ]

    private static func routes(_ configuration: Configuration) throws(EdgeError) -> RouteTable {
        var routes: [SIPProxy.Route] = []
        for route in configuration.routes {
            let destination: SIPProxy.Route.Destination
            switch route.to {
            case .registry:
                destination = .registry
            case .uri(let text):
                destination = .uri(try target(text, of: "route '\(route.name)'"))
            case .pool(let name):
                destination = .pool(name)
            }
            routes.append(
                SIPProxy.Route(
                    name: route.name,
                    match: .init(
                        user: route.match.user, domain: route.match.domain, profile: route.match.profile,
                        tag: route.match.tag, headers: route.match.header),
                    destination: destination, isBridge: route.bridge))
        }
        return RouteTable(routes)
    }

    private static func pool(_ name: String, _ pool: SallyportConfiguration.Pool) throws(EdgeError) -> TargetPool {
        var targets: [TargetPool.Target] = []
        for member in pool.targets {
            targets.append(
                .init(
                    uri: try target(member.uri, of: "pool '\(name)'"), weight: member.weight,
                    priority: member.priority))
        }
        return TargetPool(
            targets: targets, ring: pool.ring == .together ? .together : .oneByOne,
            thresholds: pool.probe.map { .init(downAfter: $0.downAfter, upAfter: $0.upAfter) })
    }

    private static func target(_ text: String, of owner: String) throws(EdgeError) -> URI {
        guard let uri = URI(text), uri.isSIP, Hop(uri) != nil else {
            throw EdgeError(
                .configuration,
                "\(owner): '\(text)' is no SIP URI that can be called; write it as sip:user@host:port, with "
                    + ";transport=udp, tcp or tls where the default does not fit")
        }
        return uri
    }
}

/// Why the edge can't start or go on.
public struct EdgeError: Error, Sendable, CustomStringConvertible {
    public enum Code: String, Sendable {
        case configuration
        case certificate
        case listen
        case registry
        case witness
        case state
    }

    public let code: Code
    public let description: String

    public init(_ code: Code, _ description: String) {
        self.code = code
        self.description = description
    }
}
