import CoreTypes
import SIPMessage

/// Layer 3: what the connection itself must offer.
public struct TransportGuard: Sendable {
    public enum Requirement: String, Sendable, Hashable {
        case required
        case ifTLS = "if_tls"
        case off
    }

    public struct Policy: Sendable, Hashable {
        public var requirement: Requirement
        /// A verified client certificate whose SIP identity covers the caller's domain (RFC 5922 section 7.2).
        public var clientCertificateRequired: Bool
        /// Where there are any, a client must show a certificate that one of them is about.
        public var certificates: [CertificateRule]

        public init(
            requirement: Requirement = .required, clientCertificateRequired: Bool = false,
            certificates: [CertificateRule] = []
        ) {
            self.requirement = requirement
            self.clientCertificateRequired = clientCertificateRequired
            self.certificates = certificates
        }
    }

    /// Whose certificates are accepted: globs for the distinguished names in RFC 4514 form, such as
    /// `CN=sbc-1,O=Partner`; nil: any.
    public struct CertificateRule: Sendable, Hashable {
        public var subject: String?
        public var issuer: String?

        public init(subject: String? = nil, issuer: String? = nil) {
            self.subject = subject
            self.issuer = issuer
        }

        func isAbout(_ peer: TransportFacts.Peer) -> Bool {
            subject.map { Glob.matches($0, peer.subject) } ?? true
                && issuer.map { Glob.matches($0, peer.issuer) } ?? true
        }
    }

    /// PRODUCT 1.4: ECDHE with an AEAD, nothing else. TLS 1.3 suites are all of that kind.
    public static let suites: Set<String> = [
        "TLS_AES_128_GCM_SHA256", "TLS_AES_256_GCM_SHA384", "TLS_CHACHA20_POLY1305_SHA256",
        "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256", "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384",
        "TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256", "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256",
        "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384", "TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256",
    ]

    private let policy: Policy

    public init(_ policy: Policy) {
        self.policy = policy
    }

    func examine(_ approach: Approach) -> Verdict {
        switch (policy.requirement, approach.security) {
        case (.off, _), (.ifTLS, nil):
            return .notApplicable
        case (.required, nil):
            return refuse(approach, .plainTransport, "TLS Required")
        case (.required, .some(let security)), (.ifTLS, .some(let security)):
            guard security.version == "TLSv1.2" || security.version == "TLSv1.3",
                Self.suites.contains(security.cipherSuite)
            else { return refuse(approach, .weakTransport, "TLS Required") }
            return examineCertificate(approach, security)
        }
    }

    private func examineCertificate(_ approach: Approach, _ security: TransportFacts) -> Verdict {
        guard policy.clientCertificateRequired || !policy.certificates.isEmpty else { return .pass }
        guard let peer = security.peer else {
            return refuse(approach, .certificateMissing, "Client Certificate Required")
        }
        guard policy.certificates.isEmpty || policy.certificates.contains(where: { $0.isAbout(peer) }) else {
            return refuse(approach, .certificateNotAccepted, "Certificate Not Accepted")
        }
        guard policy.clientCertificateRequired else { return .pass }
        let domain = approach.message.from.uri.host.description
        guard peer.identities.contains(domain) else {
            return refuse(approach, .certificateMismatch, "Certificate Does Not Cover Domain")
        }
        return .pass
    }

    private func refuse(_ approach: Approach, _ cause: Refusal.Cause, _ reason: String) -> Verdict {
        .refuse(
            Refusal(
                .transportSecurity, cause, answer: .init(403, reason),
                event: approach.draft(.securityEvent, .warning, .reason(cause))))
    }
}
