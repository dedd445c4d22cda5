public import CoreTypes
internal import Hummingbird
internal import HummingbirdCore
public import Logging
internal import NIOCore
public import ServiceLifecycle
#if canImport(Musl)
    internal import Musl
#else
    internal import Glibc
#endif

/// HTTP on the control address: how the edge is watched.
///
/// | path | answer |
/// |---|---|
/// | `/metrics` | Prometheus' text format 0.0.4 |
/// | `/healthz` | 200 while the process answers at all: restart it when not |
/// | `/readyz` | 200, or 503 with the reasons why no calls should be sent here |
///
/// Errors are `application/problem+json` (RFC 9457). HEAD is answered wherever GET is.
public struct ControlServer: Service {
    private let listen: Endpoint
    private let metrics: @Sendable () async -> String
    private let readiness: @Sendable () async -> [String]
    private let logger: Logger
    private let binding = Binding()

    /// - Parameters:
    ///   - listen: a loopback address, since there is no TLS and no key; port 0 for a free one.
    ///   - metrics: the exposition text, asked for at each scrape.
    ///   - readiness: why the edge should not be sent calls; empty when it is ready.
    public init(
        listen: Endpoint, metrics: @escaping @Sendable () async -> String,
        readiness: @escaping @Sendable () async -> [String], logger: Logger
    ) {
        self.listen = listen
        self.metrics = metrics
        self.readiness = readiness
        self.logger = logger
    }

    /// Serves until the graceful shutdown of the service group. To be called once.
    /// - Throws: ``ControlError`` when the address can't be used.
    public func run() async throws {
        do {
            guard listen.address.isLoopback else { throw ControlError.notLoopback(listen) }
            try await application.run()
            // Told to stop before it was listening: whoever waits for the address must not wait on.
            binding.resolve(.failure(CancellationError()))
        } catch {
            let error = (error as? IOError).map { ControlError.cannotListen(listen, $0) } ?? error
            binding.resolve(.failure(error))
            throw error
        }
    }

    /// The address that is listened on, with the port that the system chose; waits until it is.
    /// - Throws: what ``run()`` throws, or `CancellationError`.
    public func boundAddress() async throws -> Endpoint {
        try await binding.value()
    }

    private var application: some ApplicationProtocol {
        let router = Router(context: BasicRequestContext.self, options: .autoGenerateHeadEndpoints)
        let paths = ["/metrics", "/healthz", "/readyz"]
        router.add(middleware: ProblemMiddleware(paths: Set(paths)))
        router.get("metrics") { [metrics] _, _ in
            Response.text(await metrics(), type: "text/plain; version=0.0.4; charset=utf-8")
        }
        router.get("healthz") { _, _ in try Response.json(Health(status: "alive")) }
        router.get("readyz") { [readiness] _, _ in
            let reasons = await readiness()
            return try Response.json(
                Readiness(status: reasons.isEmpty ? "ready" : "not ready", reasons: reasons),
                status: reasons.isEmpty ? .ok : .serviceUnavailable)
        }
        return Application(
            router: router,
            server: .http1(
                configuration: .init(
                    idleTimeout: .seconds(60),
                    httpDecoderConfiguration: .init(
                        maxHeaderFieldSize: 8192, maxHeaderListSize: 16_384, maxHeaderFieldCount: 64))),
            configuration: .init(
                address: .hostname(listen.address.description, port: Int(listen.port)),
                availableConnectionsDelegate: MaximumAvailableConnections(128)),
            onServerRunning: { [listen, binding] channel in
                let port = channel.localAddress?.port.flatMap(UInt16.init(exactly:)) ?? listen.port
                binding.resolve(.success(Endpoint(listen.address, port: port)))
            },
            logger: quietLogger)
    }

    /// The framework tells of each start and connection; its troubles are enough.
    private var quietLogger: Logger {
        var quiet = logger
        quiet.logLevel = max(logger.logLevel, .warning)
        return quiet
    }
}

private struct Health: Encodable {
    let status: String
}

private struct Readiness: Encodable {
    let status: String
    let reasons: [String]
}

/// Why the control address can't be served.
public struct ControlError: Error, Sendable, Equatable, CustomStringConvertible {
    public enum Code: String, Sendable {
        case notLoopback = "not_loopback"
        case cannotListen = "cannot_listen"
    }

    public let code: Code
    public let description: String

    static func notLoopback(_ listen: Endpoint) -> ControlError {
        ControlError(
            code: .notLoopback,
            description: "control.listen: \(listen) is not a loopback address, and the control API has no TLS: use "
                + "127.0.0.1:\(listen.port) or [::1]:\(listen.port), and an SSH tunnel or a TLS proxy in front of it")
    }

    static func cannotListen(_ listen: Endpoint, _ error: IOError) -> ControlError {
        let reason =
            error.errnoCode == EADDRINUSE
            ? "the port is in use by another program (ss -ltnp shows which)"
            : String(cString: strerror(error.errnoCode))
        return ControlError(code: .cannotListen, description: "control.listen: can't listen on \(listen): \(reason)")
    }
}
