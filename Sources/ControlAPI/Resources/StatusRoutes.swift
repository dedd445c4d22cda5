internal import CoreTypes
public import Edge
internal import Foundation
internal import Hummingbird
internal import Registry
internal import SallyportConfiguration
internal import Witness
#if canImport(Musl)
    internal import Musl
#else
    internal import Glibc
#endif

/// What the control API asks of a running edge beside its calls.
public struct EdgeControl: Sendable {
    public let state: @Sendable () async throws -> EdgeState
    public let pools: @Sendable () async throws -> [PoolState]
    public let certificates: @Sendable () async throws -> CertificateState
    public let rehearse: @Sendable (Rehearsal) async throws -> RehearsalReport
    /// Where it listens.
    public let listeners: [Edge.Bound]
    public let witness: @Sendable () -> (sequence: Int, records: UInt64, failures: UInt64)

    public init(
        state: @escaping @Sendable () async throws -> EdgeState,
        pools: @escaping @Sendable () async throws -> [PoolState],
        certificates: @escaping @Sendable () async throws -> CertificateState,
        rehearse: @escaping @Sendable (Rehearsal) async throws -> RehearsalReport, listeners: [Edge.Bound] = [],
        witness: @escaping @Sendable () -> (sequence: Int, records: UInt64, failures: UInt64)
    ) {
        self.state = state
        self.pools = pools
        self.certificates = certificates
        self.rehearse = rehearse
        self.listeners = listeners
        self.witness = witness
    }

    public init(_ edge: Edge) {
        state = { try await edge.state() }
        pools = { try await edge.pools() }
        certificates = { try await edge.certificates() }
        rehearse = { try await edge.rehearse($0) }
        listeners = edge.bound
        witness = {
            let counters = edge.witness.counters
            return (edge.witness.durableSequence, counters.records, counters.failures)
        }
    }
}

/// How the edge is, what it does, and what it has: the first page that an operator looks at.
struct StatusRoutes {
    let edge: EdgeControl
    let readiness: @Sendable () async -> [String]
    let configuration: Configuration
    let registry: RegistryStore
    let version: String
    let startedAt: Int64

    private struct Document: Encodable {
        struct Listener: Encodable {
            let transport: String
            let address: String
            let profile: String
        }

        struct Calls: Encodable {
            let active: Int
            let total: Int
        }

        struct Bans: Encodable {
            let active: Int
        }

        struct Witness: Encodable {
            let directory: String
            let sequence: Int
            let records: UInt64
            let failures: UInt64
            let files: Int
            let bytes: Int
        }

        struct Registry: Encodable {
            let path: String
            let up: Bool
            let subscribers: Int
            let networks: Int
            let experts: Int
            let problems: [String]
        }

        struct SharedState: Encodable {
            let kind: String
        }

        struct Disk: Encodable {
            let freeBytes: Int
            let totalBytes: Int
        }

        struct Load: Encodable {
            let overloadLimit: Double
            let receiveBacklog: Double
            let loopLagMs: Double
            let transactions: Int
            let connections: Int
            let memoryBytes: Int
        }

        let node: String
        let version: String
        let startedAt: String
        let time: String
        let ready: Bool
        let reasons: [String]
        let listeners: [Listener]
        let calls: Calls
        let refusals: [String: Int]
        let bans: Bans
        let witness: Witness
        let registry: Registry
        let sharedState: SharedState
        let disk: Disk
        let load: Load
    }

    func add(to table: inout RouteTable) {
        let routes = self
        table.add(Self.status) { _ in try Response.json(try await routes.document()) }
    }

