import CoreTypes
import Foundation
public import SallyportConfiguration
public import TransportSecurity
import Witness

/// What a configuration's TLS is made of, all from one reading of its files.
struct TLSContexts: Sendable {
    /// Nil without a TLS listener.
    var server: TLSContext?
    /// For connections to next hops; with the system's authorities where no trust file is there.
    var client: TLSContext?
    var inventory = CertificateInventory()

    /// - Throws: `TLSConfigurationError` naming the file and what to do.
    init(_ configuration: Configuration) throws {
        let tls = configuration.tls
        let clock: @Sendable () -> Int64 = { SystemClock.now().wall }
        let floor: TLSFloor = tls.minimum == .v13 ? .v13 : .v12
        let trust = configuration.resolve(tls.trust)
        let hasTrust = FileManager.default.fileExists(atPath: trust)
        let revocation = try RevocationLists(
            tls.revocation.map(configuration.resolve), trust: trust, now: clock())
        inventory.revocation = revocation.reports
        // Whether it can be used is for the one who listens there to say.
        inventory.control =
            configuration.control.tls.map {
                try? CertificateInspector.inspectAll(configuration.resolve($0.certificate))
            } ?? []
        if hasTrust { inventory.authorities = try CertificateInspector.inspectAll(trust) }
        guard configuration.listeners.contains(where: { $0.transport == .tls }) else {
            client = try ClientTLS.context(
                trust: hasTrust ? trust : nil, revocation: revocation, minimum: floor, clock: clock)
            return
        }
        let (certificate, key) = (configuration.resolve(tls.certificate), configuration.resolve(tls.key))
        // Without authorities nobody can show a certificate; asking for one would be in vain.
        let policy: ClientCertificatePolicy =
            switch tls.clientCertificate {
            case .none: .none
            case .optional: hasTrust ? .optional : .none
            case .required: .required
            }
        server = try ServerTLS.context(
            certificate: certificate, key: key, trust: trust, clientCertificate: policy, revocation: revocation,
            minimum: floor, clock: clock)
        // A server that asks who calls is shown the edge's own certificate (RFC 5922 section 7.4).
        client = try ClientTLS.context(
            trust: hasTrust ? trust : nil, certificate: certificate, key: key, revocation: revocation, minimum: floor,
            clock: clock)
        inventory.own = try CertificateInspector.inspectAll(certificate)
    }
}

extension Edge {
    /// Builds the TLS contexts of a configuration and throws them away: says whether the files are good for it.
    /// - Returns: the revocation lists that are in use.
    /// - Throws: `TLSConfigurationError` naming the file and what to do.
    public static func checkTLS(_ configuration: Configuration) throws -> [RevocationReport] {
        try TLSContexts(configuration).inventory.revocation
    }

    /// Says whether the secret that the configuration names, if it names one, can be had.
    public static func checkSecret(_ configuration: Configuration) throws(EdgeError) {
        _ = try StateDirectory.sharedSecret(configuration)
    }
}
