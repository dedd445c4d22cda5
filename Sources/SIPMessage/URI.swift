public import CoreTypes

/// The host part of a URI or of a Via's sent-by.
public enum Host: Hashable, Sendable, CustomStringConvertible {
    case address(IPAddress)
    /// A domain name in lower case, without a trailing dot.
    case name(String)

    /// As it stands in a URI; IPv6 in brackets.
    public var description: String {
        switch self {
        case .address(let address): address.uriText
        case .name(let name): name
        }
    }
}

/// A URI, cut into its parts (RFC 3261 section 19.1). The octets are kept as they came; nothing is unescaped, so that
/// what goes downstream is what was received.
public struct URI: Sendable, Hashable, CustomStringConvertible {
    public enum Scheme: Hashable, Sendable {
        case sip
        case sips
        /// `tel`, `http`, anything else; in lower case.
        case other(String)
    }

    public let text: String
    public let scheme: Scheme
    /// As written, with its escapes; nil where there is none. For `tel` and other schemes nil.
    public let user: String?
    public let password: String?
    /// `.name("")` for schemes other than `sip` and `sips`.
    public let host: Host
    public let port: UInt16?
    /// Everything after the host and port up to `?`: names in lower case, values as written.
    public let parameters: [Parameter]
    /// What stands behind `?`, as written; nil where there is none.
    public let headers: String?

    public struct Parameter: Hashable, Sendable {
        public let name: String
        public let value: String?

        public init(_ name: String, _ value: String?) {
            self.name = name
            self.value = value
        }
    }

    public var description: String { text }

    public func parameter(_ name: String) -> Parameter? {
        parameters.first { $0.name == name }
    }

    /// `lr` (RFC 3261 section 19.1.1): the element loose-routes.
    public var isLooseRouting: Bool { parameter("lr") != nil }

    /// The transport parameter's value in lower case.
    public var transport: String? { parameter("transport")?.value?.lowercased() }

    /// The user with its escapes resolved; nil when there is none or the octets are no UTF-8.
    public var unescapedUser: String? { user.flatMap(Self.unescape) }

    /// `user@host`, the host in lower case, no port, no parameters; nil without a user.
    public var addressOfRecord: String? {
        user.map { "\(Self.normalize(user: $0))@\(host)" }
    }

    /// `scheme:user@host` as X-IF-Signature signs it.
    public var signedForm: String {
        let name =
            switch scheme {
            case .sip: "sip"
            case .sips: "sips"
            case .other(let other): other
            }
        return name + ":" + (user.map { $0 + "@" } ?? "") + host.description
    }

    public var isSIP: Bool { scheme == .sip || scheme == .sips }

    /// Reads a URI; nil when the grammar does not allow it.
    public init?(_ text: some StringProtocol) {
        let bytes = Array(text.utf8)
        self.init(bytes, 0..<bytes.count)
    }

    init?(_ bytes: [UInt8], _ range: Range<Int>) {
        var scanner = Scanner(bytes, range)
        guard let first = scanner.peek, first.isLetter else { return nil }
        let schemeRange = scanner.run(of: .scheme)
        guard scanner.take(.colon) else { return nil }
        if bytes.matches(schemeRange, lowercase: "sip") {
            scheme = .sip
        } else if bytes.matches(schemeRange, lowercase: "sips") {
            scheme = .sips
        } else {
            let opaque = scanner.escapedRun(of: .anyURI)
            guard let opaque, !opaque.isEmpty, scanner.atEnd else { return nil }
            scheme = .other(bytes.string(schemeRange).lowercased())
            text = bytes.string(range)
            user = nil
            password = nil
            host = .name("")
            port = nil
            parameters = []
            headers = nil
            return
        }
        guard let parts = SIPURIParts(&scanner) else { return nil }
        text = bytes.string(range)
        user = parts.user.map(bytes.string)
        password = parts.password.map(bytes.string)
        host = parts.host
        port = parts.port
        parameters = parts.parameters
        headers = parts.headers.map(bytes.string)
    }

    /// Octets that need no escape compare equal with and without it (RFC 3261 section 19.1.4).
    static func normalize(user: String) -> String {
        guard user.utf8.contains(.percent) else { return user }
        let octets = resolvingEscapes(of: user) { octet in
            ByteSet.user.contains(octet) ? [octet] : [.percent] + Hexadecimal.encode([octet])
        }
        return String(decoding: octets, as: UTF8.self)
    }

    static func unescape(_ text: String) -> String? {
        guard text.utf8.contains(.percent) else { return text }
        return String(validating: resolvingEscapes(of: text) { [$0] }, as: UTF8.self)
    }

