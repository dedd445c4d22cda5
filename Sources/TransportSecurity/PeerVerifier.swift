internal import NIOCore
internal import NIOSSL
internal import SwiftASN1
internal import X509

/// Decides whether a peer's certificate counts: a path to a trusted authority, and `ChainRules` for all on it.
///
/// Once in each full handshake by `verify`, and for each connection, resumed ones too, by `fault(of:now:)`: a resumed
/// TLS 1.3 session skips verification.
public struct PeerVerifier: Sendable {
    /// More certificates than this are not looked at: path building is work.
    private static let longestChain = 8

    private let roots: CertificateStore
    private let rules: ChainRules
    private let clock: @Sendable () -> Int64

    /// - Parameters:
    ///   - roots: anchors; nil: those of the system.
    ///   - clock: milliseconds since 1970.
    init(
        roots: [Certificate]?, revocation: RevocationLists, peer role: ChainRules.Role,
        clock: @escaping @Sendable () -> Int64
    ) {
        self.roots = roots.map { CertificateStore($0) } ?? .systemTrustRoots
        rules = ChainRules(role: role, revocation: revocation)
        self.clock = clock
    }

    /// Judges what a peer showed, leaf first. Works for a millisecond or so, off any event loop.
    func verify(_ shown: [NIOSSLCertificate]) async -> CertificateFault? {
        guard shown.count <= Self.longestChain else { return .chainTooLong }
        var chain: [Certificate] = []
        for certificate in shown {
            guard let decoded = certificate.decoded else {
                return (try? certificate.toDERBytes()).map(CertificateWeakness.fault) ?? .malformed
            }
            chain.append(decoded)
        }
        guard let leaf = chain.first else { return .malformed }
        // Said before a path is looked for, which would only not be found.
        guard ChainRules.isStrong(leaf.signatureAlgorithm) else { return .weakSignature }
        let now = clock()
        let between = CertificateStore(chain.dropFirst())
        var strict = Verifier(rootCertificates: roots) {
            RFC5280Policy()
            ChainPolicy(rules: rules, now: now)
        }
        guard case .couldNotValidate(let failures) = await strict.validate(leaf: leaf, intermediates: between) else {
            return nil
        }
        // The first path that was tried tells why.
        for failure in failures {
            if let fault = rules.fault(on: Array(failure.chain), now: now) { return fault }
        }
        return rules.fault(on: [leaf], now: now) ?? .unknownIssuer
    }

    /// What speaks against a peer of a connection now, whose path was verified when its session began.
    public func fault(of peer: PeerIdentity) -> CertificateFault? {
        rules.fault(on: [peer.certificate], now: clock())
    }

    /// NIOSSL's verification replaced by this one; the fault is told before the handshake fails by it.
    func callback(_ tell: NIOLoopBound<(CertificateFault) -> Void>) -> NIOSSLCustomVerificationCallback {
        { shown, promise in
            Task {
                let fault = await verify(shown)
                promise.futureResult.eventLoop.execute {
                    if let fault { tell.value(fault) }
                    promise.succeed(fault == nil ? .certificateVerified : .failed)
                }
            }
        }
    }
}

extension NIOSSLCertificate {
    /// Nil for what can't be decoded.
    var decoded: Certificate? {
        guard let der = try? toDERBytes() else { return nil }
        return try? Certificate(derEncoded: der)
    }
}
