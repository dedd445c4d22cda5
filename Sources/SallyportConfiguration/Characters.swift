internal import CoreTypes

/// The shapes of hosts and URIs, as far as a configuration needs them checked.
enum Characters {
    static func isAlphanumeric(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "a")...UInt8(ascii: "z"),
            UInt8(ascii: "A")...UInt8(ascii: "Z"):
            true
        default: false
        }
    }

    /// A host name (RFC 1123 labels) in lower case, or an address in its usual form; nil for anything else.
    static func host(_ text: some StringProtocol) -> String? {
        if let address = IPAddress(text) { return address.description }
        if text.hasPrefix("["), text.hasSuffix("]") {
            return IPAddress(text.dropFirst().dropLast()).map(\.description)
        }
        let labels = text.split(separator: ".", omittingEmptySubsequences: false)
        guard text.utf8.count <= 253, let last = labels.last, last.utf8.contains(where: { !isDigit($0) }) else {
            return nil
        }
        for label in labels {
            let bytes = Array(label.utf8)
            guard (1...63).contains(bytes.count), bytes.first != UInt8(ascii: "-"), bytes.last != UInt8(ascii: "-"),
                bytes.allSatisfy({ isAlphanumeric($0) || $0 == UInt8(ascii: "-") || $0 == UInt8(ascii: "_") })
            else { return nil }
        }
        return text.lowercased()
    }

    private static func isDigit(_ byte: UInt8) -> Bool { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) }

    /// `host`, `host:port`, `[v6]` or `[v6]:port`; a port is 1 to 65535.
    static func hostAndPort(_ text: some StringProtocol) -> (host: String, port: UInt16?)? {
        let afterBracket = text.lastIndex(of: "]") ?? text.startIndex
        guard let colon = text[afterBracket...].lastIndex(of: ":") else {
            return host(text).map { ($0, nil) }
        }
        let digits = text[text.index(after: colon)...]
        let name = text[..<colon]
        guard digits.utf8.allSatisfy(isDigit), let port = UInt16(digits), port > 0,
            !name.contains(":") || name.hasPrefix("["),
            let host = host(name)
        else { return nil }
        return (host, port)
    }

    /// `sip:` or `sips:` with an optional user, a host, an optional port, parameters; no password, headers or spaces.
    static func isSIPURI(_ text: String) -> Bool {
        let lowered = text.prefix(5).lowercased()
        let scheme = lowered.hasPrefix("sips:") ? 5 : (lowered.hasPrefix("sip:") ? 4 : 0)
        guard scheme > 0, text.utf8.count <= 1024, text.utf8.allSatisfy({ $0 > 32 && $0 < 127 }) else { return false }
        var rest = text.dropFirst(scheme)
        guard !rest.contains("?"), !rest.contains("<"), !rest.contains(">"), !rest.contains("\"") else { return false }
        if let at = rest.firstIndex(of: "@") {
            let user = rest[..<at]
            guard !user.isEmpty, !user.contains(":") else { return false }
            rest = rest[rest.index(after: at)...]
        }
        let hostPart = rest.prefix { $0 != ";" }
        return hostAndPort(hostPart) != nil
    }

    /// The parts of `scheme://user:password@host:port/...` that checks ask about.
    struct URLParts {
        var scheme: String
        var hasPassword: Bool
        var host: String
        var port: UInt16?

        init?(_ text: String) {
            guard text.utf8.count <= 2048, text.utf8.allSatisfy({ $0 > 32 && $0 < 127 }),
                let mark = text.firstIndex(of: ":"), text[mark...].hasPrefix("://")
            else { return nil }
            scheme = text[..<mark].lowercased()
            var authority = text[text.index(mark, offsetBy: 3)...].prefix { $0 != "/" && $0 != "?" && $0 != "#" }
            hasPassword = false
            if let at = authority.lastIndex(of: "@") {
                hasPassword = authority[..<at].contains(":")
                authority = authority[authority.index(after: at)...]
            }
            let query = text.split(separator: "?", maxSplits: 1).dropFirst().first ?? ""
            if query.split(separator: "&").contains(where: { $0.hasPrefix("password=") }) { hasPassword = true }
            guard let (host, port) = Characters.hostAndPort(authority) else { return nil }
            self.host = host
            self.port = port
        }
    }
}
