internal import CoreTypes

/// Records as comma-separated values (RFC 4180), for spreadsheets.
public enum RecordTable {
    /// The first line, without its end.
    public static let heading =
        "timestamp,seq,event_type,severity,source_ip,expert_id,trace_id,call_id,reason,count,details,source,hash"

    /// One line, without its end. Everything invisible in it is escaped as in the log, and a text that a spreadsheet
    /// would take for a formula has an apostrophe before it: what strangers wrote stays text.
    public static func row(_ record: WitnessRecord) -> String {
        let details = record.details.map { "\($0.name)=\($0.value.plain)" }.joined(separator: "; ")
        return [
            record.timestamp, String(record.sequence), record.kind, record.severity, record.sourceIP ?? "",
            record.expertID ?? "", record.traceID ?? "", record.text("call_id") ?? "", record.text("reason") ?? "",
            record[detail: "count"]?.plain ?? "", details, record.source, record.hash,
        ].map(cell).joined(separator: ",")
    }

    private static func cell(_ text: String) -> String {
        var shown = ""
        for scalar in text.unicodeScalars {
            if JSONText.isInvisible(scalar) {
                shown += JSONText.escaped(String(scalar))
            } else {
                shown.unicodeScalars.append(scalar)
            }
        }
        if let first = shown.first, "=+-@".contains(first) { shown = "'" + shown }
        guard shown.contains(where: { ",\"'; ".contains($0) }) else { return shown }
        return "\"" + shown.replacing("\"", with: "\"\"") + "\""
    }
}
