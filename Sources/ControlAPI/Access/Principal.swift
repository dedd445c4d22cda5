internal import CoreTypes
internal import Registry

/// Who asks, and what they may do.
struct Principal: Sendable {
    /// The key's, or the user's of this machine.
    let name: String
    let role: APIRole
    /// What counts against one limit; nil: whoever uses the socket in the state directory.
    let limitKey: String?

    /// As the witness names them.
    var actor: String { limitKey == nil ? name : "key \(name)" }
}

/// The browsers that have signed in with a key. In memory: they sign in again after a restart.
struct SessionTable: Sendable {
    static let cookie = "sallyport_session"
    /// Seconds that one lasts.
    static let lifetime = 12 * 3600
    private static let capacity = 1000

    /// The key's text, so that a revoked or expired key ends its sessions at the next request.
    private var keys: BoundedTable<String, (key: String, until: UInt64)>

    init() {
        keys = BoundedTable(capacity: Self.capacity)
    }

    /// - Returns: what the cookie says: 256 random bits.
    mutating func begin(key: String, now: UInt64) -> String {
        let session = Hexadecimal.string((0..<32).map { _ in UInt8.random(in: .min ... .max) })
        keys.set(session, (key, now + UInt64(Self.lifetime) * 1_000_000_000))
        return session
    }

    mutating func key(of session: String, now: UInt64) -> String? {
        guard let entry = keys.peek(session) else { return nil }
        guard entry.until > now else {
            keys.removeValue(forKey: session)
            return nil
        }
        // Used: those unused for longest make room for others.
        return keys.withEntry(session) { $0?.key }.result
    }

    mutating func end(_ session: String) {
        keys.removeValue(forKey: session)
    }
}
