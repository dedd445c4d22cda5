import CoreTypes
import Foundation
import NIOSSL
public import SallyportConfiguration
import TransportSecurity
import Witness

/// The TLS contexts that a configuration asks for.
struct TLSContexts: Sendable {
    /// Nil without a TLS listener.
    var server: NIOSSLContext?
    /// For connections to next hops; with the system's authorities where no trust file is there.
    var client: NIOSSLContext?

    /// - Throws: `TLSConfigurationError` naming the file and what to do.
    init(_ configuration: Configuration) throws {
        let tls = configuration.tls
        let now = SystemClock.now().wall
        let floor: TLSFloor = tls.minimum == .v13 ? .v13 : .v12
        let trust = configuration.resolve(tls.trust)
        let hasTrust = FileManager.default.fileExists(atPath: trust)
        if configuration.listeners.contains(where: { $0.transport == .tls }) {
            // Without authorities nobody can show a certificate; asking for one would be in vain.
            let policy: ClientCertificatePolicy =
                switch tls.clientCertificate {
                case .none: .none
                case .optional: hasTrust ? .optional : .none
                case .required: .required
                }
            server = try ServerTLS.context(
                certificate: configuration.resolve(tls.certificate), key: configuration.resolve(tls.key),
                trust: trust, clientCertificate: policy, minimum: floor, now: now)
        }
        client = try ClientTLS.context(trust: hasTrust ? trust : nil, minimum: floor, now: now)
    }
}

extension Edge {
    /// Builds the TLS contexts of a configuration and throws them away: says whether the files are good for it.
    /// - Throws: `TLSConfigurationError` naming the file and what to do.
    public static func checkTLS(_ configuration: Configuration) throws {
        _ = try TLSContexts(configuration)
    }
}
