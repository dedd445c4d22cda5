/// One parameter of a header field value: `;name`, `;name=value`, `;name="quoted"`.
public struct HeaderParameter: Sendable, Hashable {
    /// Where the name stands in the message.
    public let name: Range<Int>
    /// Where the value stands, with its quotes if it has them.
    public let value: Range<Int>?
    /// From the semicolon to the end of the value.
    public let whole: Range<Int>
}

extension Scanner {
    /// `*(SEMI generic-param)`: as many parameters as there are; nil when one is malformed.
    /// A host or IPv6 reference is allowed as a value (RFC 3261 section 25.1, gen-value).
    mutating func headerParameters() -> [HeaderParameter]? {
        var parameters: [HeaderParameter] = []
        while true {
            let rewind = position
            skipBlanks()
            let start = position
            guard take(.semicolon) else {
                position = rewind
                return parameters
            }
            skipBlanks()
            guard let name = token() else { return nil }
            let afterName = position
            skipBlanks()
            guard take(.equals) else {
                position = afterName
                parameters.append(HeaderParameter(name: name, value: nil, whole: start..<afterName))
                continue
            }
            skipBlanks()
            guard let value = parameterValue() else { return nil }
            parameters.append(HeaderParameter(name: name, value: value, whole: start..<value.upperBound))
        }
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
