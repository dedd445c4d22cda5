internal import NIOCore
internal import NIOSSL
internal import TransportSecurity

/// Why a TLS handshake came to nothing. The raw values label metrics.
public enum HandshakeFailure: String, Sendable, CaseIterable {
    case timeout
    case peerClosed = "peer_closed"
    /// What came was not TLS; plain SIP sent to a TLS port, for example.
    case notTLS = "not_tls"
    case noSharedCipher = "no_shared_cipher"
    case unsupportedVersion = "unsupported_version"
    case certificateMissing = "certificate_missing"
    /// What the peer showed does not count; see `CertificateFault`.
    case certificateMalformed = "certificate_malformed"
    case certificateChainTooLong = "certificate_chain_too_long"
    case certificateUnknownIssuer = "certificate_unknown_issuer"
    case certificateExpired = "certificate_expired"
    case certificateNotYetValid = "certificate_not_yet_valid"
    case certificateWrongUsage = "certificate_wrong_usage"
    case certificateWeakKey = "certificate_weak_key"
    case certificateWeakSignature = "certificate_weak_signature"
    case certificateRevoked = "certificate_revoked"
    /// The TLS library found the peer's signature in the handshake not to be its certificate's.
    case certificateInvalid = "certificate_invalid"
    /// The peer refused us by an alert: our certificate, most often.
    case refusedByPeer = "refused_by_peer"
    case other

    init(_ fault: CertificateFault) {
        self =
            switch fault {
            case .malformed: .certificateMalformed
            case .chainTooLong: .certificateChainTooLong
            case .unknownIssuer: .certificateUnknownIssuer
            case .expired: .certificateExpired
            case .notYetValid: .certificateNotYetValid
            case .wrongUsage: .certificateWrongUsage
            case .weakKey: .certificateWeakKey
            case .weakSignature: .certificateWeakSignature
            case .revoked: .certificateRevoked
            }
    }

    /// Reads NIOSSL's error, whose kind is only told by BoringSSL's reason text.
    init(_ error: any Error) {
        if case NIOSSLError.uncleanShutdown = error {
            self = .peerClosed
            return
        }
        guard case NIOSSLError.handshakeFailed(let cause) = error else {
            self = .other
            return
        }
        let text = String(describing: cause).uppercased()
        let signs: [(String, HandshakeFailure)] = [
            ("NO_SHARED_CIPHER", .noSharedCipher), ("NO_CIPHERS", .noSharedCipher),
            ("UNSUPPORTED_PROTOCOL", .unsupportedVersion), ("VERSION_TOO_LOW", .unsupportedVersion),
            ("WRONG_VERSION_NUMBER", .notTLS), ("HTTP_REQUEST", .notTLS), ("HTTPS_PROXY_REQUEST", .notTLS),
            ("UNEXPECTED_RECORD", .notTLS), ("DID_NOT_RETURN_A_CERTIFICATE", .certificateMissing),
            ("CERTIFICATE_VERIFY_FAILED", .certificateInvalid), ("ALERT", .refusedByPeer),
            ("KEY_USAGE_BIT_INCORRECT", .certificateWrongUsage), ("EOF DURING HANDSHAKE", .peerClosed),
        ]
        self = signs.first { text.contains($0.0) }?.1 ?? .other
    }
}
