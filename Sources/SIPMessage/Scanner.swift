/// A cursor over a stretch of octets. Reading past the end gives nil, never a trap.
struct Scanner {
    let bytes: [UInt8]
    var position: Int
    let end: Int

    init(_ bytes: [UInt8], _ range: Range<Int>) {
        self.bytes = bytes
        self.position = range.lowerBound
        self.end = min(range.upperBound, bytes.count)
    }

    var atEnd: Bool { position >= end }
    var peek: UInt8? { position < end ? bytes[position] : nil }

    mutating func take(_ byte: UInt8) -> Bool {
        guard position < end, bytes[position] == byte else { return false }
        position += 1
        return true
    }

    /// Skips LWS: blanks and folded line ends (RFC 3261 section 25.1, SWS).
    mutating func skipBlanks() {
        while position < end {
            let byte = bytes[position]
            guard byte.isLinearSpace else { return }
            position += 1
        }
    }

    /// The longest run of octets in the set; empty when the next one isn't.
    mutating func run(of set: ByteSet) -> Range<Int> {
        let start = position
        while position < end, set.contains(bytes[position]) { position += 1 }
        return start..<position
    }

    mutating func token() -> Range<Int>? {
        let range = run(of: .token)
        return range.isEmpty ? nil : range
    }

    /// A quoted string with its quotes; nil when it does not start here or is not closed.
    /// A quoted-pair may escape any octet below 128 but CR and LF.
    mutating func quotedString() -> Range<Int>? {
        let start = position
        guard take(.quote) else { return nil }
        while position < end {
            let byte = bytes[position]
            position += 1
            if byte == .quote { return start..<position }
            if byte == .backslash {
                guard position < end, bytes[position] < 0x80, bytes[position] != .carriageReturn,
                    bytes[position] != .lineFeed
                else { return nil }
                position += 1
            }
        }
        return nil
    }

    /// A run of octets in the set and of `%HH` escapes; nil when a percent sign is not followed by two digits.
    mutating func escapedRun(of set: ByteSet) -> Range<Int>? {
        let start = position
        while position < end {
            let byte = bytes[position]
            if byte == .percent {
                guard position + 2 < end, bytes[position + 1].isHexadecimalDigit, bytes[position + 2].isHexadecimalDigit
                else { return nil }
                position += 3
            } else if set.contains(byte) {
                position += 1
            } else {
                break
            }
        }
        return start..<position
    }

    /// A decimal number of at most `digits` digits, so that it can't overflow.
    mutating func number(maximumDigits digits: Int) -> Int? {
        let start = position
        var value = 0
        while position < end, bytes[position].isDigit {
            guard position - start < digits else { return nil }
            value = value * 10 + Int(bytes[position] - 48)
            position += 1
        }
        return position > start ? value : nil
    }
}

extension UInt8 {
    var isHexadecimalDigit: Bool { isDigit || (self | 32) &- 97 < 6 }
}

extension Array where Element == UInt8 {
    /// Compares a stretch with ASCII text given in lower case, ignoring the case of the stretch.
    func matches(_ range: Range<Int>, lowercase text: StaticString) -> Bool {
        guard range.count == text.utf8CodeUnitCount, range.upperBound <= count else { return false }
        return text.withUTF8Buffer { expected in
            var offset = range.lowerBound
            for byte in expected {
                if self[offset].lowercased != byte { return false }
                offset += 1
            }
            return true
        }
    }

    /// Compares two stretches octet by octet.
    func equal(_ range: Range<Int>, to other: [UInt8], _ otherRange: Range<Int>) -> Bool {
        self[range].elementsEqual(other[otherRange])
    }

    func string(_ range: Range<Int>) -> String {
        String(decoding: self[range], as: UTF8.self)
    }

    /// A stretch without the blanks and folds around it.
    func trimmed(_ range: Range<Int>) -> Range<Int> {
        var start = range.lowerBound
        var end = range.upperBound
        while start < end, self[start].isLinearSpace { start += 1 }
        while end > start, self[end - 1].isLinearSpace { end -= 1 }
        return start..<end
    }
}

extension [UInt8] {
    /// The first octet from a position on that is a control character, DEL included; the count when there is none.
    func nextControl(from start: Int) -> Int {
        withUnsafeBytes { octets in
            var position = start
            let ones: UInt64 = 0x0101_0101_0101_0101
            while position + 8 <= octets.count {
                let word = octets.loadUnaligned(fromByteOffset: position, as: UInt64.self)
                let deleted = word ^ (ones &* 0x7f)
                // An octet's high bit is set where it is below 0x20, or 0x7f; octets of 0x80 and above are neither.
                let found = ((word &- ones &* 0x20) & ~word | (deleted &- ones) & ~deleted) & (ones &* 0x80)
                if found != 0 {
                    return position + UInt64(littleEndian: found).trailingZeroBitCount / 8
                }
                position += 8
            }
            while position < octets.count, octets[position] >= .space, octets[position] != 0x7f { position += 1 }
            return position
        }
    }
}
