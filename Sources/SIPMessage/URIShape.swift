public import CoreTypes

/// A host in a message: an address as a value, a name by where it stands.
public struct HostShape: Sendable {
    enum Kind: Sendable {
        case address(IPAddress)
        /// Without a trailing dot.
        case name(Stretch)
    }

    let kind: Kind

    /// Nil for a name.
    public var address: IPAddress? {
        if case .address(let address) = kind { address } else { nil }
    }

    static let none = HostShape(kind: .name(.empty))
}

/// Where the parts of a URI stand. A message is full of them, and most are never looked at.
public struct URIShape: Sendable {
    public enum Scheme: Sendable {
        case sip
        case sips
        case other
    }

    public let scheme: Scheme
    private let schemeStretch: Stretch
    private let userStretch: Stretch?
    private let passwordStretch: Stretch?
    public let host: HostShape
    public let port: UInt16?
    /// From the first semicolon to the end of the last parameter.
    private let parameterStretch: Stretch
    private let headerStretch: Stretch?
    private let whole: Stretch

    public var range: Range<Int> { whole.range }
    public var user: Range<Int>? { userStretch?.range }
    public var isSIP: Bool { scheme != .other }
    var schemeRange: Range<Int> { schemeStretch.range }
    var password: Range<Int>? { passwordStretch?.range }
    var headers: Range<Int>? { headerStretch?.range }

    static let none = URIShape()

    private init() {
        scheme = .other
        schemeStretch = .empty
        userStretch = nil
        passwordStretch = nil
        host = .none
        port = nil
        parameterStretch = .empty
        headerStretch = nil
        whole = .empty
    }

    /// Nil when the grammar does not allow it.
    init?(_ bytes: [UInt8], _ range: Range<Int>, _ ledger: inout NameLedger) {
        var scanner = Scanner(bytes, range)
        guard let first = scanner.peek, first.isLetter else { return nil }
        let scheme = scanner.run(of: .scheme)
        guard scanner.take(.colon) else { return nil }
        whole = Stretch(range)
        schemeStretch = Stretch(scheme)
        if bytes.matches(scheme, lowercase: "sip") {
            self.scheme = .sip
        } else if bytes.matches(scheme, lowercase: "sips") {
            self.scheme = .sips
        } else {
            guard let opaque = scanner.escapedRun(of: .anyURI), !opaque.isEmpty, scanner.atEnd else { return nil }
            self.scheme = .other
            userStretch = nil
            passwordStretch = nil
            host = .none
            port = nil
            parameterStretch = .empty
            headerStretch = nil
            return
        }
        guard let (user, password) = scanner.userInfo(), let host = scanner.host() else { return nil }
        userStretch = user.map { Stretch($0) }
        passwordStretch = password.map { Stretch($0) }
        self.host = host
        var port: UInt16?
        if scanner.take(.colon) {
            guard let number = scanner.port() else { return nil }
            port = number
        }
        self.port = port
        let parameters = scanner.position
        ledger.begin()
        while scanner.peek == .semicolon {
            // RFC 3261 section 19.1.1: a parameter must not appear twice.
            guard let (name, _) = scanner.uriParameter(), ledger.insert(bytes, name) else { return nil }
        }
        parameterStretch = Stretch(parameters..<scanner.position)
        var headers: Stretch?
        if scanner.take(.question) {
            guard let range = scanner.uriHeaders() else { return nil }
            headers = Stretch(range)
        }
        headerStretch = headers
        guard scanner.atEnd else { return nil }
    }

    /// See `URI.addressOfRecord`.
    public func addressOfRecord(in message: Message) -> String? {
        user.map { "\(URI.normalize(user: message.text($0)))@\(message.hostName(of: self))" }
    }

    func parameters(in bytes: [UInt8]) -> [URI.Parameter] {
        var parameters: [URI.Parameter] = []
        var scanner = Scanner(bytes, parameterStretch.range)
        while let (name, value) = scanner.uriParameter() {
            parameters.append(URI.Parameter(bytes.string(name).lowercased(), value.map { bytes.string($0) }))
        }
        return parameters
    }

