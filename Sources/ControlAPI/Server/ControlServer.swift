public import CoreTypes
internal import Hummingbird
internal import HummingbirdCore
internal import Logging
internal import NIOCore
internal import SallyportConfiguration
public import ServiceLifecycle
#if canImport(Musl)
    internal import Musl
#else
    internal import Glibc
#endif

/// HTTP/1.1 on the control address, or, with `control.tls`, HTTP/1.1 and 2 over TLS.
///
/// Errors are `application/problem+json` (RFC 9457). HEAD is answered wherever GET is.
public struct ControlServer: Service {
    private let surface: ControlSurface
    private let limits: ControlLimits
    private let certificate: ControlCertificate?
    private let binding = Binding<Endpoint>()

    /// - Throws: ``ControlError`` when the certificate can't be used.
    public init(_ surface: ControlSurface, limits: ControlLimits = ControlLimits()) throws(ControlError) {
        self.surface = surface
        self.limits = limits
        certificate = if let tls = surface.tls { try ControlCertificate(tls) } else { nil }
    }

    /// Reads the certificate and its key again, for the connections that come from now on.
    /// - Throws: ``ControlError`` when they can't be used; those of before stay.
    public func reloadCertificate() throws(ControlError) {
        try certificate?.reload()
    }

    /// Serves until the graceful shutdown of the service group. To be called once.
    /// - Throws: ``ControlError`` when the address can't be used.
    public func run() async throws {
        let listen = surface.listen
        do {
            guard certificate != nil || listen.address.isLoopback else { throw ControlError.notLoopback(listen) }
            try await surface.application(
                limits.server(certificate, at: listen),
                at: .hostname(listen.address.description, port: Int(listen.port)), limits, bound
            ).run()
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

    @Sendable private func bound(_ channel: any Channel) {
        let listen = surface.listen
        let port = channel.localAddress?.port.flatMap(UInt16.init(exactly:)) ?? listen.port
        binding.resolve(.success(Endpoint(listen.address, port: port)))
    }
}

extension ControlSurface {
    func application(
        _ server: HTTPServerBuilder, at address: BindAddress, _ limits: ControlLimits,
        _ onServerRunning: @escaping @Sendable (any Channel) async -> Void
    ) -> some ApplicationProtocol {
        // The framework tells of each start and connection; its troubles are enough.
        var quiet = logger
        quiet.logLevel = max(logger.logLevel, .warning)
        return Application(
            router: table.router(gate), server: server,
            configuration: .init(
                address: address,
                availableConnectionsDelegate: MaximumAvailableConnections(limits.connections)),
            onServerRunning: onServerRunning, logger: quiet)
    }
}

/// Why the control address or socket can't be served.
public struct ControlError: Error, Sendable, Equatable, CustomStringConvertible {
    public enum Code: String, Sendable {
        case notLoopback = "not_loopback"
        case cannotListen = "cannot_listen"
        case badCertificate = "bad_certificate"
        case badCountries = "bad_countries"
        /// Another edge runs with the same state directory.
        case isRunning = "is_running"
    }

    public let code: Code
    public let description: String

    static func notLoopback(_ listen: Endpoint) -> ControlError {
        ControlError(
            code: .notLoopback,
            description: "control.listen: \(listen) is not a loopback address, and there is no control.tls: use "
                + "127.0.0.1:\(listen.port) or [::1]:\(listen.port), or give it a certificate")
    }

    static func badCertificate(_ tls: Configuration.Control.TLS, _ error: any Error) -> ControlError {
        ControlError(
            code: .badCertificate,
            description: "control.tls: \(tls.certificate) with \(tls.key) can't be used: \(error)")
    }

    static func badCountries(_ path: String, _ error: any Error) -> ControlError {
        ControlError(code: .badCountries, description: "control.countries: \(path) can't be used: \(error)")
    }

    static func cannotListen(_ listen: Endpoint, _ error: IOError) -> ControlError {
        let reason =
            error.errnoCode == EADDRINUSE
            ? "the port is in use by another program (ss -ltnp shows which)"
            : String(cString: strerror(error.errnoCode))
        return ControlError(code: .cannotListen, description: "control.listen: can't listen on \(listen): \(reason)")
    }
}
