/// A day in UTC, `2026-12-31`, or a second in it, `2026-12-31T12:00:00Z`.
public struct CivilSpan: Sendable, Equatable {
    /// The first and the last millisecond that are meant, since 1970.
    public let start: Int64
    public let end: Int64

    /// Nil for anything else.
    public init?(parsing text: String) {
        let parts = text.split(separator: "T", omittingEmptySubsequences: false)
        let day = parts[0].split(separator: "-", omittingEmptySubsequences: false).compactMap { Self.number($0) }
        guard parts.count <= 2, parts[0].utf8.count == 10, day.count == 3 else { return nil }
        guard parts.count == 2 else {
            guard let start = CivilTime.milliseconds(year: day[0], month: day[1], day: day[2]) else { return nil }
            (self.start, end) = (start, start + 86_399_999)
            return
        }
        let clock = parts[1].dropLast().split(separator: ":", omittingEmptySubsequences: false)
            .compactMap { Self.number($0) }
        guard parts[1].hasSuffix("Z"), parts[1].utf8.count == 9, clock.count == 3,
            let second = CivilTime.milliseconds(
                year: day[0], month: day[1], day: day[2], hour: clock[0], minute: clock[1], second: clock[2])
        else { return nil }
        (start, end) = (second, second)
    }

    private static func number(_ text: Substring) -> Int? {
        text.utf8.allSatisfy { (0x30...0x39).contains($0) } ? Int(text) : nil
    }
}
