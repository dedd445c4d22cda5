/// Writes text as JSON so that no reader, terminal or pager can be led astray by it.
///
/// Beside what RFC 8259 section 7 requires (quotes, backslash, U+0000 to U+001F), everything invisible is escaped: U+007F,
/// the C1 controls, U+2028 and U+2029, and all format characters (bidirectional controls, zero-width characters, tags).
/// The escapes are lossless: a reader gets the very text back.
public enum JSONText {
    /// The most bytes of one string that go into a record; what is beyond is cut, and said so, to bound a line's length.
    public static let maximumStringBytes = 8192

    /// The text with everything invisible, quotes and backslashes escaped, without quotes around it: safe to print.
    public static func escaped(_ text: String) -> String {
        var bytes: [UInt8] = []
        appendEscaped(text, to: &bytes)
        return String(decoding: bytes, as: UTF8.self)
    }

    static func appendString(_ text: String, to buffer: inout [UInt8]) {
        buffer.append(UInt8(ascii: "\""))
        if text.utf8.count <= maximumStringBytes {
            appendEscaped(text, to: &buffer)
        } else {
            let kept = prefix(of: text)
            appendEscaped(kept, to: &buffer)
            buffer += "... (\(text.utf8.count - kept.utf8.count) bytes cut)".utf8
        }
        buffer.append(UInt8(ascii: "\""))
    }

    private static func prefix(of text: String) -> String {
        let cut = text.utf8.index(text.utf8.startIndex, offsetBy: maximumStringBytes)
        // Rounded down to a whole scalar, so that cutting can't make text that was never there.
        let scalars = text.unicodeScalars
        let end = scalars.index(before: scalars.index(after: cut))
        return String(scalars[..<min(cut, end)])
    }

    private static func appendEscaped(_ text: String, to buffer: inout [UInt8]) {
        var text = text
        let isCopied = text.withUTF8 { octets in
            for octet in octets where !isPlain(octet) { return false }
            buffer.append(contentsOf: octets)
            return true
        }
        if isCopied { return }
        for scalar in text.unicodeScalars {
            if scalar.isASCII {
                appendASCII(UInt8(truncatingIfNeeded: scalar.value), to: &buffer)
            } else if isInvisible(scalar) {
                for unit in UTF16.encode(scalar) ?? UTF16.encodedReplacementCharacter {
                    appendEscape(unit, to: &buffer)
                }
            } else {
                buffer += UTF8.encode(scalar) ?? UTF8.encodedReplacementCharacter
            }
        }
    }

    private static func isPlain(_ byte: UInt8) -> Bool {
        byte >= 0x20 && byte < 0x7f && byte != UInt8(ascii: "\"") && byte != UInt8(ascii: "\\")
    }

    static func isInvisible(_ scalar: Unicode.Scalar) -> Bool {
        switch scalar.properties.generalCategory {
        case .control, .format, .lineSeparator, .paragraphSeparator, .surrogate, .privateUse, .unassigned: true
        default: false
        }
    }

    private static func appendASCII(_ byte: UInt8, to buffer: inout [UInt8]) {
        switch byte {
        case UInt8(ascii: "\""), UInt8(ascii: "\\"):
            buffer.append(UInt8(ascii: "\\"))
            buffer.append(byte)
        case 0x0a: buffer += "\\n".utf8
        case 0x0d: buffer += "\\r".utf8
        case 0x09: buffer += "\\t".utf8
        case _ where isPlain(byte): buffer.append(byte)
        default: appendEscape(UInt16(byte), to: &buffer)
        }
    }

    private static let digits = Array("0123456789abcdef".utf8)

    private static func appendEscape(_ unit: UInt16, to buffer: inout [UInt8]) {
        buffer += "\\u".utf8
        for shift in [12, 8, 4, 0] { buffer.append(digits[Int(unit >> UInt16(shift) & 15)]) }
    }
}

extension Array where Element == UInt8 {
    mutating func append(literal text: StaticString) {
        text.withUTF8Buffer { append(contentsOf: $0) }
    }

    mutating func append(text: String) {
        var text = text
        text.withUTF8 { append(contentsOf: $0) }
    }
}

/// Reads back exactly what the record writer writes: objects of strings, numbers, booleans and lists of strings.
///
/// Every function returns nil at the first byte that is anything else; there is no leniency to hide an edit behind.
struct JSONScanner {
    private var rest: ArraySlice<UInt8>

    init(_ bytes: ArraySlice<UInt8>) {
        rest = bytes
    }

    var isAtEnd: Bool { rest.isEmpty }

    /// Consumes a literal text if it stands next.
    mutating func take(_ literal: StaticString) -> Bool {
        let count = literal.utf8CodeUnitCount
        let matches = literal.withUTF8Buffer { rest.prefix(count).elementsEqual($0) }
        if matches { rest = rest.dropFirst(count) }
        return matches
    }

    mutating func string() -> String? {
        guard take("\"") else { return nil }
        var units: [UInt8] = []
        while let byte = rest.popFirst() {
            switch byte {
            case UInt8(ascii: "\""):
                return String(validating: units, as: UTF8.self)
            case UInt8(ascii: "\\"):
                guard let scalar = escape() else { return nil }
                units += UTF8.encode(scalar) ?? UTF8.encodedReplacementCharacter
            case 0..<0x20:
                return nil
            default:
                units.append(byte)
            }
        }
        return nil
    }

    private mutating func escape() -> Unicode.Scalar? {
        switch rest.popFirst() {
        case UInt8(ascii: "\""): return "\""
        case UInt8(ascii: "\\"): return "\\"
        case UInt8(ascii: "n"): return "\n"
        case UInt8(ascii: "r"): return "\r"
        case UInt8(ascii: "t"): return "\t"
        case UInt8(ascii: "u"):
            guard let unit = unit() else { return nil }
            guard UTF16.isLeadSurrogate(unit) else { return Unicode.Scalar(unit) }
            guard take("\\u"), let trail = self.unit(), UTF16.isTrailSurrogate(trail) else { return nil }
            return Unicode.Scalar(0x10000 + (UInt32(unit) - 0xd800) << 10 + (UInt32(trail) - 0xdc00))
        default: return nil
        }
    }

    private mutating func unit() -> UInt16? {
        guard rest.count >= 4, let value = UInt16(String(decoding: rest.prefix(4), as: UTF8.self), radix: 16) else {
            return nil
        }
        rest = rest.dropFirst(4)
        return value
    }

    private mutating func numberText() -> String {
        let text = rest.prefix { "+-.eE0123456789".utf8.contains($0) }
        rest = rest.dropFirst(text.count)
        return String(decoding: text, as: UTF8.self)
    }

    mutating func integer() -> Int? {
        Int(numberText())
    }

    mutating func strings() -> [String]? {
        guard take("[") else { return nil }
        var values: [String] = []
        if take("]") { return values }
        repeat {
            guard let value = string() else { return nil }
            values.append(value)
        } while take(",")
        return take("]") ? values : nil
    }

    mutating func number() -> (integer: Int?, double: Double)? {
        let text = numberText()
        return Double(text).map { (Int(text), $0) }
    }

    /// What byte stands next, without consuming it.
    var next: UInt8? { rest.first }
}
