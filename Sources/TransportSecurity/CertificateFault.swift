/// Why a peer's certificate does not count. The raw values label metrics and stand in events.
public enum CertificateFault: String, Error, Sendable, CaseIterable {
    /// Can't be decoded, or has a critical extension that nobody here understands.
    case malformed = "certificate_malformed"
    /// More certificates than any path needs.
    case chainTooLong = "certificate_chain_too_long"
    /// No path leads from it to an authority that is trusted.
    case unknownIssuer = "certificate_unknown_issuer"
    case expired = "certificate_expired"
    case notYetValid = "certificate_not_yet_valid"
    /// Key usage or extended key usage (RFC 5280 sections 4.2.1.3 and 4.2.1.12) forbid what it is used for.
    case wrongUsage = "certificate_wrong_usage"
    /// An RSA key below 2,048 bits.
    case weakKey = "certificate_weak_key"
    /// Signed with MD5 or SHA-1.
    case weakSignature = "certificate_weak_signature"
    case revoked = "certificate_revoked"
}
