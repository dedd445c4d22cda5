internal import CoreTypes

extension Notation where Value: RawRepresentable & CaseIterable, Value.RawValue == String {
    /// One of a closed set of words.
    static func choice() -> Notation {
        let words = Value.allCases.map(\.rawValue)
        return Notation("one of " + words.joined(separator: ", "), write: \.rawValue) { text in
            if let value = Value(rawValue: text) { return .success(value) }
            // `off` may come as another of YAML 1.1's ways to say it.
            if ["no", "false", "Off", "OFF"].contains(text), let off = Value(rawValue: "off") { return .success(off) }
            return .failure(
                Complaint(what: "'\(text.prefix(60))' is not known", mend: Suggestion.mend(text, among: words)))
        }
    }
}

extension Notation where Value == TransportKind {
    static var transport: Notation {
        let words = TransportKind.allCases.map(\.rawValue)
        return Notation("one of " + words.joined(separator: ", "), write: \.rawValue) { text in
            if let transport = TransportKind(rawValue: text) { return .success(transport) }
            return .failure(
                Complaint(
                    what: "'\(text.prefix(60))' is not a transport here", mend: Suggestion.mend(text, among: words)))
        }
    }
}

extension Notation where Value == Bool {
    static var boolean: Notation {
        Notation("true or false", write: { $0 ? "true" : "false" }) { text in
            switch text.lowercased() {
            case "true", "yes", "on": .success(true)
            case "false", "no", "off": .success(false)
            default: .failure(Complaint(what: "'\(text.prefix(60))' is neither true nor false"))
            }
        }
    }
}

extension Notation where Value == Endpoint {
    static var endpoint: Notation {
        Notation(
            "an address with a port, such as \"0.0.0.0:5061\" or \"[2001:db8::1]:5061\"", write: \.description
        ) { text in
            if let endpoint = Endpoint(text) { return .success(endpoint) }
            if let address = IPAddress(text) {
                return .failure(
                    Complaint(what: "'\(text)' has no port", mend: "write \"\(address.uriText):5061\" or another port"))
            }
            return .failure(Complaint(what: "'\(text.prefix(80))' is not an address with a port"))
        }
    }
}

extension Notation where Value == IPNetwork {
    static var network: Notation {
        Notation("a network such as 192.0.2.0/24 or \"2001:db8::/32\"", write: \.description) { text in
            do throws(IPNetwork.ParseError) {
                return .success(try IPNetwork(parsing: text))
            } catch {
                return .failure(Complaint(what: error.description))
            }
        }
    }
}

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

extension Notation where Value == Route.Target {
    static var routeTarget: Notation {
        Notation(
            "registry, pool:NAME or a SIP URI",
            write: { target in
                switch target {
                case .registry: "registry"
                case .pool(let name): "pool:\(name)"
                case .uri(let uri): uri
                }
            },
            read: { text in
                if text == "registry" { return .success(.registry) }
                if text.hasPrefix("pool:"), text.utf8.count > 5 { return .success(.pool(String(text.dropFirst(5)))) }
                guard Characters.isSIPURI(text) else {
                    return .failure(Complaint(what: "'\(text.prefix(80))' is no target"))
                }
                return .success(.uri(text))
            })
    }
}
