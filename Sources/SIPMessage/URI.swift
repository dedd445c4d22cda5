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

    init(_ bytes: [UInt8], _ shape: HostShape) {
        switch shape.kind {
        case .address(let address): self = .address(address)
        case .name(let name): self = .name(bytes.string(name.range).lowercased())
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
        var ledger = NameLedger()
        guard let shape = URIShape(bytes, 0..<bytes.count, &ledger) else { return nil }
        self.init(bytes, shape)
    }

    init(_ bytes: [UInt8], _ shape: URIShape) {
        text = bytes.string(shape.range)
        switch shape.scheme {
        case .sip: scheme = .sip
        case .sips: scheme = .sips
        case .other: scheme = .other(bytes.string(shape.schemeRange).lowercased())
        }
        user = shape.user.map { bytes.string($0) }
        password = shape.password.map { bytes.string($0) }
        host = Host(bytes, shape.host)
        port = shape.port
        parameters = shape.parameters(in: bytes)
        headers = shape.headers.map { bytes.string($0) }
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
