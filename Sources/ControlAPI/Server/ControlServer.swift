public import CoreTypes
internal import Hummingbird
internal import HummingbirdCore
internal import HummingbirdHTTP2
internal import Logging
internal import NIOCore
internal import NIOSSL
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
    private let binding = Binding<Endpoint>()

    public init(_ surface: ControlSurface) {
        self.surface = surface
    }

    /// Serves until the graceful shutdown of the service group. To be called once.
    /// - Throws: ``ControlError`` when the address or the certificate can't be used.
    public func run() async throws {
        let listen = surface.listen
        do {
            if let tls = surface.tls {
                try await surface.application(
                    try .http2Upgrade(
                        tlsConfiguration: Self.configuration(tls),
                        configuration: .init(
                            idleTimeout: .seconds(60),
                            streamConfiguration: .init(
                                additionalChannelHandlers: [], idleTimeout: ControlLimits.idle,
                                httpDecoderConfiguration: ControlLimits.headers))),
                    at: .hostname(listen.address.description, port: Int(listen.port)), bound
                ).run()
            } else {
                guard listen.address.isLoopback else { throw ControlError.notLoopback(listen) }
                try await surface.application(
                    ControlLimits.plain, at: .hostname(listen.address.description, port: Int(listen.port)), bound
                ).run()
            }
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

    private static func configuration(_ tls: Configuration.Control.TLS) throws -> TLSConfiguration {
        do {
            var configuration = TLSConfiguration.makeServerConfiguration(
                certificateChain: try NIOSSLCertificate.fromPEMFile(tls.certificate).map { .certificate($0) },
                privateKey: .privateKey(try NIOSSLPrivateKey(file: tls.key, format: .pem)))
            configuration.minimumTLSVersion = .tlsv12
            return configuration
        } catch {
            throw ControlError.badCertificate(tls, error)
        }
    }
}

/// What every connection of the control API is held to.
enum ControlLimits {
    static let idle = TimeAmount.seconds(60)
    static let connections = 256

    static var plain: HTTPServerBuilder {
        .http1(
            configuration: .init(
                idleTimeout: idle,
                httpDecoderConfiguration: headers))
    }

    static let headers = HTTP1Channel.Configuration.DecoderConfiguration(
        maxHeaderFieldSize: 8192, maxHeaderListSize: 16_384, maxHeaderFieldCount: 64)
}

extension ControlSurface {
    func application(
        _ server: HTTPServerBuilder, at address: BindAddress,
        _ onServerRunning: @escaping @Sendable (any Channel) async -> Void
    ) -> some ApplicationProtocol {
        // The framework tells of each start and connection; its troubles are enough.
        var quiet = logger
        quiet.logLevel = max(logger.logLevel, .warning)
        return Application(
            router: table.router(gate), server: server,
            configuration: .init(
                address: address,
                availableConnectionsDelegate: MaximumAvailableConnections(ControlLimits.connections)),
            onServerRunning: onServerRunning, logger: quiet)
    }
}

/// Why the control address or socket can't be served.
public struct ControlError: Error, Sendable, Equatable, CustomStringConvertible {
    public enum Code: String, Sendable {
        case notLoopback = "not_loopback"
        case cannotListen = "cannot_listen"
        case badCertificate = "bad_certificate"
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

    static func cannotListen(_ listen: Endpoint, _ error: IOError) -> ControlError {
        let reason =
            error.errnoCode == EADDRINUSE
            ? "the port is in use by another program (ss -ltnp shows which)"
            : String(cString: strerror(error.errnoCode))
        return ControlError(code: .cannotListen, description: "control.listen: can't listen on \(listen): \(reason)")
    }
}