    private func document() async throws -> Document {
        let state = try await edge.state()
        let reasons = await readiness()
        let (sequence, records, failures) = edge.witness()
        let directory = configuration.witnessDirectory
        let (files, disk, problems) = try await reading("") { [registry] in
            (try Self.files(directory), Self.disk(directory), try registry.snapshot().problems)
        }
        return Document(
            node: configuration.node, version: version, startedAt: rfc3339(startedAt),
            time: rfc3339(SystemClock.now().wall), ready: reasons.isEmpty, reasons: reasons,
            listeners: edge.listeners.map {
                .init(
                    transport: $0.listener.transport.rawValue, address: "\($0.endpoint)", profile: $0.listener.profile)
            },
            calls: .init(active: state.activeCalls, total: state.admittedCalls),
            refusals: state.refusals, bans: .init(active: state.activeBans),
            witness: .init(
                directory: directory, sequence: sequence, records: records, failures: failures, files: files.count,
                bytes: files.bytes),
            registry: .init(
                path: registry.settings.path, up: state.isRegistryUp,
                subscribers: state.registryEntries["subscriber"] ?? 0,
                networks: state.registryEntries["address"] ?? 0, experts: state.registryEntries["expert"] ?? 0,
                problems: Array(problems.prefix(100))),
            sharedState: .init(kind: "memory"), disk: disk,
            load: .init(
                overloadLimit: state.overloadLimit, receiveBacklog: state.receiveBacklog,
                loopLagMs: state.loopLagSeconds * 1000, transactions: state.transactions,
                connections: state.connections, memoryBytes: Self.memory()))
    }

    private static func files(_ directory: String) throws -> (count: Int, bytes: Int) {
        let files = try WitnessFile.all(in: directory)
        return (files.count, files.reduce(0) { $0 + $1.bytes })
    }

    private static func disk(_ directory: String) -> Document.Disk {
        var status = statvfs()
        guard statvfs(directory, &status) == 0 else { return .init(freeBytes: 0, totalBytes: 0) }
        return .init(
            freeBytes: Int(status.f_bavail) * Int(status.f_frsize),
            totalBytes: Int(status.f_blocks) * Int(status.f_frsize))
    }

    /// Resident memory, from /proc/self/statm.
    private static func memory() -> Int {
        let text = FileManager.default.contents(atPath: "/proc/self/statm").map { String(decoding: $0, as: UTF8.self) }
        let pages = text?.split(separator: " ").dropFirst().first.flatMap { Int($0) } ?? 0
        return pages * Int(getpagesize())
    }

    // MARK: Description

    private static let count = Schema.integer(0...Int.max)

    private static let status = Operation(
        method: .get, path: "/v1/status", id: "getStatus", summary: "How the edge is.", group: "status",
        answers: [
            .json(
                .object([
                    .needed("node", .string()), .needed("version", .string()), .needed("started_at", .time),
                    .needed("time", .time), .needed("ready", .boolean), .needed("reasons", .array(.string())),
                    .needed(
                        "listeners",
                        .array(
                            .object([
                                .needed("transport", .string()), .needed("address", .string()),
                                .needed("profile", .string()),
                            ]))),
                    .needed("calls", .object([.needed("active", count), .needed("total", count, "Since the start.")])),
                    .needed("refusals", .map(count), "Since the start, by layer."),
                    .needed("bans", .object([.needed("active", count)])),
                    .needed(
                        "witness",
                        .object([
                            .needed("directory", .string()), .needed("sequence", count), .needed("records", count),
                            .needed("failures", count), .needed("files", count), .needed("bytes", count),
                        ])),
                    .needed(
                        "registry",
                        .object([
                            .needed("path", .string()), .needed("up", .boolean), .needed("subscribers", count),
                            .needed("networks", count), .needed("experts", count),
                            .needed("problems", .array(.string())),
                        ])),
                    .needed("shared_state", .object([.needed("kind", .string())])),
                    .needed("disk", .object([.needed("free_bytes", count), .needed("total_bytes", count)])),
                    .needed(
                        "load",
                        .object([
                            .needed("overload_limit", .number), .needed("receive_backlog", .number),
                            .needed("loop_lag_ms", .number), .needed("transactions", count),
                            .needed("connections", count), .needed("memory_bytes", count),
                        ])),
                ]), "The state at this moment.")
        ])
}
