internal import CoreTypes
internal import SettingsFile

extension Notation where Value == String {
    static var realm: Notation {
        text("a realm without quotes, at most 128 characters, such as external.advisor") { text in
            let good = text.unicodeScalars.allSatisfy { $0.value >= 32 && $0.value != 127 && $0 != "\"" && $0 != "\\" }
            return good && (1...128).contains(text.utf8.count) ? text : nil
        }
    }

    static var headerName: Notation {
        text("the name of a header, such as X-IF-Hazard") { text in
            let good = text.utf8.allSatisfy { Characters.isAlphanumeric($0) || "-.!%*_+`'~".utf8.contains($0) }
            return good && (1...64).contains(text.utf8.count) ? text : nil
        }
    }

    static var sipURI: Notation {
        text("a SIP URI, such as \"sip:10.0.1.20:5060;transport=udp\"") { text in
            Characters.isSIPURI(text) ? text : nil
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
