internal import CoreTypes

/// `user@domain` as it names a subscriber or an expert: the domain in lower case.
struct AccountName: Hashable {
    let user: String
    let domain: String

    var text: String { "\(user)@\(domain)" }

    init(user: String, domain: String) {
        self.user = user
        self.domain = domain.lowercased()
    }

    /// Reads an address of record, with or without `sip:` in front of it.
    init(parsing text: String) throws(RegistryError) {
        var rest = text[...]
        for scheme in ["sips:", "sip:"] where rest.lowercased().hasPrefix(scheme) {
            rest = rest.dropFirst(scheme.count)
            break
        }
        let parts = rest.split(separator: "@", omittingEmptySubsequences: false)
        guard parts.count == 2, let user = parts.first, let domain = parts.last else {
            throw RegistryError(.invalid, "\(quoted(text)) is no address of record: write user@domain")
        }
        // RFC 3261 section 25.1: user = unreserved / escaped / user-unreserved. A colon would make HA1 ambiguous.
        guard (1...64).contains(user.utf8.count), user.utf8.allSatisfy({ Self.userBytes.contains($0) }) else {
            throw RegistryError(
                .invalid, "\(quoted(text)): the user may have 1 to 64 of letters, digits and -_.!~*'()&=+$,;?/%")
        }
        guard (1...64).contains(domain.utf8.count), Self.isHost(domain) else {
            throw RegistryError(.invalid, "\(quoted(text)): \(quoted(String(domain))) is no host name or address")
        }
        self.init(user: String(user), domain: String(domain))
    }

    private static let alphanumeric = Set("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789".utf8)
    private static let userBytes = alphanumeric.union("-_.!~*'()&=+$,;?/%".utf8)

    private static func isHost(_ text: Substring) -> Bool {
        if text.hasPrefix("["), text.hasSuffix("]") { return IPAddress(text.dropFirst().dropLast()) != nil }
        return text.split(separator: ".", omittingEmptySubsequences: false).allSatisfy { label in
            !label.isEmpty && !label.hasPrefix("-") && !label.hasSuffix("-")
                && label.utf8.allSatisfy { alphanumeric.contains($0) || $0 == UInt8(ascii: "-") }
        }
    }

    /// A short name as it goes into headers and metrics: key ids, specializations.
    static func token(_ text: String, _ what: String) throws(RegistryError) -> String {
        let allowed = alphanumeric.union("-_.".utf8)
        guard (1...64).contains(text.utf8.count), text.utf8.allSatisfy({ allowed.contains($0) }) else {
            throw RegistryError(
                .invalid, "\(quoted(text)) is no \(what): 1 to 64 letters, digits, dots, hyphens and underscores")
        }
        return text
    }

    /// A text that people read: names, tags. May be in any script, but not move a cursor.
    static func label(_ text: String, _ what: String, atMost limit: Int = 64) throws(RegistryError) -> String {
        let isVisible = text.unicodeScalars.allSatisfy { scalar in
            switch scalar.properties.generalCategory {
            case .control, .format, .lineSeparator, .paragraphSeparator, .surrogate, .unassigned: false
            default: true
            }
        }
        guard !text.isEmpty, text.unicodeScalars.count <= limit, isVisible else {
            throw RegistryError(
                .invalid, "\(quoted(text)) is no \(what): 1 to \(limit) characters, no control characters")
        }
        return text
    }
}

/// A text of unknown origin within a message: visible characters only, and not too many.
func quoted(_ text: String) -> String {
    var result = "'"
    for scalar in text.unicodeScalars.prefix(80) {
        switch scalar.properties.generalCategory {
        case .control, .format, .lineSeparator, .paragraphSeparator, .surrogate, .unassigned:
            result += "\\u{\(String(scalar.value, radix: 16))}"
        default:
            result.unicodeScalars.append(scalar)
        }
    }
    return result + (text.unicodeScalars.count > 80 ? "...'" : "'")
}

/// What names of accounts and labels may look like, for those who check them before they ask for anything.
public enum RegistryText {
    /// `user@domain` as it is kept: the domain in lower case.
    /// - Throws: `invalid`.
    public static func addressOfRecord(_ text: String) throws(RegistryError) -> String {
        try AccountName(parsing: text).text
    }

    /// Whether a text can be where an expert is called.
    public static func isContact(_ text: String) -> Bool { (try? RegistryStore.checkContact(text)) != nil }

    /// Whether a text can be shown to people as a name, tag or reason.
    public static func isLabel(_ text: String, atMost limit: Int) -> Bool {
        (try? AccountName.label(text, "label", atMost: limit)) != nil
    }
}
