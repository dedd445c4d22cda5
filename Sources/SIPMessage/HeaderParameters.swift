/// One parameter of a header field value: `;name`, `;name=value`, `;name="quoted"`.
public struct HeaderParameter: Sendable, Hashable {
    private let nameStretch: Stretch
    private let valueStretch: Stretch?
    private let wholeStretch: Stretch

    init(name: Range<Int>, value: Range<Int>?, whole: Range<Int>) {
        nameStretch = Stretch(name)
        valueStretch = value.map { Stretch($0) }
        wholeStretch = Stretch(whole)
    }

    /// Where the name stands in the message.
    public var name: Range<Int> { nameStretch.range }
    /// Where the value stands, with its quotes if it has them.
    public var value: Range<Int>? { valueStretch?.range }
    /// From the semicolon to the end of the value.
    public var whole: Range<Int> { wholeStretch.range }
}

/// The parameters in a stretch that has been found well-formed.
struct HeaderParameters: Sequence, IteratorProtocol {
    private var scanner: Scanner

    init(_ bytes: [UInt8], _ stretch: Stretch) {
        scanner = Scanner(bytes, stretch.range)
    }

    mutating func next() -> HeaderParameter? {
        if case .parameter(let parameter) = scanner.headerParameter() { parameter } else { nil }
    }
}

extension Scanner {
    enum ParameterStep {
        case parameter(HeaderParameter)
        case end
        case malformed
    }

    /// One of `*(SEMI generic-param)`. A host or IPv6 reference is allowed as a value (RFC 3261 section 25.1, gen-value).
    mutating func headerParameter() -> ParameterStep {
        let rewind = position
        skipBlanks()
        let start = position
        guard take(.semicolon) else {
            position = rewind
            return .end
        }
        skipBlanks()
        guard let name = token() else { return .malformed }
        let afterName = position
        skipBlanks()
        guard take(.equals) else {
            position = afterName
            return .parameter(HeaderParameter(name: name, value: nil, whole: start..<afterName))
        }
        skipBlanks()
        guard let value = parameterValue() else { return .malformed }
        return .parameter(HeaderParameter(name: name, value: value, whole: start..<value.upperBound))
    }

    private mutating func parameterValue() -> Range<Int>? {
        switch peek {
        case .some(.quote):
            return quotedString()
        case .some(UInt8(ascii: "[")):
            let start = position
            return host() == nil ? nil : start..<position
        default:
            let range = run(of: Self.genericValue)
            return range.isEmpty ? nil : range
        }
    }

    /// A token, or what phones put there unquoted although the grammar asks for quotes: nothing that separates.
    private static let genericValue = ByteSet("-.!%*_+`'~:/@[]$&", alphanumeric: true)
}
