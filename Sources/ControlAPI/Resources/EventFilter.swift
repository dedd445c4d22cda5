internal import CoreTypes
internal import Witness

/// The filters of the witness as parameters of a query.
enum EventFilter {
    static let parameters: [Operation.Parameter] = [
        .init(
            name: "type", schema: .choice(SecurityEvent.Kind.allCases.map(\.rawValue)),
            summary: "Only events of this type; may stand several times.", isRepeated: true),
        .query("severity", .choice(SecurityEvent.Severity.allCases.map(\.rawValue)), "This or graver."),
        .query("source", .network, "Where the `source_ip` lies."),
        .query("expert", .string(.init(length: 1...128)), "An address of record, or its user part alone."),
        .query("trace", .string(.init(length: 1...128)), "A trace."),
        .query("call", .string(.init(length: 1...256)), "A Call-ID, or the edge's identifier of a call."),
        .query("since", .time, "Not before this time."), .query("until", .time, "Not after this time."),
    ]

    static func read(_ inquiry: Inquiry) -> WitnessFilter {
        var filter = WitnessFilter()
        filter.kinds = Set(inquiry.all("type"))
        filter.severity = inquiry["severity"].flatMap(SecurityEvent.Severity.init)
        filter.source = inquiry["source"].flatMap { try? IPNetwork(parsing: $0) }
        filter.expert = inquiry["expert"]
        filter.trace = inquiry["trace"]
        filter.call = inquiry["call"]
        filter.since = inquiry["since"].flatMap { CivilTime.parse(rfc3339: $0) }
        filter.until = inquiry["until"].flatMap { CivilTime.parse(rfc3339: $0) }
        return filter
    }

    /// A record as it stands in the log.
    static let record = Schema.object([
        .needed("timestamp", .time), .needed("event_type", .string()), .needed("severity", .string()),
        .maybe("source_ip", .string()), .maybe("expert_id", .string()), .maybe("trace_id", .string()),
        .needed("details", .map(.anything)), .needed("source", .string()), .needed("seq", .integer(1...Int.max)),
        .needed("prev", .string()), .needed("hash", .string()),
    ])
}

extension WitnessRecord {
    /// Records as a JSON list: their lines are JSON already, byte for byte.
    static func list(_ records: [WitnessRecord]) -> String {
        "[" + records.map(\.line).joined(separator: ",") + "]"
    }
}
