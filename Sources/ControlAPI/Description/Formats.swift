internal import CoreTypes
internal import Registry
internal import SallyportConfiguration

/// Texts that mean something here. JSON Schema has no names for most of them; a client that knows none of them takes
/// them for plain texts.
extension Schema {
    static let address = formatted(
        "ip-address", "an IPv4 or IPv6 address, such as 192.0.2.1 or 2001:db8::1"
    ) { IPAddress($0) != nil }
    static let network = formatted(
        "cidr", "a network, such as 192.0.2.0/24 or 2001:db8::/32, without bits behind the prefix"
    ) { (try? IPNetwork(parsing: $0)) != nil }
    static let time = formatted("date-time", "an RFC 3339 time in UTC, such as 2026-01-31T12:00:00Z") {
        CivilTime.parse(rfc3339: $0) != nil
    }
    static let dayOrTime = formatted(
        "day-or-time", "a day, such as 2026-12-31, or a time, such as 2026-12-31T12:00:00Z"
    ) {
        CivilSpan(parsing: $0) != nil
    }
    static let duration = formatted("duration-text", "a duration, such as 300s, 10m, 24h or 30d") {
        (try? Duration(parsing: $0, in: Ban.duration)) != nil
    }
    static let addressOfRecord = formatted("aor", "an address of record, user@domain") {
        (try? RegistryText.addressOfRecord($0)) != nil
    }
    static let contact = formatted("sip-contact", "a SIP URI, such as sip:user@host or sips:user@host:port") {
        RegistryText.isContact($0)
    }
    static let publicKey = formatted("ed25519-public-key", "an Ed25519 public key: PEM, or 32 octets in base64", 8192) {
        (try? Ed25519PublicKey.parse($0)) != nil
    }

    /// Texts that people read: no control characters.
    static func label(_ limit: Int) -> Schema {
        formatted("label", "a text without control characters", limit) {
            RegistryText.isLabel($0, atMost: limit)
        }
    }

    /// A short name as it goes into headers and metrics.
    static let token = Schema.string(
        .init(length: 1...64, characters: Set("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.")))

    private static func formatted(
        _ name: String, _ expected: String, _ limit: Int = 256, _ accepts: @escaping @Sendable (String) -> Bool
    ) -> Schema {
        .string(.init(length: 1...limit, format: .init(name: name, expected: expected, accepts: accepts)))
    }
}
