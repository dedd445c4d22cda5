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
        guard let parameters = AuthParameters.read(bytes, 0..<bytes.count, scheme: "digest") else { return nil }
        guard let username = parameters["username"], let realm = parameters["realm"], let nonce = parameters["nonce"],
            let uri = parameters["uri"], let response = parameters["response"]
        else { return nil }
        self.username = username
        self.realm = realm
        self.nonce = nonce
        self.uri = uri
        self.response = response
        algorithm = parameters["algorithm"]
        cnonce = parameters["cnonce"]
        opaque = parameters["opaque"]
        qop = parameters["qop"]
        nonceCount = parameters["nc"]
        userhash = parameters["userhash"]?.lowercased() == "true"
        if let nonceCount {
            guard nonceCount.utf8.count == 8, nonceCount.utf8.allSatisfy(\.isHexadecimalDigit) else { return nil }
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
    /// Names in lower case, values unquoted. Nil for another scheme, a syntax error or a name that stands twice.
    static func read(_ bytes: [UInt8], _ range: Range<Int>, scheme: StaticString) -> [String: String]? {
        var scanner = Scanner(bytes, range)
        scanner.skipBlanks()
        guard let name = scanner.token(), bytes.matches(name, lowercase: scheme) else { return nil }
        var parameters: [String: String] = [:]
        repeat {
            scanner.skipBlanks()
            guard let name = scanner.token() else { return nil }
            scanner.skipBlanks()
            guard scanner.take(.equals) else { return nil }
            scanner.skipBlanks()
            let value: String
            if scanner.peek == .quote {
                guard let quoted = scanner.quotedString() else { return nil }
                value = unquote(bytes, quoted)
            } else {
                guard let token = scanner.token() else { return nil }
                value = bytes.string(token)
            }
            guard parameters.updateValue(value, forKey: bytes.string(name).lowercased()) == nil else { return nil }
            scanner.skipBlanks()
        } while scanner.take(.comma)
        return scanner.atEnd ? parameters : nil
    }

    private static func unquote(_ bytes: [UInt8], _ range: Range<Int>) -> String {
        var result: [UInt8] = []
        var index = range.lowerBound + 1
        while index < range.upperBound - 1 {
            if bytes[index] == .backslash { index += 1 }
            result.append(bytes[index])
            index += 1
        }
        return String(decoding: result, as: UTF8.self)
    }
}
