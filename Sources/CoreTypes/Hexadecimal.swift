/// Base-16 text, lower case when written, either case when read.
public enum Hexadecimal {
    private static let digits = Array("0123456789abcdef".utf8)

    public static func value(of byte: UInt8) -> UInt8? {
        switch byte {
        case UInt8(ascii: "0")...UInt8(ascii: "9"): byte - UInt8(ascii: "0")
        case UInt8(ascii: "a")...UInt8(ascii: "f"): byte - UInt8(ascii: "a") + 10
        case UInt8(ascii: "A")...UInt8(ascii: "F"): byte - UInt8(ascii: "A") + 10
        default: nil
        }
    }

    public static func encode(_ bytes: some Collection<UInt8>) -> [UInt8] {
        var result: [UInt8] = []
        result.reserveCapacity(bytes.count * 2)
        for byte in bytes {
            result.append(digits[Int(byte >> 4)])
            result.append(digits[Int(byte & 15)])
        }
        return result
    }

    public static func string(_ bytes: some Collection<UInt8>) -> String {
        String(decoding: encode(bytes), as: UTF8.self)
    }

    /// Nil for an odd count or anything but hexadecimal digits.
    public static func decode(_ text: some Collection<UInt8>) -> [UInt8]? {
        guard text.count.isMultiple(of: 2) else { return nil }
        var result: [UInt8] = []
        result.reserveCapacity(text.count / 2)
        var upper: UInt8?
        for byte in text {
            guard let digit = value(of: byte) else { return nil }
            if let pending = upper {
                result.append(pending << 4 | digit)
                upper = nil
            } else {
                upper = digit
            }
        }
        return result
    }
}

extension Hexadecimal {
    /// Appends the sixteen digits of a number, the highest first.
    public static func append(_ number: UInt64, to output: inout [UInt8]) {
        var shift: UInt64 = 64
        while shift > 0 {
            shift -= 4
            output.append(digits[Int(number >> shift & 15)])
        }
    }

    /// Appends the two digits of an octet.
    public static func append(octet: UInt8, to output: inout [UInt8]) {
        output.append(digits[Int(octet >> 4)])
        output.append(digits[Int(octet & 15)])
    }

    /// The octet that two digits stand for; nil for anything else.
    public static func octet(_ first: UInt8, _ second: UInt8) -> UInt8? {
        guard let high = value(of: first), let low = value(of: second) else { return nil }
        return high << 4 | low
    }

    /// The number that sixteen digits stand for; nil for anything else.
    public static func number(_ text: [UInt8], _ range: Range<Int>) -> UInt64? {
        guard range.count == 16, range.upperBound <= text.count else { return nil }
        var number: UInt64 = 0
        for index in range {
            guard let digit = value(of: text[index]) else { return nil }
            number = number << 4 | UInt64(digit)
        }
        return number
    }

    /// Sixteen digits, the highest first.
    public static func string(_ number: UInt64) -> String {
        var digits: [UInt8] = []
        digits.reserveCapacity(16)
        append(number, to: &digits)
        return String(decoding: digits, as: UTF8.self)
    }
}
