internal import CoreTypes

/// The shapes of hosts and URLs, as far as a file of settings needs them checked.
package enum Characters {
    package static func isAlphanumeric(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "a")...UInt8(ascii: "z"),
            UInt8(ascii: "A")...UInt8(ascii: "Z"):
            true
        default: false
        }
    }

    /// A host name (RFC 1123 labels) in lower case, or an address in its usual form; nil for anything else.
    package static func host(_ text: some StringProtocol) -> String? {
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
    package static func hostAndPort(_ text: some StringProtocol) -> (host: String, port: UInt16?)? {
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

    /// The parts of `scheme://user:password@host:port/...` that checks ask about.
    package struct URLParts {
        package var scheme: String
        package var hasPassword: Bool
        package var host: String
        package var port: UInt16?

        package init?(_ text: String) {
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
