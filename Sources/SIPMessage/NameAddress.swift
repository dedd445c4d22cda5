/// A From, To, Contact, Route or Record-Route value: an optional display name, a URI and header parameters
/// (RFC 3261 section 20.10).
public struct NameAddress: Sendable {
    private let bytes: [UInt8]
    private let shape: NameAddressShape
    public let uri: URI

    init(_ bytes: [UInt8], _ shape: NameAddressShape) {
        self.bytes = bytes
        self.shape = shape
        uri = URI(bytes, shape.uri)
    }

    /// With its quotes if it has them; nil where there is none.
    public var displayName: Range<Int>? { shape.displayName?.range }
    /// Where the URI stands, without angle brackets.
    public var uriRange: Range<Int> { shape.uri.range }
    public var parameters: [HeaderParameter] { Array(HeaderParameters(bytes, shape.parameters)) }
    /// The whole value.
    public var range: Range<Int> { shape.range }
}

/// Where the parts of a name-addr stand.
public struct NameAddressShape: Sendable {
    let displayName: Stretch?
    public let uri: URIShape
    let parameters: Stretch
    private let whole: Stretch

    init(displayName: Range<Int>?, uri: URIShape, parameters: Range<Int>, range: Range<Int>) {
        self.displayName = displayName.map { Stretch($0) }
        self.uri = uri
        self.parameters = Stretch(parameters)
        whole = Stretch(range)
    }

    public var range: Range<Int> { whole.range }

    static let none = NameAddressShape(displayName: nil, uri: .none, parameters: 0..<0, range: 0..<0)
}

extension Scanner {
    /// `name-addr / addr-spec` with header parameters. Stops before a comma or at the end.
    ///
    /// An addr-spec outside angle brackets must not hold a comma, semicolon or question mark: behind it, they belong
    /// to the header field (RFC 3261 section 20).
    mutating func nameAddress(_ ledger: inout NameLedger) -> NameAddressShape? {
        skipBlanks()
        let start = position
        var display: Range<Int>?
        if peek == .quote {
            guard let quoted = quotedString() else { return nil }
            display = quoted
            skipBlanks()
            guard peek == .less else { return nil }
        } else if peek != .less {
            let rewind = position
            let words = displayTokens()
            if peek == .less {
                display = words
            } else {
                position = rewind
            }
        }
        if take(.less) {
            return bracketed(start: start, display: display, &ledger)
        }
        let uriStart = position
        while let byte = peek, byte.isText, byte != .comma, byte != .semicolon, byte != .question { position += 1 }
        guard let uri = URIShape(bytes, uriStart..<position, &ledger), let parameters = parameterRun(),
            peek != .question
        else { return nil }
        return NameAddressShape(displayName: nil, uri: uri, parameters: parameters, range: start..<position)
    }

    private mutating func bracketed(
        start: Int, display: Range<Int>?, _ ledger: inout NameLedger
    ) -> NameAddressShape? {
        let uriStart = position
        while let byte = peek, byte != .greater { position += 1 }
        let range = uriStart..<position
        guard take(.greater), let uri = URIShape(bytes, range, &ledger), let parameters = parameterRun() else {
            return nil
        }
        return NameAddressShape(displayName: display, uri: uri, parameters: parameters, range: start..<position)
    }

    /// As many header parameters as there are; nil when one is malformed.
    private mutating func parameterRun() -> Range<Int>? {
        let start = position
        while true {
            switch headerParameter() {
            case .parameter: continue
            case .end: return start..<position
            case .malformed: return nil
            }
        }
    }

    /// `*(token LWS)`; the blanks behind the last token are skipped but not counted in.
    private mutating func displayTokens() -> Range<Int>? {
        let start = position
        var end = position
        while token() != nil {
            end = position
            skipBlanks()
        }
        return end > start ? start..<end : nil
    }
}
