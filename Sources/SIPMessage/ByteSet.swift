/// A set of octets that answers membership with one shift: the grammar's character classes.
struct ByteSet: Sendable {
    private var low: UInt64 = 0
    private var middle: UInt64 = 0
    private var upper: (UInt64, UInt64) = (0, 0)

    init(_ characters: StaticString, alphanumeric: Bool = false) {
        characters.withUTF8Buffer { for byte in $0 { insert(byte) } }
        if alphanumeric {
            for byte in UInt8(ascii: "a")...UInt8(ascii: "z") { insert(byte) }
            for byte in UInt8(ascii: "A")...UInt8(ascii: "Z") { insert(byte) }
            for byte in UInt8(ascii: "0")...UInt8(ascii: "9") { insert(byte) }
        }
    }

    private mutating func insert(_ byte: UInt8) {
        let bit = UInt64(1) << UInt64(byte & 63)
        switch byte >> 6 {
        case 0: low |= bit
        case 1: middle |= bit
        case 2: upper.0 |= bit
        default: upper.1 |= bit
        }
    }

    @inline(__always)
    func contains(_ byte: UInt8) -> Bool {
        let word: UInt64 =
            switch byte >> 6 {
            case 0: low
            case 1: middle
            case 2: upper.0
            default: upper.1
            }
        return word >> UInt64(byte & 63) & 1 == 1
    }

    // RFC 3261 section 25.1
    static let token = ByteSet("-.!%*_+`'~", alphanumeric: true)
    static let word = ByteSet("-.!%*_+`'~()<>:\\\"/[]?{}", alphanumeric: true)
    static let user = ByteSet("-_.!~*'()&=+$,;?/", alphanumeric: true)
    static let password = ByteSet("-_.!~*'()&=+$,", alphanumeric: true)
    static let uriParameter = ByteSet("-_.!~*'()[]/:&+$", alphanumeric: true)
    static let uriHeader = ByteSet("-_.!~*'()[]/?:+$", alphanumeric: true)
    /// `reserved` and `unreserved` and what an absolute URI of another scheme may hold.
    static let anyURI = ByteSet("-_.!~*'();/?:@&=+$,%#[]", alphanumeric: true)
    static let hostname = ByteSet("-.", alphanumeric: true)
    static let scheme = ByteSet("+-.", alphanumeric: true)
}

extension UInt8 {
    static let space = UInt8(ascii: " ")
    static let tab = UInt8(ascii: "\t")
    static let carriageReturn = UInt8(ascii: "\r")
    static let lineFeed = UInt8(ascii: "\n")
    static let quote = UInt8(ascii: "\"")
    static let backslash = UInt8(ascii: "\\")
    static let comma = UInt8(ascii: ",")
    static let semicolon = UInt8(ascii: ";")
    static let colon = UInt8(ascii: ":")
    static let equals = UInt8(ascii: "=")
    static let less = UInt8(ascii: "<")
    static let greater = UInt8(ascii: ">")
    static let at = UInt8(ascii: "@")
    static let slash = UInt8(ascii: "/")
    static let percent = UInt8(ascii: "%")
    static let question = UInt8(ascii: "?")

    var isDigit: Bool { self &- 48 < 10 }
    var isLetter: Bool { (self | 32) &- 97 < 26 }
    var isBlank: Bool { self == .space || self == .tab }
    /// A blank or part of a fold; other controls are no white space.
    var isLinearSpace: Bool { isBlank || self == .carriageReturn || self == .lineFeed }
    /// What may stand inside a field value besides blanks: no controls, no DEL.
    var isText: Bool { self >= 0x21 && self != 0x7f }
    var lowercased: UInt8 { self &- 65 < 26 ? self | 32 : self }
}
