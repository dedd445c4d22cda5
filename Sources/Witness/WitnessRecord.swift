public import CoreTypes

/// A record read back from the log.
public struct WitnessRecord: Sendable, Equatable {
    /// RFC 3339 in UTC with milliseconds.
    public let timestamp: String
    /// The `event_type`; a text, since a newer version may have written one that this version does not know.
    public let kind: String
    public let severity: String
    public let sourceIP: String?
    public let expertID: String?
    public let traceID: String?
    /// In the order in which they were written.
    public let details: [SecurityEvent.Detail]
    public let source: String
    public let sequence: Int
    /// 64 hexadecimal digits.
    public let previous: String
    /// 64 hexadecimal digits; reading a record does not check it, see ``WitnessVerifier``.
    public let hash: String
    /// The line as it stands in the file, without its line feed.
    public let line: String

    /// Reads one line, which must be exactly of the form that ``WitnessLog`` writes: same keys, same order, no white
    /// space, no second value for a key. Nil otherwise.
    public init?(line bytes: some Collection<UInt8>) {
        var scanner = JSONScanner(Array(bytes)[...])
        guard scanner.take("{\"timestamp\":"), let timestamp = scanner.string(),
            scanner.take(",\"event_type\":"), let kind = scanner.string(),
            scanner.take(",\"severity\":"), let severity = scanner.string(),
            let sourceIP = Self.optional(",\"source_ip\":", &scanner),
            let expertID = Self.optional(",\"expert_id\":", &scanner),
            let traceID = Self.optional(",\"trace_id\":", &scanner),
            scanner.take(",\"details\":{"), let details = Self.details(&scanner),
            scanner.take(",\"source\":"), let source = scanner.string(),
            scanner.take(",\"seq\":"), let sequence = scanner.integer(), sequence > 0,
            scanner.take(",\"prev\":"), let previous = scanner.string(),
            scanner.take(",\"hash\":"), let hash = scanner.string(), scanner.take("}"), scanner.isAtEnd
        else { return nil }
        self.timestamp = timestamp
        self.kind = kind
        self.severity = severity
        self.sourceIP = sourceIP
        self.expertID = expertID
        self.traceID = traceID
        self.details = details
        self.source = source
        self.sequence = sequence
        self.previous = previous
        self.hash = hash
        self.line = String(decoding: bytes, as: UTF8.self)
    }

    /// The value of a detail; nil when the record has none of that name.
    public subscript(detail name: String) -> SecurityEvent.Value? {
        details.first { $0.name == name }?.value
    }

    /// The outer optional is the success of reading, the inner one whether the key was there.
    private static func optional(_ key: StaticString, _ scanner: inout JSONScanner) -> String?? {
        guard scanner.take(key) else { return .some(nil) }
        return scanner.string().map { .some($0) }
    }

    private static func details(_ scanner: inout JSONScanner) -> [SecurityEvent.Detail]? {
        var details: [SecurityEvent.Detail] = []
        if scanner.take("}") { return details }
        repeat {
            guard let name = scanner.string(), scanner.take(":"), let value = value(&scanner) else { return nil }
            details.append(.init(name, value))
        } while scanner.take(",")
        return scanner.take("}") ? details : nil
    }

    private static func value(_ scanner: inout JSONScanner) -> SecurityEvent.Value? {
        switch scanner.next {
        case UInt8(ascii: "\""): return scanner.string().map { .string($0) }
        case UInt8(ascii: "["): return scanner.strings().map { .strings($0) }
        case UInt8(ascii: "t"): return scanner.take("true") ? .boolean(true) : nil
        case UInt8(ascii: "f"): return scanner.take("false") ? .boolean(false) : nil
        default:
            guard let (integer, double) = scanner.number() else { return nil }
            return integer.map { .integer($0) } ?? .number(double)
        }
    }
}
