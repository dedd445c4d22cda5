internal import CoreTypes
internal import CryptoExtras
internal import SwiftASN1
internal import X509

/// What is asked of each certificate on a path beyond what RFC 5280 section 6.1 does to find it: dates, use, strength,
/// revocation. swift-certificates leaves key usage and revocation to its user.
struct ChainRules: Sendable {
    /// What the holder of the leaf does on the connection.
    enum Role: Sendable {
        case client
        case server
    }

    var role: Role
    var revocation: RevocationLists

    /// - Parameters:
    ///   - path: leaf first; only the leaf when a session is resumed.
    ///   - now: milliseconds since 1970.
    func fault(on path: some Collection<Certificate>, now: Int64) -> CertificateFault? {
        for (depth, certificate) in path.enumerated() {
            // Nobody relies on an anchor's own signature.
            let isAnchor = depth > 0 && depth == path.count - 1
            if let fault = fault(of: certificate, isLeaf: depth == 0, isAnchor: isAnchor, now: now) { return fault }
        }
        return nil
    }

    private func fault(
        of certificate: Certificate, isLeaf: Bool, isAnchor: Bool, now: Int64
    ) -> CertificateFault? {
        if revocation.isRevoked(certificate) { return .revoked }
        if certificate.notAfter < now { return .expired }
        if certificate.notBefore > now { return .notYetValid }
        if !Self.isStrong(certificate.publicKey) { return .weakKey }
        if !isAnchor, !Self.isStrong(certificate.signatureAlgorithm) { return .weakSignature }
        do {
            return try isForThis(certificate, isLeaf: isLeaf) ? nil : .wrongUsage
        } catch {
            return .malformed
        }
    }

    /// An extension that is not there forbids nothing.
    private func isForThis(_ certificate: Certificate, isLeaf: Bool) throws -> Bool {
        if let usage = try certificate.extensions.keyUsage {
            guard isLeaf ? usage.digitalSignature : usage.keyCertSign else { return false }
        }
        guard let purposes = try certificate.extensions.extendedKeyUsage else { return true }
        return purposes.contains { $0 == .any || $0 == wanted || $0 == Self.sipDomain }
    }

    private var wanted: ExtendedKeyUsage.Usage { role == .client ? .clientAuth : .serverAuth }

    /// id-kp-sipDomain (RFC 5924): for both sides of SIP over TLS.
    private static let sipDomain = ExtendedKeyUsage.Usage(oid: [1, 3, 6, 1, 5, 5, 7, 3, 20])

    static func isStrong(_ key: Certificate.PublicKey) -> Bool {
        _RSA.Signing.PublicKey(key).map { $0.keySizeInBits >= 2048 } ?? true
    }

    static func isStrong(_ algorithm: Certificate.SignatureAlgorithm) -> Bool {
        switch algorithm {
        case .ecdsaWithSHA256, .ecdsaWithSHA384, .ecdsaWithSHA512, .sha256WithRSAEncryption, .sha384WithRSAEncryption,
            .sha512WithRSAEncryption, .ed25519:
            true
        default: false
        }
    }
}

/// The same as a policy of path building, so that another path is tried where one is no good.
struct ChainPolicy: VerifierPolicy, Sendable {
    let rules: ChainRules
    let now: Int64
    /// Understood here, or beside the point of a path: policies bind nobody who names none.
    let verifyingCriticalExtensions: [ASN1ObjectIdentifier] = [
        .X509ExtensionID.extendedKeyUsage, .X509ExtensionID.subjectAlternativeName,
        .X509ExtensionID.subjectKeyIdentifier, .X509ExtensionID.authorityKeyIdentifier, [2, 5, 29, 32],
    ]

    func chainMeetsPolicyRequirements(chain: UnverifiedCertificateChain) async -> PolicyEvaluationResult {
        let fault = rules.fault(on: Array(chain), now: now)
        return fault.map { .failsToMeetPolicy(reason: $0.rawValue) } ?? .meetsPolicy
    }
}
