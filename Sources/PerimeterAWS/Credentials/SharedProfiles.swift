/// What stands in the files that AWS's tools share, `~/.aws/credentials` and `~/.aws/config`.
struct SharedProfiles: Sendable {
    /// By profile, then by name in lower case. The credentials file wins over the other.
    private(set) var profiles: [String: [String: String]] = [:]

    var names: [String] { profiles.keys.sorted() }

    func contains(_ profile: String) -> Bool { profiles[profile] != nil }

    func value(_ name: String, of profile: String) -> String? {
        profiles[profile]?[name].flatMap { $0.isEmpty ? nil : $0 }
    }

    /// - Parameters:
    ///   - credentials: the text of the credentials file, where sections are profiles.
    ///   - config: the text of the other, where `[profile NAME]` and `[default]` are.
    init(credentials: String, config: String) {
        for (section, values) in Self.sections(config) {
            let words = section.split(whereSeparator: \.isWhitespace)
            if section == "default" {
                profiles["default", default: [:]].merge(values) { $1 }
            } else if words.count == 2, words[0] == "profile" {
                profiles[String(words[1]), default: [:]].merge(values) { $1 }
            }
        }
        for (section, values) in Self.sections(credentials) {
            profiles[section, default: [:]].merge(values) { $1 }
        }
    }

    /// Lines that are indented belong to the value above, and no value that is looked for here is made of such.
    private static func sections(_ text: String) -> [(String, [String: String])] {
        var sections: [(String, [String: String])] = []
        for line in text.split(whereSeparator: \.isNewline) {
            guard let first = line.first, !first.isWhitespace, first != "#", first != ";" else { continue }
            if first == "[" {
                guard let end = line.firstIndex(of: "]") else { continue }
                sections.append((blanksCut(line[line.index(after: line.startIndex)..<end]), [:]))
            } else if let equals = line.firstIndex(of: "="), !sections.isEmpty {
                let name = blanksCut(line[..<equals]).lowercased()
                sections[sections.count - 1].1[name] = blanksCut(line[line.index(after: equals)...])
            }
        }
        return sections
    }

    private static func blanksCut(_ text: Substring) -> String {
        guard let first = text.firstIndex(where: { !$0.isWhitespace }),
            let last = text.lastIndex(where: { !$0.isWhitespace })
        else { return "" }
        return String(text[first...last])
    }
}
