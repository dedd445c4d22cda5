internal import SettingsFile

extension Notation where Value == HostPort {
    static var hostPort: Notation {
        Notation("a host with a port, such as \"sip.example.org:5061\"", write: \.description) { text in
            guard let (host, port) = Characters.hostAndPort(text) else {
                return .failure(Complaint(what: "'\(text.prefix(80))' is not a host with a port"))
            }
            return .success(HostPort(host: host, port: port))
        }
    }
}

extension Notation where Value == SecretReference {
    static var secret: Notation {
        Notation("env:NAME or file:PATH", show: { _ in "(secret)" }, write: \.text) { text in
            if text.hasPrefix("env:") {
                let name = text.dropFirst(4)
                if !name.isEmpty, name.utf8.allSatisfy({ Characters.isAlphanumeric($0) || $0 == UInt8(ascii: "_") }) {
                    return .success(.environment(String(name)))
                }
            } else if text.hasPrefix("file:"), text.utf8.count > 5 {
                return .success(.file(String(text.dropFirst(5))))
            }
            // What stands here may be the secret itself: it is not repeated.
            return .failure(
                Complaint(
                    what: "secrets do not stand in this file",
                    mend: "write env:NAME for an environment variable or file:PATH for a file that holds it"))
        }
    }
}

extension Notation where Value == DatabaseLocation {
    static var database: Notation {
        Notation(
            "sqlite:PATH or postgres://user@host/database",
            write: { location in
                switch location {
                case .sqlite(let path): "sqlite:\(path)"
                case .postgres(let url): url
                }
            },
            read: { text in
                if text.hasPrefix("sqlite:"), text.utf8.count > 7 {
                    return .success(.sqlite(path: String(text.dropFirst(7))))
                }
                guard let url = Characters.URLParts(text), ["postgres", "postgresql"].contains(url.scheme) else {
                    return .failure(Complaint(what: "this is not a database"))
                }
                guard !url.hasPassword else {
                    return .failure(
                        Complaint(
                            what: "holds a password",
                            mend: "remove it here and write 'database_password: env:SALLYPORT_DB_PASSWORD'"))
                }
                return .success(.postgres(url: text))
            })
    }
}

extension Notation where Value == SharedStateLocation {
    static var sharedState: Notation {
        Notation(
            "memory or redis://host:6379/0",
            write: { location in
                switch location {
                case .memory: "memory"
                case .redis(let url): url
                }
            },
            read: { text in
                if text == "memory" { return .success(.memory) }
                guard let url = Characters.URLParts(text), ["redis", "rediss"].contains(url.scheme) else {
                    return .failure(Complaint(what: "this is no place for shared state"))
                }
                guard !url.hasPassword else {
                    return .failure(
                        Complaint(
                            what: "holds a password",
                            mend: "remove it here and write 'shared_state_password: env:NAME'"))
                }
                return .success(.redis(url: text))
            })
    }
}
