internal import CoreTypes
public import Witness

/// A record as one syslog message (RFC 5424), framed by octet counting (RFC 6587 section 3.4.1, RFC 5425 section 4.3).
///
/// `PRI` has facility 13 (log audit); `MSGID` is the event type; the structured data `sallyport@32473` has `seq`, `hash` and
/// where known `trace`. The text is the record as it stands in the log (UTF-8 without a byte order mark, so that it stays
/// one JSON object), or the same in CEF.
public struct SyslogMessage: Sendable {
    public enum Format: String, Sendable {
        case rfc5424
        case cef
    }

    private let hostName: String
    private let format: Format

    /// - Parameter hostName: at most 255 printable ASCII characters without blanks; anything else becomes `-`.
    public init(hostName: String, format: Format) {
        self.hostName = Self.word(hostName, atMost: 255)
        self.format = format
    }

    private static let facility = 13

    /// Nil when the line is no record.
    public func frame(_ outgoing: OutgoingRecord) -> [UInt8]? {
        guard let record = WitnessRecord(line: outgoing.line) else { return nil }
        let priority = Self.facility * 8 + Self.severity(record.severity)
        var text = Array(
            ("<\(priority)>1 \(record.timestamp) \(hostName) sallyport \(Self.word(record.source, atMost: 128)) "
                + "\(Self.word(record.kind, atMost: 32)) [sallyport@32473 seq=\"\(record.sequence)\" hash=\"\(record.hash)\"")
                .utf8)
        if let trace = record.traceID { text += " trace=\"\(Self.parameter(trace))\"".utf8 }
        text += "] ".utf8
        switch format {
        case .rfc5424: text += outgoing.line
        case .cef: text += CommonEventFormat.text(record).utf8
        }
        return Array("\(text.count) ".utf8) + text
    }

    /// RFC 5424 section 6.2.1.
    private static func severity(_ severity: String) -> Int {
        switch SecurityEvent.Severity(rawValue: severity) {
        case .debug: 7
        case .info: 6
        case .notice, nil: 5
        case .warning: 4
        case .alert: 1
        }
    }

    /// PRINTUSASCII, RFC 5424 section 6.
    private static func word(_ text: String, atMost limit: Int) -> String {
        let isGood = !text.isEmpty && text.utf8.count <= limit && text.utf8.allSatisfy { (33...126).contains($0) }
        return isGood ? text : "-"
    }

    /// RFC 5424 section 6.3.3: quotes, backslashes and brackets are escaped; what is invisible becomes visible first.
    private static func parameter(_ text: String) -> String {
        // The JSON form has backslashes before quotes and backslashes already.
        JSONText.escaped(text).replacing("]", with: "\\]")
    }
}
