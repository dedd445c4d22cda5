internal import CoreTypes
internal import NIOCore
internal import NIOSSL
internal import SwiftASN1
internal import X509

/// What both sides of TLS have in common here.
public enum TLSFloor: Sendable, Equatable {
    case v12
    case v13

    var version: TLSVersion { self == .v12 ? .tlsv12 : .tlsv13 }
}

/// What a server asks of its clients.
public enum ClientCertificatePolicy: Sendable, Equatable {
    case none
    /// One that is shown must be valid.
    case optional
    case required
}

/// Contexts for taking TLS connections.
public enum ServerTLS {
    /// Reads, checks and loads; blocks, so never on an event loop.
    ///
    /// Trust and certificates are fixed in a context: build a new one when a file has changed.
    /// - Parameters:
    ///   - certificate: path of the chain in PEM, leaf first.
    ///   - key: path of the leaf's key in PEM.
    ///   - trust: path of the authorities for client certificates; not read when the policy is `none`.
    ///   - revocation: what clients' certificates are looked up in.
    ///   - clock: milliseconds since 1970, for the validity of the files now and of clients' certificates later.
    public static func context(
        certificate: String, key: String, trust: String, clientCertificate: ClientCertificatePolicy,
        revocation: RevocationLists = RevocationLists(), minimum: TLSFloor = .v12,
        clock: @escaping @Sendable () -> Int64
    ) throws(TLSConfigurationError) -> TLSContext {
        let (chain, privateKey) = try TLSMaterial.load(certificate: certificate, key: key, now: clock())
        var configuration = TLSConfiguration.makeServerConfiguration(
            certificateChain: chain.map { .certificate($0) }, privateKey: .privateKey(privateKey))
        guard clientCertificate != .none else {
            configuration.certificateVerification = .none
            return TLSContext(
                ssl: try TLSMaterial.build(configuration, minimum: minimum, about: certificate), verifier: nil)
        }
        configuration.certificateVerification =
            clientCertificate == .optional ? .optionalVerification : .noHostnameVerification
        let authorities = try TLSMaterial.trust(trust, in: &configuration)
        return TLSContext(
            ssl: try TLSMaterial.build(configuration, minimum: minimum, about: certificate),
            verifier: PeerVerifier(roots: authorities, revocation: revocation, peer: .client, clock: clock))
    }
}

/// Contexts for opening TLS connections.
public enum ClientTLS {
    /// Reads, checks and loads; blocks, so never on an event loop.
    ///
    /// The chain is verified by the context's verifier. That the certificate is the called server's is checked after the
    /// handshake with `PeerIdentity`, since RFC 5922 has other rules for names than HTTPS.
    /// - Parameters:
    ///   - trust: path of the authorities in PEM; nil: those of the system.
    ///   - certificate: path of the client's own chain, with `key`; nil: none is shown.
    ///   - revocation: what servers' certificates are looked up in.
    ///   - clock: milliseconds since 1970, for the validity of the files now and of servers' certificates later.
    public static func context(
        trust: String?, certificate: String? = nil, key: String? = nil,
        revocation: RevocationLists = RevocationLists(), minimum: TLSFloor = .v12,
        clock: @escaping @Sendable () -> Int64
    ) throws(TLSConfigurationError) -> TLSContext {
        var configuration = TLSConfiguration.makeClientConfiguration()
        configuration.certificateVerification = .noHostnameVerification
        var authorities: [Certificate]?
        if let trust { authorities = try TLSMaterial.trust(trust, in: &configuration) }
        switch (certificate, key) {
        case (let certificate?, let key?):
            let (chain, privateKey) = try TLSMaterial.load(certificate: certificate, key: key, now: clock())
            configuration.certificateChain = chain.map { .certificate($0) }
            configuration.privateKey = .privateKey(privateKey)
        case (nil, nil):
            break
        case (let file?, nil), (nil, let file?):
            throw TLSConfigurationError(file, "a certificate and its key belong together", mend: "name both or none")
        }
        return TLSContext(
            ssl: try TLSMaterial.build(configuration, minimum: minimum, about: trust ?? ""),
            verifier: PeerVerifier(roots: authorities, revocation: revocation, peer: .server, clock: clock))
    }
}

enum TLSMaterial {
    /// TLS 1.2's suites; 1.3 has only such suites anyway. ECDHE and AEAD, AES-256 before ChaCha20 before AES-128.
    static let suites: [NIOTLSCipher] = [
        .TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384, .TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384,
        .TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256, .TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256,
        .TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256, .TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256,
    ]

    static func load(
        certificate: String, key: String, now: Int64
    ) throws(TLSConfigurationError) -> ([NIOSSLCertificate], NIOSSLPrivateKey) {
        let chain = try PEMFile.certificates(certificate)
        let privateKey = try PEMFile.privateKey(key)
        for (index, member) in chain.enumerated() {
            let which = index == 0 ? "the certificate" : "certificate \(index + 1) of the chain"
            if member.notAfter < now {
                throw TLSConfigurationError(
                    certificate, "\(which) expired on \(CivilTime(millisecondsSince1970: member.notAfter).rfc3339)",
                    mend: "renew it")
            }
            if member.notBefore > now {
                throw TLSConfigurationError(
                    certificate,
                    "\(which) is not valid before \(CivilTime(millisecondsSince1970: member.notBefore).rfc3339)",
                    mend: "is this machine's clock right?")
            }
        }
        guard let leaf = chain.first, leaf.publicKey == privateKey.publicKey else {
            throw TLSConfigurationError(
                key, "is not the key of the first certificate in \(certificate)",
                mend: "name the key that the certificate was issued for; the leaf must stand first in the chain")
        }
        do {
            let bytes = Array(try privateKey.serializeAsPEM().pemString.utf8)
            return (try chain.map(native), try NIOSSLPrivateKey(bytes: bytes, format: .pem))
        } catch {
            throw TLSConfigurationError(certificate, "the TLS library refuses it: \(error)", mend: "issue it again")
        }
    }

    /// Names the authorities of a file to the TLS library, too: a server tells its clients which ones it takes.
    static func trust(
        _ path: String, in configuration: inout TLSConfiguration
    ) throws(TLSConfigurationError) -> [Certificate] {
        let certificates = try PEMFile.certificates(path)
        do {
            configuration.trustRoots = .certificates(try certificates.map(native))
            return certificates
        } catch {
            throw TLSConfigurationError(path, "the TLS library refuses it: \(error)", mend: "export it again")
        }
    }

    private static func native(_ certificate: Certificate) throws -> NIOSSLCertificate {
        var serializer = DER.Serializer()
        try serializer.serialize(certificate)
        return try NIOSSLCertificate(bytes: serializer.serializedBytes, format: .der)
    }

    static func build(
        _ configuration: TLSConfiguration, minimum: TLSFloor, about file: String
    ) throws(TLSConfigurationError) -> NIOSSLContext {
        var configuration = configuration
        configuration.minimumTLSVersion = minimum.version
        configuration.cipherSuiteValues = suites
        configuration.renegotiationSupport = .none
        // For the peer's closing alert: whoever withholds it holds the connection's memory.
        configuration.shutdownTimeout = .seconds(2)
        do {
            return try NIOSSLContext(configuration: configuration)
        } catch {
            throw TLSConfigurationError(
                file, "the TLS library refuses it: \(error)", mend: "check certificate, chain and key with openssl")
        }
    }
}
