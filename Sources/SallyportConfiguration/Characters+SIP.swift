internal import SettingsFile

extension Characters {
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
}
