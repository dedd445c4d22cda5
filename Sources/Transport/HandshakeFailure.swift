internal import NIOCore
internal import NIOSSL

/// Why a TLS handshake came to nothing. The raw values label metrics.
public enum HandshakeFailure: String, Sendable, CaseIterable {
    case timeout
    case peerClosed = "peer_closed"
    /// What came was not TLS; plain SIP sent to a TLS port, for example.
    case notTLS = "not_tls"
    case noSharedCipher = "no_shared_cipher"
    case unsupportedVersion = "unsupported_version"
    case certificateMissing = "certificate_missing"
    /// Unknown authority, expired, not for this use.
    case certificateInvalid = "certificate_invalid"
    /// The peer refused us by an alert: our certificate, most often.
    case refusedByPeer = "refused_by_peer"
    case other

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
            ("EOF DURING HANDSHAKE", .peerClosed),
        ]
        self = signs.first { text.contains($0.0) }?.1 ?? .other
    }
}
