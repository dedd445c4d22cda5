package import CoreTypes

extension Notation where Value: RawRepresentable & CaseIterable, Value.RawValue == String {
    /// One of a closed set of words.
    package static func choice() -> Notation {
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

extension Notation where Value == Bool {
    package static var boolean: Notation {
        Notation("true or false", write: { $0 ? "true" : "false" }) { text in
            switch text.lowercased() {
            case "true", "yes", "on": .success(true)
            case "false", "no", "off": .success(false)
            default: .failure(.init(what: "'\(text.prefix(60))' is neither true nor false"))
            }
        }
    }
}

extension Notation {
    package static var endpoint: Notation<Endpoint> {
        Notation<Endpoint>(
            "an address with a port, such as \"0.0.0.0:5061\" or \"[2001:db8::1]:5061\"", write: \.description
        ) { text in
            if let endpoint = Endpoint(text) { return .success(endpoint) }
            if let address = IPAddress(text) {
                return .failure(
                    .init(what: "'\(text)' has no port", mend: "write \"\(address.uriText):5061\" or another port"))
            }
            return .failure(.init(what: "'\(text.prefix(80))' is not an address with a port"))
        }
    }
}

extension Notation {
    package static var network: Notation<IPNetwork> {
        Notation<IPNetwork>("a network such as 192.0.2.0/24 or \"2001:db8::/32\"", write: \.description) { text in
            do throws(IPNetwork.ParseError) {
                return .success(try IPNetwork(parsing: text))
            } catch {
                return .failure(.init(what: error.description))
            }
        }
    }
}
