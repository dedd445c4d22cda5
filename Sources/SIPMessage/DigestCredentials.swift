/// The hash functions of digest authentication (RFC 7616 section 3.3, RFC 8760 section 2.1).
public enum DigestAlgorithm: String, Sendable, Hashable, CaseIterable, Codable {
    case md5 = "MD5"
    case sha256 = "SHA-256"
    case sha512_256 = "SHA-512-256"

    /// Matches without regard to case, as tokens do.
    public init?(token: some StringProtocol) {
        let wanted = token.lowercased()
        guard let match = Self.allCases.first(where: { $0.rawValue.lowercased() == wanted }) else { return nil }
        self = match
    }
}

/// What a client sent in Authorization or Proxy-Authorization (RFC 7616 section 3.4).
public struct DigestCredentials: Sendable, Hashable {
    public var username: String
    public var realm: String
    public var nonce: String
    public var uri: String
    public var response: String
    /// As written; nil means MD5.
    public var algorithm: String?
    public var cnonce: String?
    public var opaque: String?
    public var qop: String?
    /// Eight hexadecimal digits, as written.
    public var nonceCount: String?
    public var userhash: Bool

    /// Reads the value of one field. Nil when the scheme is another one or a needed part is missing, doubled or
    /// malformed.
    public init?(_ value: String) {
        let bytes = Array(value.utf8)
        self.init(bytes, 0..<bytes.count)
    }

    /// The credentials of a field of a message.
    public init?(_ message: Message, _ field: Field) {
        self.init(message.bytes, field.value)
    }

    private init?(_ bytes: [UInt8], _ range: Range<Int>) {
        guard let shape = DigestCredentialsShape(bytes, range) else { return nil }
        username = shape.username.text(bytes)
        realm = shape.realm.text(bytes)
        nonce = shape.nonce.text(bytes)
        uri = shape.uri.text(bytes)
        response = shape.response.text(bytes)
        algorithm = shape.algorithm?.text(bytes)
        cnonce = shape.cnonce?.text(bytes)
        opaque = shape.opaque?.text(bytes)
        qop = shape.qop?.text(bytes)
        nonceCount = shape.nonceCount?.text(bytes)
        userhash = shape.userhash?.text(bytes).lowercased() == "true"
    }

    /// Whether a field holds credentials, and for this realm.
    public static func isFor(_ realm: String, _ message: Message, _ field: Field) -> Bool {
        let bytes = message.bytes
        return DigestCredentialsShape(bytes, field.value)?.realm.equals(realm, bytes) == true
    }
}

/// Where the parts of credentials stand.
private struct DigestCredentialsShape {
    let username: AuthParameters.Value
    let realm: AuthParameters.Value
    let nonce: AuthParameters.Value
    let uri: AuthParameters.Value
    let response: AuthParameters.Value
    var algorithm: AuthParameters.Value?
    var cnonce: AuthParameters.Value?
    var opaque: AuthParameters.Value?
    var qop: AuthParameters.Value?
    var nonceCount: AuthParameters.Value?
    var userhash: AuthParameters.Value?

    init?(_ bytes: [UInt8], _ range: Range<Int>) {
        var needed:
            (
                username: AuthParameters.Value?, realm: AuthParameters.Value?, nonce: AuthParameters.Value?,
                uri: AuthParameters.Value?, response: AuthParameters.Value?
            )
        var (algorithm, cnonce, opaque): (AuthParameters.Value?, AuthParameters.Value?, AuthParameters.Value?)
        var (qop, nonceCount, userhash): (AuthParameters.Value?, AuthParameters.Value?, AuthParameters.Value?)
        let isWell = AuthParameters.scan(bytes, range, scheme: "digest") { name, value in
            func isNamed(_ text: StaticString) -> Bool { bytes.matches(name, lowercase: text) }
            if isNamed("username") {
                needed.username = value
            } else if isNamed("realm") {
                needed.realm = value
            } else if isNamed("nonce") {
                needed.nonce = value
            } else if isNamed("uri") {
                needed.uri = value
            } else if isNamed("response") {
                needed.response = value
            } else if isNamed("algorithm") {
                algorithm = value
            } else if isNamed("cnonce") {
                cnonce = value
            } else if isNamed("qop") {
                qop = value
            } else if isNamed("nc") {
                nonceCount = value
            } else if isNamed("opaque") {
                opaque = value
            } else if isNamed("userhash") {
                userhash = value
            }
        }
        guard isWell, let username = needed.username, let realm = needed.realm, let nonce = needed.nonce,
            let uri = needed.uri, let response = needed.response
        else { return nil }
        self.username = username
        self.realm = realm
        self.nonce = nonce
        self.uri = uri
        self.response = response
        self.algorithm = algorithm
        self.cnonce = cnonce
        self.opaque = opaque
        self.qop = qop
        self.nonceCount = nonceCount
        self.userhash = userhash
        if let count = nonceCount?.text(bytes).utf8 {
            guard count.count == 8, count.allSatisfy(\.isHexadecimalDigit) else { return nil }
        }
    }
}

