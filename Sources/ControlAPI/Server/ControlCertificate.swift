internal import NIOCore
internal import NIOSSL
internal import SallyportConfiguration
internal import Synchronization

/// The certificate of `control.tls`: read at the start, and again when its files have changed. New connections get the new
/// one; those that are open keep what they have.
final class ControlCertificate: Sendable {
    private let files: Configuration.Control.TLS
    private let current: Mutex<TLSConfiguration>

    /// - Throws: ``ControlError`` when the files can't be read, are no PEM, or don't belong together.
    init(_ files: Configuration.Control.TLS) throws(ControlError) {
        self.files = files
        current = Mutex(try Self.read(files))
    }

    /// - Throws: as the initializer; the old certificate stays.
    func reload() throws(ControlError) {
        let read = try Self.read(files)
        current.withLock { $0 = read }
    }

    /// For a server: what is current is asked for at each handshake.
    func serverConfiguration() -> TLSConfiguration {
        var configuration = current.withLock { $0 }
        configuration.sslContextCallback = { [self] _, promise in
            let latest = current.withLock { $0 }
            var override = NIOSSLContextConfigurationOverride()
            override.certificateChain = latest.certificateChain
            override.privateKey = latest.privateKey
            promise.succeed(override)
        }
        return configuration
    }

    private static func read(_ files: Configuration.Control.TLS) throws(ControlError) -> TLSConfiguration {
        do {
            var configuration = TLSConfiguration.makeServerConfiguration(
                certificateChain: try NIOSSLCertificate.fromPEMFile(files.certificate).map { .certificate($0) },
                privateKey: .privateKey(try NIOSSLPrivateKey(file: files.key, format: .pem)))
            configuration.minimumTLSVersion = .tlsv12
            // Tells whether the key is the certificate's.
            _ = try NIOSSLContext(configuration: configuration)
            return configuration
        } catch {
            throw ControlError.badCertificate(files, error)
        }
    }
}
