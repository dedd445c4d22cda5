internal import CoreTypes

/// What a closed file holds, noted in the header of its compressed form, so that a query need not decompress it and
/// retention knows its age. ``WitnessVerifier`` checks that it is true.
struct FileSummary: Equatable {
    /// Sequence numbers of the first and the last record.
    var first: Int
    var last: Int
    /// The earliest and the latest timestamp, in milliseconds since 1970. Records are in the order in which they were
    /// written, which need not be that of what they speak of.
    var from: Int64
    var to: Int64

    private static let mark = "sallyport-witness-1"

    var text: String { "\(Self.mark) first=\(first) last=\(last) from=\(from) to=\(to)" }

    init(first: Int, last: Int, from: Int64, to: Int64) {
        self.first = first
        self.last = last
        self.from = from
        self.to = to
    }

    /// Nil for any other text.
    init?(_ text: String) {
        let parts = text.split(separator: " ", omittingEmptySubsequences: false)
        guard parts.count == 5, parts[0] == Self.mark, let first = Self.number("first", parts[1]),
            let last = Self.number("last", parts[2]), let from = Self.number("from", parts[3]),
            let to = Self.number("to", parts[4])
        else { return nil }
        self.init(first: Int(first), last: Int(last), from: from, to: to)
    }

    private static func number(_ name: String, _ part: Substring) -> Int64? {
        part.hasPrefix(name + "=") ? Int64(part.dropFirst(name.count + 1)) : nil
    }

    /// Grows by one record.
    mutating func add(_ seal: Int, at time: Int64) {
        last = seal
        from = min(from, time)
        to = max(to, time)
    }
}

/// A record's timestamp, which stands at a fixed place of its line.
enum RecordTime {
    static let range = 14..<38

    /// Milliseconds since 1970; nil when the line does not begin as a record does.
    static func milliseconds(_ line: ArraySlice<UInt8>) -> Int64? {
        text(line).flatMap { CivilTime.parse(rfc3339: String(decoding: $0, as: UTF8.self)) }
    }

    /// `2025-11-11T22:00:00.123Z`: all have the same length, so that they compare as bytes.
    static func text(_ line: ArraySlice<UInt8>) -> ArraySlice<UInt8>? {
        guard line.starts(with: "{\"timestamp\":\"".utf8) else { return nil }
        let text = line.dropFirst(range.lowerBound).prefix(range.count)
        return text.count == range.count && text.last == UInt8(ascii: "Z") ? text : nil
    }
}