    private static func resolvingEscapes(of text: String, _ transform: (UInt8) -> [UInt8]) -> [UInt8] {
        let bytes = Array(text.utf8)
        var result: [UInt8] = []
        var index = 0
        while index < bytes.count {
            if bytes[index] == .percent, index + 2 < bytes.count, let high = Hexadecimal.value(of: bytes[index + 1]),
                let low = Hexadecimal.value(of: bytes[index + 2])
            {
                result += transform(high << 4 | low)
                index += 3
            } else {
                result.append(bytes[index])
                index += 1
            }
        }
        return result
    }
}

/// The parts of a `sip:` or `sips:` URI behind the colon.
private struct SIPURIParts {
    var user: Range<Int>?
    var password: Range<Int>?
    var host: Host
    var port: UInt16?
    var parameters: [URI.Parameter] = []
    var headers: Range<Int>?

    init?(_ scanner: inout Scanner) {
        let start = scanner.position
        // The user part may hold ';', '?' and '/', so whether there is one is told by an '@' before anything else.
        if let at = scanner.bytes[start..<scanner.end].firstIndex(of: .at) {
            guard let user = scanner.escapedRun(of: .user), !user.isEmpty else { return nil }
            self.user = user
            if scanner.take(.colon) {
                guard let password = scanner.escapedRun(of: .password) else { return nil }
                self.password = password
            }
            guard scanner.position == at, scanner.take(.at) else { return nil }
        }
        guard let host = scanner.host() else { return nil }
        self.host = host
        if scanner.take(.colon) {
            guard let port = scanner.port() else { return nil }
            self.port = port
        }
        while scanner.take(.semicolon) {
            guard let name = scanner.escapedRun(of: .uriParameter), !name.isEmpty else { return nil }
            var value: String?
            if scanner.take(.equals) {
                guard let range = scanner.escapedRun(of: .uriParameter), !range.isEmpty else { return nil }
                value = scanner.bytes.string(range)
            }
            let key = scanner.bytes.string(name).lowercased()
            // RFC 3261 section 19.1.1: a parameter must not appear twice.
            guard !parameters.contains(where: { $0.name == key }) else { return nil }
            parameters.append(URI.Parameter(key, value))
        }
        if scanner.take(.question) {
            let headerStart = scanner.position
            repeat {
                guard let name = scanner.escapedRun(of: .uriHeader), !name.isEmpty, scanner.take(.equals),
                    scanner.escapedRun(of: .uriHeader) != nil
                else { return nil }
            } while scanner.take(UInt8(ascii: "&"))
            headers = headerStart..<scanner.position
        }
        guard scanner.atEnd else { return nil }
    }
}

extension Scanner {
    /// hostname / IPv4address / IPv6reference (RFC 3261 section 25.1; RFC 5118 for the brackets).
    mutating func host() -> Host? {
        if take(UInt8(ascii: "[")) {
            let start = position
            while let byte = peek, byte != UInt8(ascii: "]") { position += 1 }
            let inner = start..<position
            guard take(UInt8(ascii: "]")), let address = IPAddress(bytes.string(inner)), bytes[inner].contains(.colon)
            else { return nil }
            return .address(address)
        }
        let range = run(of: .hostname)
        return Self.hostname(bytes, range)
    }

    private static func hostname(_ bytes: [UInt8], _ range: Range<Int>) -> Host? {
        guard !range.isEmpty, range.count <= 255 else { return nil }
        var end = range.upperBound
        if bytes[end - 1] == UInt8(ascii: ".") { end -= 1 }
        guard end > range.lowerBound else { return nil }
        var labelStart = range.lowerBound
        for index in range.lowerBound...end where index == end || bytes[index] == UInt8(ascii: ".") {
            let label = labelStart..<index
            guard !label.isEmpty, label.count <= 63, bytes[label.lowerBound] != UInt8(ascii: "-"),
                bytes[label.upperBound - 1] != UInt8(ascii: "-")
            else { return nil }
            if index < end { labelStart = index + 1 }
        }
        let text = bytes.string(range.lowerBound..<end)
        // A name whose last label is numeric can only be an IPv4 address (toplabel starts with a letter).
        if bytes[labelStart].isDigit, bytes[labelStart..<end].allSatisfy(\.isDigit) {
            return IPAddress(text).map(Host.address)
        }
        return .name(text.lowercased())
    }

    mutating func port() -> UInt16? {
        guard let value = number(maximumDigits: 5), value > 0, value <= 65535 else { return nil }
        return UInt16(value)
    }
}
