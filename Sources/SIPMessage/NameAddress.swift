/// A From, To, Contact, Route or Record-Route value: an optional display name, a URI and header parameters
/// (RFC 3261 section 20.10).
public struct NameAddress: Sendable {
    /// With its quotes if it has them; nil where there is none.
    public let displayName: Range<Int>?
    public let uri: URI
    /// Where the URI stands, without angle brackets.
    public let uriRange: Range<Int>
    public let parameters: [HeaderParameter]
    /// The whole value.
    public let range: Range<Int>
}

extension Scanner {
    /// `name-addr / addr-spec` with header parameters. Stops before a comma or at the end.
    ///
    /// An addr-spec outside angle brackets must not hold a comma, semicolon or question mark: behind it, they belong
    /// to the header field (RFC 3261 section 20).
    mutating func nameAddress() -> NameAddress? {
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
            return bracketed(start: start, display: display)
        }
        let uriStart = position
        while let byte = peek, byte.isText, byte != .comma, byte != .semicolon, byte != .question { position += 1 }
        let range = uriStart..<position
        guard let uri = URI(bytes, range), let parameters = headerParameters() else { return nil }
        guard peek != .question else { return nil }
        return NameAddress(
            displayName: nil, uri: uri, uriRange: range, parameters: parameters, range: start..<position)
    }

    private mutating func bracketed(start: Int, display: Range<Int>?) -> NameAddress? {
        let uriStart = position
        while let byte = peek, byte != .greater { position += 1 }
        let range = uriStart..<position
        guard take(.greater), let uri = URI(bytes, range), let parameters = headerParameters() else { return nil }
        return NameAddress(
            displayName: display, uri: uri, uriRange: range, parameters: parameters, range: start..<position)
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
