/// The start line of a message (RFC 3261 section 7.1, 7.2).
enum StartLine: Sendable {
    case request(Method, URIShape)
    case response(status: Int, reason: Stretch)
}

/// One header field line as received; folded lines are one field.
public struct Field: Sendable {
    public let name: HeaderName
    private let start: UInt32
    private let nameEnd: UInt32
    private let valueStart: UInt32
    private let valueEnd: UInt32
    private let end: UInt32

    /// - Parameters:
    ///   - value: within the line, behind the name.
    ///   - end: behind the CRLF.
    init(name: HeaderName, nameRange: Range<Int>, value: Range<Int>, end: Int) {
        self.name = name
        start = UInt32(clamping: nameRange.lowerBound)
        nameEnd = UInt32(clamping: nameRange.upperBound)
        valueStart = UInt32(clamping: value.lowerBound)
        valueEnd = UInt32(clamping: value.upperBound)
        self.end = UInt32(clamping: end)
    }

    public var nameRange: Range<Int> { Int(start)..<Int(nameEnd) }
    /// Without the blanks around it; folds inside stay as they came.
    public var value: Range<Int> { Int(valueStart)..<Int(valueEnd) }
    /// From the first octet of the name up to and with the CRLF that ends the field.
    public var line: Range<Int> { Int(start)..<Int(end) }
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
///
/// The message itself is one reference. What is asked of it as text is made when it is asked for; the `shape`s tell
/// where it stands without making anything.
public struct Message: Sendable {
    let index: MessageIndex

    /// The octets of this message alone: what a datagram holds beyond Content-Length is cut off.
    public var bytes: [UInt8] { index.bytes }
    public var fields: [Field] { index.fields }
    public var body: Range<Int> { index.body.range }

    public var from: NameAddress { NameAddress(bytes, index.from) }
    public var to: NameAddress { NameAddress(bytes, index.to) }
    public var callID: String { text(callIDRange) }
    public var callIDRange: Range<Int> { index.callID.range }
    public var cSeq: CSeq { index.cSeq }
    /// The Via values from the top; never empty.
    public var vias: [Via] { index.vias.map { Via(bytes, $0) } }
    public var viaShapes: [ViaShape] { index.vias }
    /// nil where the field is absent.
    public var maxForwards: Int? { index.maxForwards }

    public var topVia: Via { Via(bytes, topViaShape) }
    public var topViaShape: ViaShape { index.vias[0] }
    public var viaCount: Int { index.vias.count }

    public var method: Method { index.cSeq.method }

    public var isRequest: Bool {
        if case .request = index.startLine { true } else { false }
    }

    /// The status code; nil for a request.
    public var status: Int? {
        if case .response(let status, _) = index.startLine { status } else { nil }
    }

    /// The Request-URI; nil for a response.
    public var requestURI: URI? { requestURIShape.map { URI(bytes, $0) } }

    /// The Request-URI as it came; empty for a response.
    public var requestURIText: String { requestURIShape.map { text($0.range) } ?? "" }

    public var requestURIShape: URIShape? {
        if case .request(_, let uri) = index.startLine { uri } else { nil }
    }

    public var fromURI: URIShape { index.from.uri }
    public var toURI: URIShape { index.to.uri }

    public var fromTag: String? { fromTagRange.map { text($0) } }
    public var toTag: String? { toTagRange.map { text($0) } }
    public var fromTagRange: Range<Int>? { index.fromTag?.range }
    public var toTagRange: Range<Int>? { index.toTag?.range }

    /// RFC 3261 section 12: a request inside a dialog carries a To tag.
    public var isInDialog: Bool { isRequest && index.toTag != nil }

    public var reasonPhrase: String {
        if case .response(_, let reason) = index.startLine { text(reason.range) } else { "" }
    }

    /// The value of a header parameter of an address, unquoted nowhere; nil where it is absent or has no value.
    public func parameter(_ name: StaticString, of address: NameAddress) -> String? {
        address.parameters.first { bytes.matches($0.name, lowercase: name) }?.value.map(bytes.string)
    }

