internal import Crypto
internal import CoreTypes

/// Writes events as the lines of the log and chains them.
///
/// A line is one JSON object without white space, its keys always in this order: `timestamp`, `event_type`, `severity`,
/// `source_ip`, `expert_id`, `trace_id` (these three only where known), `details`, `source`, `seq`, `prev`, `hash`.
/// `hash` is the lower-case hexadecimal SHA-256 of the line's bytes before `,"hash":`; `prev` is the `hash` of the line
/// before it, across files, and 64 zeros in the first. So the chain can be checked with nothing but a SHA-256.
struct RecordEncoder {
    static let zeroHash = [UInt8](repeating: UInt8(ascii: "0"), count: 64)

    /// The `source` of every record, such as `sallyport.edge-1`.
    let source: String
    private var stampedSecond = Int64.min
    private var stamp: [UInt8] = []

    init(source: String) {
        self.source = source
    }

    /// Appends one line with its line feed.
    /// - Parameters:
    ///   - wall: milliseconds since 1970.
    ///   - previous: the hash of the record before: 64 hexadecimal digits.
    /// - Returns: the hash of this record: 64 hexadecimal digits.
    mutating func append(
        _ event: SecurityEvent, wall: Int64, sequence: Int, previous: [UInt8], to buffer: inout [UInt8]
    ) -> [UInt8] {
        let start = buffer.count
        buffer += "{\"timestamp\":\"".utf8
        appendTimestamp(wall, to: &buffer)
        buffer += "\",\"event_type\":\"".utf8
        buffer.append(text: event.kind.rawValue)
        buffer += "\",\"severity\":\"".utf8
        buffer.append(text: event.severity.rawValue)
        buffer.append(UInt8(ascii: "\""))
        if let address = event.sourceIP { Self.append("source_ip", address.description, to: &buffer) }
        if let expert = event.expertID { Self.append("expert_id", expert, to: &buffer) }
        if let trace = event.traceID { Self.append("trace_id", trace, to: &buffer) }
        buffer += ",\"details\":{".utf8
        for (index, detail) in event.details.enumerated() {
            if index > 0 { buffer.append(UInt8(ascii: ",")) }
            JSONText.appendString(detail.name, to: &buffer)
            buffer.append(UInt8(ascii: ":"))
            Self.append(detail.value, to: &buffer)
        }
        buffer.append(UInt8(ascii: "}"))
        Self.append("source", source, to: &buffer)
        buffer.append(literal: ",\"seq\":")
        buffer.append(text: String(sequence))
        buffer.append(literal: ",\"prev\":\"")
        buffer += previous
        buffer.append(UInt8(ascii: "\""))
        let hash = buffer.withUnsafeBytes { RecordSeal.hash(UnsafeRawBufferPointer(rebasing: $0[start...])) }
        buffer += ",\"hash\":\"".utf8
        buffer += hash
        buffer += "\"}\n".utf8
        return hash
    }

    /// RFC 3339 with milliseconds; the text of a second is kept, since a batch mostly lies within one.
    private mutating func appendTimestamp(_ wall: Int64, to buffer: inout [UInt8]) {
        let remainder = wall % 1000
        let millisecond = remainder < 0 ? remainder + 1000 : remainder
        let second = wall - millisecond
        if second != stampedSecond {
            stamp = Array(CivilTime(millisecondsSince1970: second).rfc3339.utf8.dropLast(4))
            stampedSecond = second
        }
        buffer += stamp
        buffer.append(UInt8(ascii: "0") + UInt8(millisecond / 100))
        buffer.append(UInt8(ascii: "0") + UInt8(millisecond / 10 % 10))
        buffer.append(UInt8(ascii: "0") + UInt8(millisecond % 10))
        buffer.append(UInt8(ascii: "Z"))
    }

    private static func append(_ name: StaticString, _ text: String, to buffer: inout [UInt8]) {
        buffer += ",\"".utf8
        buffer.append(literal: name)
        buffer += "\":".utf8
        JSONText.appendString(text, to: &buffer)
    }

    private static func append(_ value: SecurityEvent.Value, to buffer: inout [UInt8]) {
        switch value {
        case .string(let text): JSONText.appendString(text, to: &buffer)
        case .integer(let number): buffer.append(text: String(number))
        // JSON has no word for what is not finite.
        case .number(let number) where !number.isFinite: JSONText.appendString("\(number)", to: &buffer)
        case .number(let number): buffer += "\(number)".utf8
        case .boolean(let flag): buffer.append(literal: flag ? "true" : "false")
        case .strings(let texts):
            buffer.append(UInt8(ascii: "["))
            for (index, text) in texts.enumerated() {
                if index > 0 { buffer.append(UInt8(ascii: ",")) }
                JSONText.appendString(text, to: &buffer)
            }
            buffer.append(UInt8(ascii: "]"))
        }
    }
}

/// What chains a line to its neighbors, read from the line's fixed end: `,"seq":N,"prev":"…","hash":"…"}`.
struct RecordSeal: Equatable {
    let sequence: Int
    let previous: [UInt8]
    let hash: [UInt8]
    /// Whether the line's bytes have the hash that the line states.
    let isIntact: Bool

    /// Nil when the bytes (without line feed) do not end as a record does.
    ///
    /// Text in a record can't imitate its end: quotes within strings are escaped, and places are counted from the end.
    init?(_ line: ArraySlice<UInt8>) {
        let hashPart = line.suffix(75)
        let body = line.dropLast(75)
        let previousPart = body.suffix(74)
        let front = body.dropLast(74)
        guard line.first == UInt8(ascii: "{"), hashPart.count == 75, previousPart.count == 74,
            hashPart.starts(with: ",\"hash\":\"".utf8), hashPart.suffix(2).elementsEqual("\"}".utf8),
            previousPart.starts(with: ",\"prev\":\"".utf8), previousPart.last == UInt8(ascii: "\""),
            let colon = front.suffix(20).lastIndex(of: UInt8(ascii: ":")),
            front[...colon].suffix(7).elementsEqual(",\"seq\":".utf8),
            let sequence = Int(String(decoding: front[(colon + 1)...], as: UTF8.self)), sequence > 0,
            front[colon + 1] != UInt8(ascii: "0"), front[colon + 1] != UInt8(ascii: "+")
        else { return nil }
        self.sequence = sequence
        previous = Array(previousPart.dropFirst(9).dropLast())
        hash = Array(hashPart.dropFirst(9).dropLast(2))
        isIntact = body.withUnsafeBytes { Self.hash($0) } == hash
    }

    /// Lower-case hexadecimal SHA-256.
    static func hash(_ bytes: UnsafeRawBufferPointer) -> [UInt8] {
        var hasher = SHA256()
        hasher.update(bufferPointer: bytes)
        let digest = hasher.finalize()
        return digest.withUnsafeBytes { Hexadecimal.encode($0) }
    }
}
