public import CoreTypes
internal import HTTPTypes
internal import Hummingbird
public import Logging
public import Registry
public import SallyportConfiguration
public import ServiceLifecycle
internal import Witness

/// Everything that can be asked of an edge over HTTP, whichever way the question comes: the operations, and the gate in
/// front of them. Follows the witness while it runs.
public struct ControlSurface: Service {
    let table: RouteTable
    let gate: Gate
    let tls: Configuration.Control.TLS?
    let listen: Endpoint
    let logger: Logger
    private let activity: Activity
    private let countries: Countries

    /// - Parameters:
    ///   - metrics: the exposition text, asked for at each scrape.
    ///   - readiness: why the edge should not be sent calls; empty when it is ready.
    ///   - record: writes into the witness.
    public init(
        _ configuration: Configuration, version: String, registry: RegistryStore, edge: EdgeControl,
        calls: CallControl, metrics: @escaping @Sendable () async -> String,
        readiness: @escaping @Sendable () async -> [String], record: @escaping @Sendable (SecurityEvent) -> Void,
        logger: Logger
    ) {
        let control = configuration.control
        tls = control.tls.map {
            .init(certificate: configuration.resolve($0.certificate), key: configuration.resolve($0.key))
        }
        listen = control.listen
        self.logger = logger
        activity = Activity(directory: configuration.witnessDirectory, logger: logger)
        countries = Countries(path: control.countries.map(configuration.resolve))
        gate = Gate(
            .init(
                address: .init(
                    name: "address", requests: control.rate.requests, seconds: control.rate.per / .seconds(1),
                    burst: control.rate.requests + control.rate.burst),
                key: .init(
                    name: "key", requests: control.keyRate.requests, seconds: control.keyRate.per / .seconds(1),
                    burst: control.keyRate.requests)),
            registry: registry, isSecure: control.tls != nil, record: record,
            clock: SystemClock.now)
        var table = RouteTable()
        WatchRoutes(metrics: metrics, readiness: readiness).add(to: &table)
        SessionRoutes(gate: gate).add(to: &table)
        StatusRoutes(
            edge: edge, readiness: readiness, configuration: configuration, registry: registry, version: version,
            startedAt: SystemClock.now().wall
        ).add(to: &table)
        ActivityRoutes(activity: activity, countries: countries).add(to: &table)
        CallRoutes(calls: calls, directory: configuration.witnessDirectory).add(to: &table)
        EventRoutes(directory: configuration.witnessDirectory).add(to: &table)
        WitnessRoutes(configuration: configuration).add(to: &table)
        AllowlistRoutes(registry: registry).add(to: &table)
        SubscriberRoutes(registry: registry).add(to: &table)
        ExpertRoutes(registry: registry).add(to: &table)
        BanRoutes(registry: registry, neverBan: configuration.neverBanned).add(to: &table)
        KeyRoutes(registry: registry).add(to: &table)
        RoutingRoutes(edge: edge, configuration: configuration).add(to: &table)
        RehearsalRoutes(edge: edge, configuration: configuration).add(to: &table)
        ConsoleRoutes(isSecure: control.tls != nil).add(to: &table)
        DescriptionRoutes.add(to: &table, version: version)
        self.table = table
    }

    /// Whether the file of `control.countries` is good; blocks.
    /// - Returns: how many ranges of addresses it has; nil where none is named.
    /// - Throws: ``ControlError``.
    public static func checkCountries(_ configuration: Configuration) throws(ControlError) -> Int? {
        guard let path = configuration.control.countries.map(configuration.resolve) else { return nil }
        do {
            return try CountryTable(contentsOf: path).count
        } catch {
            throw ControlError.badCountries(path, error)
        }
    }

    /// Reads the file of countries again.
    /// - Throws: ``ControlError`` when it is no good; what was read before stays.
    public func reloadCountries() async throws {
        try await countries.load()
    }

    /// Follows the witness until the graceful shutdown of the service group.
    public func run() async throws {
        do { try await countries.load() } catch { logger.warning("no countries are shown: \(error)") }
        async let following: Void = activity.run()
        await cancelWhenGracefulShutdown { [gate] in
            // Ends early when the task is cancelled, and so does the loop.
            while !Task.isCancelled {
                gate.settle()
                try? await Task.sleep(for: .seconds(1))
            }
        }
        gate.settle(isEnd: true)
        try await following
    }
}

/// `/openapi.json`.
private enum DescriptionRoutes {
    static func add(to table: inout RouteTable, version: String) {
        let operation = Operation(
            method: .get, path: "/openapi.json", id: "getDescription", summary: "This description (OpenAPI 3.1).",
            group: "status", access: .open, answers: [.json(.map(.anything), "The description.")])
        let document = OpenAPIDocument(operations: table.operations + [operation], version: version).json
        table.add(operation) { _ in try Response.json(document) }
    }
}
