/// Where a secret is; never the secret itself.
public enum SecretReference: Sendable, Equatable {
    /// `env:NAME`
    case environment(String)
    /// `file:PATH`, the path as written
    case file(String)

    /// As it stands in the file.
    public var text: String {
        switch self {
        case .environment(let name): "env:\(name)"
        case .file(let path): "file:\(path)"
        }
    }
}

/// A host name or address, and a port where one was given.
public struct HostPort: Sendable, Equatable, CustomStringConvertible {
    /// In lower case, an IPv6 address without brackets.
    public var host: String
    public var port: UInt16?

    public init(host: String, port: UInt16? = nil) {
        self.host = host
        self.port = port
    }

    /// As it stands in a URI or Via.
    public var description: String {
        let shown = host.contains(":") ? "[\(host)]" : host
        return port.map { "\(shown):\($0)" } ?? shown
    }
}

public enum DatabaseLocation: Sendable, Equatable {
    /// `sqlite:PATH`; a relative path is under `state`: see `Configuration.databasePath`.
    case sqlite(path: String)
    /// `postgres://user@host:port/database?sslmode=verify-full`, without a password
    case postgres(url: String)
}

public enum SharedStateLocation: Sendable, Equatable {
    case memory
    /// `redis://host:port/database` or `rediss://...`, without a password
    case redis(url: String)
}
