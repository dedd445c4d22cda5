extension CivilTime {
    /// Reads a date and time of RFC 3339: `2025-11-11T22:00:00Z`, with any fraction (cut to milliseconds) and any offset
    /// (`+01:00`); `T` and `Z` may be in lower case, and a blank may stand for `T`.
    /// - Returns: milliseconds since 1970; nil for anything else, also for a date that no calendar has.
    public static func parse(rfc3339 text: some StringProtocol) -> Int64? {
        var rest = Array(text.utf8)[...]
        guard let year = digits(4, &rest), take("-", &rest), let month = digits(2, &rest), take("-", &rest),
            let day = digits(2, &rest), take("T", &rest) || take("t", &rest) || take(" ", &rest),
            let hour = digits(2, &rest), take(":", &rest), let minute = digits(2, &rest), take(":", &rest),
            let second = digits(2, &rest), let millisecond = fraction(&rest), let offset = offset(&rest), rest.isEmpty,
            let local = milliseconds(
                year: year, month: month, day: day, hour: hour, minute: minute, second: second,
                millisecond: millisecond)
        else { return nil }
        return local - Int64(offset) * 60_000
    }

    private static func take(_ character: Unicode.Scalar, _ rest: inout ArraySlice<UInt8>) -> Bool {
        guard let first = rest.first, UInt32(first) == character.value else { return false }
        rest.removeFirst()
        return true
    }

    private static func digits(_ count: Int, _ rest: inout ArraySlice<UInt8>) -> Int? {
        let part = rest.prefix(count)
        guard part.count == count else { return nil }
        var value = 0
        for byte in part {
            guard (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) else { return nil }
            value = value * 10 + Int(byte - UInt8(ascii: "0"))
        }
        rest = rest.dropFirst(count)
        return value
    }

    private static func fraction(_ rest: inout ArraySlice<UInt8>) -> Int? {
        guard take(".", &rest) else { return 0 }
        let all = rest.prefix { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }
        guard !all.isEmpty else { return nil }
        rest = rest.dropFirst(all.count)
        return (0..<3).reduce(0) { value, place in
            let index = all.startIndex + place
            return value * 10 + (index < all.endIndex ? Int(all[index] - UInt8(ascii: "0")) : 0)
        }
    }

    /// In minutes.
    private static func offset(_ rest: inout ArraySlice<UInt8>) -> Int? {
        if take("Z", &rest) || take("z", &rest) { return 0 }
        let sign: Int
        if take("+", &rest) { sign = 1 } else if take("-", &rest) { sign = -1 } else { return nil }
        guard let hours = digits(2, &rest), hours < 24, take(":", &rest), let minutes = digits(2, &rest), minutes < 60
        else { return nil }
        return sign * (hours * 60 + minutes)
    }
}
