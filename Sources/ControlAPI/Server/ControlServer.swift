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

/// HTTP on the control address: how the edge is watched. See `WatchRoutes` for what it answers.
///
/// Errors are `application/problem+json` (RFC 9457). HEAD is answered wherever GET is.
public struct ControlServer: Service {
    private let listen: Endpoint
    private let watch: WatchRoutes
    private let logger: Logger
    private let binding = Binding<Endpoint>()

    /// - Parameters:
    ///   - listen: a loopback address, since there is no TLS and no key; port 0 for a free one.
    ///   - metrics: the exposition text, asked for at each scrape.
    ///   - readiness: why the edge should not be sent calls; empty when it is ready.
    public init(
        listen: Endpoint, metrics: @escaping @Sendable () async -> String,
        readiness: @escaping @Sendable () async -> [String], logger: Logger
    ) {
        self.listen = listen
        watch = WatchRoutes(metrics: metrics, readiness: readiness)
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
        var table = RouteTable()
        watch.add(to: &table)
        return table.application(
            at: .hostname(listen.address.description, port: Int(listen.port)), logger: logger
        ) { [listen, binding] channel in
            let port = channel.localAddress?.port.flatMap(UInt16.init(exactly:)) ?? listen.port
            binding.resolve(.success(Endpoint(listen.address, port: port)))
        }
    }
}

/// Why the control address or socket can't be served.
public struct ControlError: Error, Sendable, Equatable, CustomStringConvertible {
    public enum Code: String, Sendable {
        case notLoopback = "not_loopback"
        case cannotListen = "cannot_listen"
        /// Another edge runs with the same state directory.
        case isRunning = "is_running"
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