    /// The value of a parameter; `.some(nil)` where it has none, nil where it is absent.
    func parameter(_ wanted: StaticString, in bytes: [UInt8]) -> Range<Int>?? {
        var scanner = Scanner(bytes, parameterStretch.range)
        while let (name, value) = scanner.uriParameter() {
            if bytes.matches(name, lowercase: wanted) { return .some(value) }
        }
        return nil
    }
}

extension Scanner {
    /// The user part may hold ';', '?' and '/', so whether there is one is told by an '@' before anything else.
    fileprivate mutating func userInfo() -> (user: Range<Int>?, password: Range<Int>?)? {
        var at = position
        while at < end, bytes[at] != .at { at += 1 }
        guard at < end else { return (nil, nil) }
        guard let user = escapedRun(of: .user), !user.isEmpty else { return nil }
        var password: Range<Int>?
        if take(.colon) {
            guard let range = escapedRun(of: .password) else { return nil }
            password = range
        }
        guard position == at, take(.at) else { return nil }
        return (user, password)
    }

    /// `;name` or `;name=value`; nil when there is none here, or it is malformed.
    fileprivate mutating func uriParameter() -> (name: Range<Int>, value: Range<Int>?)? {
        guard take(.semicolon), let name = escapedRun(of: .uriParameter), !name.isEmpty else { return nil }
        guard take(.equals) else { return (name, nil) }
        guard let value = escapedRun(of: .uriParameter), !value.isEmpty else { return nil }
        return (name, value)
    }

    /// `name=value` joined by ampersands, behind the question mark.
    fileprivate mutating func uriHeaders() -> Range<Int>? {
        let start = position
        repeat {
            guard let name = escapedRun(of: .uriHeader), !name.isEmpty, take(.equals),
                escapedRun(of: .uriHeader) != nil
            else { return nil }
        } while take(UInt8(ascii: "&"))
        return start..<position
    }

    /// hostname / IPv4address / IPv6reference (RFC 3261 section 25.1; RFC 5118 for the brackets).
    mutating func host() -> HostShape? {
        if take(UInt8(ascii: "[")) {
            let start = position
            while let byte = peek, byte != UInt8(ascii: "]") { position += 1 }
            let inner = start..<position
            guard take(UInt8(ascii: "]")), bytes[inner].contains(.colon), let address = IPAddress(octets: bytes[inner])
            else { return nil }
            return HostShape(kind: .address(address))
        }
        let range = run(of: .hostname)
        return Self.hostname(bytes, range)
    }

    private static func hostname(_ bytes: [UInt8], _ range: Range<Int>) -> HostShape? {
        guard !range.isEmpty, range.count <= 255 else { return nil }
        var end = range.upperBound
        if bytes[end - 1] == UInt8(ascii: ".") { end -= 1 }
        guard end > range.lowerBound else { return nil }
        var labelStart = range.lowerBound
        var isNumeric = true
        for index in range.lowerBound..<end {
            guard bytes[index] == UInt8(ascii: ".") else {
                isNumeric = isNumeric && bytes[index].isDigit
                continue
            }
            guard isLabel(bytes, labelStart..<index) else { return nil }
            labelStart = index + 1
            isNumeric = true
        }
        guard isLabel(bytes, labelStart..<end) else { return nil }
        // A name whose last label is numeric can only be an IPv4 address (toplabel starts with a letter).
        if isNumeric {
            return IPAddress(octets: bytes[range.lowerBound..<end]).map { HostShape(kind: .address($0)) }
        }
        return HostShape(kind: .name(Stretch(range.lowerBound..<end)))
    }

    private static func isLabel(_ bytes: [UInt8], _ label: Range<Int>) -> Bool {
        !label.isEmpty && label.count <= 63 && bytes[label.lowerBound] != UInt8(ascii: "-")
            && bytes[label.upperBound - 1] != UInt8(ascii: "-")
    }

    mutating func port() -> UInt16? {
        guard let value = number(maximumDigits: 5), value > 0, value <= 65535 else { return nil }
        return UInt16(value)
    }
}