    /// The value of a parameter of a URI of this message; `.some(nil)` where it has none, nil where it is absent.
    public func parameter(_ name: StaticString, of uri: URIShape) -> Range<Int>?? {
        uri.parameter(name, in: bytes)
    }

    public func equals(_ range: Range<Int>, _ text: StaticString) -> Bool {
        text.withUTF8Buffer { bytes[range].elementsEqual($0) }
    }

    /// A URI of this message as a value of its own.
    public func uri(_ shape: URIShape) -> URI { URI(bytes, shape) }

    public func host(of uri: URIShape) -> Host { Host(bytes, uri.host) }

    /// Whether the host of a URI of this message is this name.
    public func isHost(of uri: URIShape, _ name: CaselessName) -> Bool {
        if case .name(let stretch) = uri.host.kind { name.matches(bytes, stretch.range) } else { false }
    }

    /// The host of a URI of this message where it is a name: in lower case, without a trailing dot.
    public func hostName(of uri: URIShape) -> String { Host(bytes, uri.host).description }

    /// Whether a stretch is this text, without regard to case. The text is in lower case.
    public func matches(_ range: Range<Int>, lowercase text: StaticString) -> Bool {
        bytes.matches(range, lowercase: text)
    }

    /// Whether a stretch is this text, octet by octet.
    public func equals(_ range: Range<Int>, _ text: String) -> Bool {
        bytes[range].elementsEqual(text.utf8)
    }

    public func text(_ range: Range<Int>) -> String { bytes.string(range) }

    // MARK: Fields by name

    public func first(_ name: HeaderName) -> Field? {
        has(name) ? fields.first { $0.name == name } : nil
    }

    public func has(_ name: HeaderName) -> Bool { index.names.contains(name) }

    public func all(_ name: HeaderName) -> [Field] {
        has(name) ? fields.filter { $0.name == name } : []
    }

    /// Fields by any name, compared without regard to case; for names that the configuration gives.
    public func all(named name: String) -> [Field] {
        let wanted = CaselessName(name)
        return fields.filter { wanted.matches(bytes, $0.nameRange) }
    }

    /// The one field of a name that the configuration gives.
    public func single(_ name: CaselessName) -> SingleField {
        var found = SingleField.absent
        for field in fields where name.matches(bytes, field.nameRange) {
            guard case .absent = found else { return .several }
            found = .value(field.value)
        }
        return found
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
        let isWell = eachAddress(name) {
            result.append(NameAddress(bytes, $0))
            return true
        }
        return isWell ? result : nil
    }

    /// Where the addresses of a Route, Record-Route or Contact stand, from the top.
    /// - Parameter body: returns whether to go on.
    /// - Returns: false when one is malformed, with those before it having been visited.
    @discardableResult
    public func eachAddress(_ name: HeaderName, _ body: (NameAddressShape) -> Bool) -> Bool {
        index.eachAddress(name, body)
    }
}

/// Cuts a header field value at its commas, but not inside quotes or angle brackets (RFC 3261 section 7.3.1).
struct ListSplitter: Sequence, IteratorProtocol {
    private let bytes: [UInt8]
    private var position: Int
    private let end: Int
    private var isDone = false

    init(_ bytes: [UInt8], _ range: Range<Int>) {
        self.bytes = bytes
        position = range.lowerBound
        end = Swift.min(range.upperBound, bytes.count)
    }

    static func split(_ bytes: [UInt8], _ range: Range<Int>) -> [Range<Int>] {
        Array(ListSplitter(bytes, range))
    }

    /// The next value without blanks around it.
    mutating func next() -> Range<Int>? {
        guard !isDone else { return nil }
        let start = position
        var quoted = false
        var bracketed = false
        while position < end {
            let byte = bytes[position]
            if quoted {
                if byte == .backslash {
                    position += 1
                } else if byte == .quote {
                    quoted = false
                }
            } else {
                switch byte {
                case .quote where !bracketed: quoted = true
                case .less: bracketed = true
                case .greater: bracketed = false
                case .comma where !bracketed:
                    let value = bytes.trimmed(start..<position)
                    position += 1
                    return value
                default: break
                }
            }
            position += 1
        }
        isDone = true
        return bytes.trimmed(start..<end)
    }
}
