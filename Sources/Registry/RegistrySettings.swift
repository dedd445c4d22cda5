/// Which database the registry lives in, and how it is read.
public struct RegistrySettings: Sendable {
    /// Path of the SQLite file.
    public var path: String
    /// The realm that passwords are hashed for; nil: each subscriber's domain.
    public var realm: String?
    /// Whether a plaintext password that another program wrote may be used; it is reported either way.
    public var acceptsPlaintext = true
    /// How long to wait for another program's lock.
    public var busyTimeout: Duration = .seconds(5)
    /// Who makes changes, for the record of changes: the operating system's user.
    public var actor: String

    public init(path: String, realm: String? = nil, actor: String) {
        self.path = path
        self.realm = realm
        self.actor = actor
    }
}
