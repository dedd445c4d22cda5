import ArgumentParser
import ControlAPI
import CoreTypes
import Edge
import Logging
import Registry
import SallyportConfiguration
import ServiceLifecycle
import UnixSignals
import Witness
import WitnessForwarding

struct ServeCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "serve", abstract: "Run the edge and its control API in the foreground.",
        discussion: """
            Logs one line when it is ready. SIGTERM or SIGINT: takes no more calls (503), lets transactions finish, \
            writes the witness out and exits with 0.
            """)

    @OptionGroup var file: ConfigurationOption

    func run() async throws {
        let configuration = try file.load()
        try await RunningEdge.serve(configuration, logger: OperatorLog.logger(configuration.logging))
    }
}

/// The edge with its control server, as the services of one process.
enum RunningEdge {
    /// Runs until a signal asks for the end.
    static func serve(_ configuration: Configuration, logger: Logger) async throws {
        let unsupported = SettingsWithoutEffect(configuration)
        guard unsupported.errors.isEmpty else {
            throw CommandFailure(unsupported.errors.joined(separator: "\n"))
        }
        for warning in unsupported.warnings { logger.warning("\(warning)") }
        let forwarders = try configuration.forwarders()
        let edge = try await Edge.start(
            configuration, registry: try configuration.registrySettings(), witness: configuration.witnessSettings,
            logger: logger)
        let forwarding = WitnessForwarding(
            forwarders, log: edge.witness, directory: configuration.witnessDirectory, logger: logger)
        let archive = WitnessArchiveWatch(log: edge.witness, logger: logger)
        let metrics: @Sendable () async -> String = {
            let program = ProgramMetrics.text(reasons: await edge.readiness())
            return await edge.metricsText() + forwarding.metricsText() + archive.metricsText() + program
        }
        do {
            let surface = try ControlSurface(configuration, edge, metrics: metrics, logger: logger)
            let control = try ControlServer(surface)
            let socket = ControlSocket(directory: configuration.stateDirectory, surface)
            // Stopped in reverse: the edge drains while its metrics can still be read, and what it writes last is sent on.
            try await untilSignal([
                control, socket, forwarding, archive,
                EdgeService(
                    edge: edge, control: control, socket: socket, isSecure: configuration.control.tls != nil,
                    logger: logger),
                surface,
                FileReload(
                    edge: edge, control: control, surface: surface, configuration: configuration, logger: logger),
            ])
        } catch {
            await edge.stop(limit: .zero)
            throw error
        }
    }

    /// Runs services until SIGTERM or SIGINT, or until one fails.
    static func untilSignal(_ services: [any Service]) async throws {
        let quiet = Logger(label: "services") { _ in SwiftLogNoOpLogHandler() }
        let group = ServiceGroup(
            configuration: .init(
                services: services.map { .init(service: $0) }, gracefulShutdownSignals: [.sigterm, .sigint],
                logger: quiet))
        try await group.run()
    }
}

extension ControlSurface {
    /// All that can be asked of a running edge.
    init(
        _ configuration: Configuration, _ edge: Edge, metrics: @escaping @Sendable () async -> String, logger: Logger
    ) throws {
        self.init(
            configuration, version: Sallyport.version, registry: try RegistryStore(configuration.registrySettings()),
            edge: EdgeControl(edge), calls: CallControl(edge), metrics: metrics,
            readiness: { await edge.readiness() }, record: { edge.witness.append($0, at: SystemClock.now().wall) },
            logger: logger)
    }
}

/// The edge's place among the services: it has been started already, so that a failure is told before anything runs.
private struct EdgeService: Service {
    let edge: Edge
    let control: ControlServer
    let socket: ControlSocket
    /// Whether the control API speaks TLS.
    let isSecure: Bool
    let logger: Logger

    func run() async throws {
        let listening = edge.bound.map { "\($0.listener.transport.rawValue) \($0.endpoint) (\($0.listener.profile))" }
        let address = try await control.boundAddress()
        _ = try await socket.boundPath()
        logger.notice(
            "ready: \(listening.joined(separator: ", ")); control \(isSecure ? "https" : "http")://\(address)")
        try await gracefulShutdown()
        logger.notice("stopping: no new calls")
        await edge.stop()
        logger.notice("stopped")
    }
}
