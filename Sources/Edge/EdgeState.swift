import CoreTypes
import Defense
import SIPMessage
import SIPProxy
import Telemetry
public import TransportSecurity

/// What a running edge can say of itself at one moment, over all its shards.
public struct EdgeState: Sendable {
    /// Calls up or being set up.
    public var activeCalls = 0
    /// Calls let in since the start.
    public var admittedCalls = 0
    /// Since the start, by the `layer` of `security_rejections_total`.
    public var refusals: [String: Int] = [:]
    public var activeBans = 0
    public var isRegistryUp = false
    /// Rows in use: `subscriber`, `address`, `expert`.
    public var registryEntries: [String: Int] = [:]
    /// New requests a second that are taken on at present; 0: no limit.
    public var overloadLimit = 0.0
    public var receiveBacklog = 0.0
    public var loopLagSeconds = 0.0
    public var transactions = 0
    public var connections = 0

    public init() {}

    init(_ metrics: MetricSet) {
        activeCalls = Int(metrics.value(EdgeMetrics.activeCalls))
        admittedCalls = Int(metrics.value(EdgeMetrics.callsAdmitted))
        for label in Set(Layer.allCases.map(\.metricLabel)) {
            refusals[label] = Int(metrics.value(EdgeMetrics.rejections, [label]))
        }
        activeBans = Int(metrics.value(EdgeMetrics.bansActive))
        isRegistryUp = metrics.value(EdgeMetrics.registryUp) > 0
        for table in ["subscriber", "address", "expert"] {
            registryEntries[table] = Int(metrics.value(EdgeMetrics.registrySubscribers, [table]))
        }
        overloadLimit = metrics.value(EdgeMetrics.overloadLimit)
        receiveBacklog = metrics.value(EdgeMetrics.receiveBacklog)
        loopLagSeconds = metrics.value(EdgeMetrics.loopLag)
        transactions = Int(metrics.total(EdgeMetrics.transactions))
        connections = Int(metrics.value(EdgeMetrics.connections))
    }
}

/// A pool's targets, each with whether every shard finds it in service.
public struct PoolState: Sendable {
    public struct Target: Sendable {
        public let uri: String
        public let priority: Int
        public let weight: Int
        public var isUp: Bool
    }

    public let name: String
    public var targets: [Target]
}

/// The certificates and revocation lists that are in use.
public struct CertificateState: Sendable {
    /// By what they are for, `own`, `authority` or `control`; chains leaf first.
    public let byRole: [(role: String, reports: [CertificateReport])]
    public let revocation: [RevocationReport]
}

extension Edge {
    /// - Throws: when an event loop is gone.
    public func state() async throws -> EdgeState { EdgeState(try await metrics()) }

    /// By name.
    public func pools() async throws -> [PoolState] {
        let states = try await each { shard in
            shard.pools.sorted { $0.key < $1.key }.map { name, pool in
                PoolState(
                    name: name,
                    targets: zip(pool.targets, pool.health).map { target, health in
                        .init(
                            uri: target.uri.text, priority: target.priority, weight: target.weight, isUp: health.isUp)
                    })
            }
        }
        return states.dropFirst().reduce(states[0]) { all, other in
            zip(all, other).map { pool, other in
                var pool = pool
                for index in pool.targets.indices where !other.targets[index].isUp { pool.targets[index].isUp = false }
                return pool
            }
        }
    }

    public func certificates() async throws -> CertificateState {
        try await each { shard in
            let inventory = shard.certificates.inventory
            return CertificateState(byRole: inventory.byRole, revocation: inventory.revocation)
        }[0]
    }

    /// Which layer would say what to a request, without any trace of it remaining.
    /// - Throws: ``RehearsalError`` where there is no such profile, or what is asked makes no request.
    public func rehearse(_ question: Rehearsal) async throws -> RehearsalReport {
        try await owner(of: question.source.address).submit { shard in
            Result { () throws(RehearsalError) in try shard.rehearse(question) }
        }.get()
    }
}
