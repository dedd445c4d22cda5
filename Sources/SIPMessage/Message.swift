/// The start line of a message (RFC 3261 section 7.1, 7.2).
public enum StartLine: Sendable {
    case request(Method, uri: URI, uriRange: Range<Int>)
    case response(status: Int, reason: Range<Int>)
}

/// One header field line as received; folded lines are one field.
public struct Field: Sendable {
    public let name: HeaderName
    public let nameRange: Range<Int>
    /// Without the blanks around it; folds inside stay as they came.
    public let value: Range<Int>
    /// From the first octet of the name up to and with the CRLF that ends the field.
    public let line: Range<Int>
}

/// CSeq (RFC 3261 section 20.16).
public struct CSeq: Hashable, Sendable {
    /// 0...2^31-1
    public let number: UInt32
    public let method: Method

    public init(number: UInt32, method: Method) {
        self.number = number
        self.method = method
    }
}

/// A message as received, with an index over its octets. The octets are never changed; a `Rewrite` says what is to be
/// different in a copy, and everything it does not name goes out as it came in.
public struct Message: Sendable {
    /// The octets of this message alone: what a datagram holds beyond Content-Length is cut off.
    public let bytes: [UInt8]
    public let startLine: StartLine
    public let fields: [Field]
    public let body: Range<Int>

    public let from: NameAddress
    public let to: NameAddress
    public let callID: String
    public let cSeq: CSeq
    /// The Via values from the top; never empty.
    public let vias: [Via]
    /// nil where the field is absent.
    public let maxForwards: Int?

    public var topVia: Via { vias[0] }

    public var method: Method { cSeq.method }

    public var isRequest: Bool {
        if case .request = startLine { true } else { false }
    }

    /// The status code; nil for a request.
    public var status: Int? {
        if case .response(let status, _) = startLine { status } else { nil }
    }

    /// The Request-URI; nil for a response.
    public var requestURI: URI? {
        if case .request(_, let uri, _) = startLine { uri } else { nil }
    }

    public var fromTag: String? { tag(of: from) }
    public var toTag: String? { tag(of: to) }

    /// RFC 3261 section 12: a request inside a dialog carries a To tag.
    public var isInDialog: Bool { isRequest && toTag != nil }

    public var reasonPhrase: String {
        if case .response(_, let reason) = startLine { bytes.string(reason) } else { "" }
    }

    private func tag(of address: NameAddress) -> String? {
        parameter("tag", of: address)
    }

    /// The value of a header parameter of an address, unquoted nowhere; nil where it is absent or has no value.
    public func parameter(_ name: StaticString, of address: NameAddress) -> String? {
        address.parameters.first { bytes.matches($0.name, lowercase: name) }?.value.map(bytes.string)
    }

    public func text(_ range: Range<Int>) -> String { bytes.string(range) }

    // MARK: Fields by name

    public func first(_ name: HeaderName) -> Field? {
        fields.first { $0.name == name }
    }

    public func has(_ name: HeaderName) -> Bool { first(name) != nil }

    public func all(_ name: HeaderName) -> [Field] {
        fields.filter { $0.name == name }
    }

    /// Fields by any name, compared without regard to case; for names that the configuration gives.
    public func all(named name: String) -> [Field] {
        let wanted = Array(name.utf8)
        return fields.filter { field in
            field.nameRange.count == wanted.count
                && zip(bytes[field.nameRange], wanted).allSatisfy { $0.lowercased == $1.lowercased }
        }
    }

    public func text(_ name: HeaderName) -> String? {
        first(name).map { bytes.string($0.value) }
    }

    /// The comma-separated values of all fields of a name, in order, without blanks around them.
    public func values(_ name: HeaderName) -> [Range<Int>] {
        all(name).flatMap(listValues)
    }

    /// The comma-separated values of one field, without blanks around them.
    public func listValues(_ field: Field) -> [Range<Int>] {
        ListSplitter.split(bytes, field.value)
    }

    /// The option tags (or other tokens) of all fields of a name.
    public func tokens(_ name: HeaderName) -> [String] {
        values(name).map(bytes.string).filter { !$0.isEmpty }
    }

    /// The addresses of a Route, Record-Route or Contact; nil when one is malformed. `Contact: *` gives none.
    public func addresses(_ name: HeaderName) -> [NameAddress]? {
        var result: [NameAddress] = []
        for value in values(name) {
            if bytes[value].elementsEqual([UInt8(ascii: "*")]) { continue }
            var scanner = Scanner(bytes, value)
            guard let address = scanner.nameAddress(), scanner.atEnd else { return nil }
            result.append(address)
        }
        return result
    }
}

/// Cuts a header field value at its commas, but not inside quotes or angle brackets (RFC 3261 section 7.3.1).
enum ListSplitter {
    static func split(_ bytes: [UInt8], _ range: Range<Int>) -> [Range<Int>] {
        var result: [Range<Int>] = []
        var start = range.lowerBound
        var index = range.lowerBound
        var quoted = false
        var bracketed = false
        while index < range.upperBound {
            let byte = bytes[index]
            if quoted {
                if byte == .backslash {
                    index += 1
                } else if byte == .quote {
                    quoted = false
                }
            } else {
                switch byte {
                case .quote where !bracketed: quoted = true
                case .less: bracketed = true
                case .greater: bracketed = false
                case .comma where !bracketed:
                    result.append(bytes.trimmed(start..<index))
                    start = index + 1
                default: break
                }
            }
            index += 1
        }
        result.append(bytes.trimmed(start..<range.upperBound))
        return result
    }
}
