public import CoreTypes

/// Which records somebody asks for; what is nil or empty asks for nothing.
public struct WitnessFilter: Sendable {
    /// Milliseconds since 1970, both ends included; by the records' own timestamps.
    public var since: Int64?
    public var until: Int64?
    /// Values of `event_type`, any of them.
    public var kinds: Set<String> = []
    /// This or graver.
    public var severity: SecurityEvent.Severity?
    /// Where the `source_ip` lies.
    public var source: IPNetwork?
    /// An address of record, or its user part alone: of whom it happened to, who authenticated, or which expert was
    /// called.
    public var expert: String?
    public var trace: String?
    /// A Call-ID, or the edge's own identifier of a call.
    public var call: String?

    public init() {}

    public var asksForAll: Bool {
        since == nil && until == nil && kinds.isEmpty && severity == nil && source == nil && expert == nil
            && trace == nil && call == nil
    }

    public func matches(_ record: WitnessRecord) -> Bool {
        guard kinds.isEmpty || kinds.contains(record.kind), trace == nil || trace == record.traceID,
            matchesTime(record), matchesSeverity(record), matchesSource(record), matchesExpert(record)
        else { return false }
        return call.map { record.calls.contains($0) } ?? true
    }

    /// Whether a file with such records can have one that matches.
    func mayMatch(_ summary: FileSummary) -> Bool {
        (since.map { summary.to >= $0 } ?? true) && (until.map { summary.from <= $0 } ?? true)
    }

    private func matchesTime(_ record: WitnessRecord) -> Bool {
        guard since != nil || until != nil else { return true }
        guard let time = record.time else { return false }
        return (since.map { time >= $0 } ?? true) && (until.map { time <= $0 } ?? true)
    }

    private func matchesSeverity(_ record: WitnessRecord) -> Bool {
        guard let severity else { return true }
        return (SecurityEvent.Severity(rawValue: record.severity)?.rank ?? 0) >= severity.rank
    }

    private func matchesSource(_ record: WitnessRecord) -> Bool {
        guard let source else { return true }
        return record.sourceIP.flatMap { IPAddress($0) }.map { source.contains($0) } ?? false
    }

    private func matchesExpert(_ record: WitnessRecord) -> Bool {
        guard let expert else { return true }
        let named = [record.expertID, record.text("expert"), record.text("user")].compactMap { $0 }
        return named.contains { $0 == expert || $0.prefix { $0 != "@" } == expert }
    }
}

extension WitnessRecord {
    /// The timestamp in milliseconds since 1970; nil where it is none.
    public var time: Int64? { CivilTime.parse(rfc3339: timestamp) }

    /// What the record says which call it belongs to: a Call-ID, the edge's own identifier, or both.
    var calls: [String] { [text("call_id"), text("call")].compactMap { $0 } }

    func text(_ name: String) -> String? {
        if case .string(let text)? = self[detail: name] { text } else { nil }
    }
}

extension SecurityEvent.Severity {
    /// From the lightest, 0, to the gravest, 4.
    public var rank: Int {
        switch self {
        case .debug: 0
        case .info: 1
        case .notice: 2
        case .warning: 3
        case .alert: 4
        }
    }
}
