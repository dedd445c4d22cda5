public import SallyportConfiguration
import CoreTypes
import Defense
import SIPMessage
import SIPProxy
import SIPTransaction

/// What the data path needs of the configuration, worked out once.
public struct EdgeSettings: Sendable {
    struct Profile: Sendable {
        var name: String
        var policy: DefensePolicy
        /// Zero: no limit.
        var maximumDuration: Duration
    }

    var node: String
    var domains: Set<String>
    var listeners: [Configuration.Listener]
    var profiles: [String: Profile]
    var routes: RouteTable
    /// `host:port` that Via and Record-Route name, where the configuration says so.
    var advertised: [TransportKind: String]
    var timers: TransactionTimers
    var timerC: Duration
    var limits: MessageLimits
    var refusesWithoutWitness: Bool

    /// - Throws: what the configuration says that can't be carried out; it has been checked for form already.
    public init(_ configuration: Configuration) throws(EdgeError) {
        node = configuration.node
        domains = Set(configuration.domains)
        listeners = configuration.listeners
        profiles = configuration.profiles.reduce(into: [:]) { table, entry in
            table[entry.key] = Self.profile(entry.key, entry.value, tls: configuration.tls)
        }
        routes = try Self.routes(configuration)
        advertised = TransportKind.allCases.reduce(into: [:]) { table, transport in
            table[transport] = configuration.advertise[transport]?.description
        }
        timers = TransactionTimers(t1: configuration.sip.t1, t2: configuration.sip.t2, t4: configuration.sip.t4)
        timerC = configuration.sip.timerC
        limits = MessageLimits(
            messageBytes: configuration.limits.messageBytes, headers: configuration.limits.headers,
            headerBytes: configuration.limits.headerBytes)
        refusesWithoutWitness = configuration.witness.onFailure == .refuse
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
                clientCertificateRequired: requirement == .required && tls.clientCertificate == .required),
            authentication: profile.authentication.map { authentication in
                .init(
                    realm: authentication.realm,
                    algorithms: authentication.algorithms.compactMap { DigestAlgorithm(token: $0.rawValue) },
                    nonceLifetime: authentication.nonceLifetime, failures: authentication.failures,
                    failureWindow: authentication.failureWindow, blockFor: authentication.blockFor)
            },
            callRate: .init(calls: profile.callRate.calls, per: profile.callRate.per),
            policyGuard: profile.guard.map { policyGuard in
                .init(
                    traceHeader: policyGuard.headers.trace, hazardHeader: policyGuard.headers.hazard,
                    signatureHeader: policyGuard.headers.signature, hazards: Set(policyGuard.hazards),
                    signature: Guard.SignatureRule(rawValue: policyGuard.signature.rawValue) ?? .required,
                    signatureWindow: policyGuard.signatureWindow,
                    maximumConcurrentCalls: profile.maxConcurrentCalls)
            })
        return Profile(name: name, policy: policy, maximumDuration: profile.maxDuration)
    }

    private static func routes(_ configuration: Configuration) throws(EdgeError) -> RouteTable {
        var routes: [SIPProxy.Route] = []
        for route in configuration.routes {
            let destination: SIPProxy.Route.Destination
            switch route.to {
            case .registry:
                destination = .registry
            case .uri(let text):
                destination = .targets([try target(text, route: route.name)])
            case .pool(let name):
                var targets: [URI] = []
                let members = configuration.pools[name]?.targets ?? []
                for member in members.sorted(by: { ($0.priority, -$0.weight) < ($1.priority, -$1.weight) }) {
                    targets.append(try target(member.uri, route: route.name))
                }
                destination = .targets(targets)
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

    private static func target(_ text: String, route: String) throws(EdgeError) -> URI {
        guard let uri = URI(text), uri.isSIP else {
            throw EdgeError(
                .configuration, "route '\(route)': '\(text)' is no SIP URI; write it as sip:user@host:port")
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