/// What a server asks for in WWW-Authenticate or Proxy-Authenticate (RFC 7616 section 3.3).
public struct DigestChallenge: Sendable, Hashable {
    public var realm: String
    public var nonce: String
    public var algorithm: DigestAlgorithm
    public var opaque: String?
    public var stale: Bool
    /// The qop values offered, such as `auth`; empty from RFC 2069 servers.
    public var qop: [String]

    public init(
        realm: String, nonce: String, algorithm: DigestAlgorithm, opaque: String? = nil, stale: Bool = false,
        qop: [String] = ["auth"]
    ) {
        self.realm = realm
        self.nonce = nonce
        self.algorithm = algorithm
        self.opaque = opaque
        self.stale = stale
        self.qop = qop
    }

    /// The value of a field, for the client's side; nil when it is no digest challenge that can be answered.
    public init?(_ value: String) {
        let bytes = Array(value.utf8)
        guard let parameters = AuthParameters.read(bytes, 0..<bytes.count, scheme: "digest"),
            let realm = parameters["realm"], let nonce = parameters["nonce"],
            let algorithm = DigestAlgorithm(token: parameters["algorithm"] ?? "MD5")
        else { return nil }
        self.realm = realm
        self.nonce = nonce
        self.algorithm = algorithm
        opaque = parameters["opaque"]
        stale = parameters["stale"]?.lowercased() == "true"
        qop = (parameters["qop"] ?? "").split(separator: ",").map { String($0.filter { $0 != " " }) }
    }

    /// The field value. Realm and nonce are the edge's own and hold neither quotes nor backslashes.
    public var fieldValue: String {
        var text = "Digest realm=\"\(realm)\", nonce=\"\(nonce)\", algorithm=\(algorithm.rawValue)"
        if let opaque { text += ", opaque=\"\(opaque)\"" }
        if stale { text += ", stale=true" }
        if !qop.isEmpty { text += ", qop=\"\(qop.joined(separator: ","))\"" }
        return text
    }
}

/// `scheme 1*(name=value)` of RFC 7235.
enum AuthParameters {
    /// Where a value stands, without its quotes.
    struct Value {
        private let stretch: Stretch
        private let hasEscapes: Bool

        fileprivate init(_ range: Range<Int>, hasEscapes: Bool) {
            stretch = Stretch(range)
            self.hasEscapes = hasEscapes
        }

        func text(_ bytes: [UInt8]) -> String {
            guard hasEscapes else { return bytes.string(stretch.range) }
            var result: [UInt8] = []
            var index = stretch.lowerBound
            while index < stretch.upperBound {
                if bytes[index] == .backslash { index += 1 }
                result.append(bytes[index])
                index += 1
            }
            return String(decoding: result, as: UTF8.self)
        }

        func equals(_ text: String, _ bytes: [UInt8]) -> Bool {
            // Texts that mean the same may be written in other octets.
            bytes[stretch.range].elementsEqual(text.utf8) || self.text(bytes) == text
        }
    }

    /// Names in lower case, values unquoted. Nil for another scheme, a syntax error or a name that stands twice.
    static func read(_ bytes: [UInt8], _ range: Range<Int>, scheme: StaticString) -> [String: String]? {
        var parameters: [String: String] = [:]
        let isWell = scan(bytes, range, scheme: scheme) { name, value in
            parameters[bytes.string(name).lowercased()] = value.text(bytes)
        }
        return isWell ? parameters : nil
    }

    /// - Returns: false for another scheme, a syntax error or a name that stands twice.
    static func scan(
        _ bytes: [UInt8], _ range: Range<Int>, scheme: StaticString,
        _ visit: (_ name: Range<Int>, _ value: Value) -> Void
    ) -> Bool {
        var scanner = Scanner(bytes, range)
        scanner.skipBlanks()
        guard let name = scanner.token(), bytes.matches(name, lowercase: scheme) else { return false }
        var ledger = NameLedger()
        repeat {
            scanner.skipBlanks()
            guard let name = scanner.token(), ledger.insert(bytes, name) else { return false }
            scanner.skipBlanks()
            guard scanner.take(.equals) else { return false }
            scanner.skipBlanks()
            if scanner.peek == .quote {
                guard let quoted = scanner.quotedString() else { return false }
                let inner = quoted.lowerBound + 1..<quoted.upperBound - 1
                visit(name, Value(inner, hasEscapes: bytes[inner].contains(.backslash)))
            } else {
                guard let token = scanner.token() else { return false }
                visit(name, Value(token, hasEscapes: false))
            }
            scanner.skipBlanks()
        } while scanner.take(.comma)
        return scanner.atEnd
    }
}
