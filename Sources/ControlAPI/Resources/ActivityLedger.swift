internal import CoreTypes
internal import Defense
internal import Witness

/// What the witness's records add up to: by minute, and by source.
///
/// Exact, since each record says how many it stands for; and there after a restart, since it comes from the log.
struct ActivityLedger: Sendable {
    struct Minute: Sendable, Equatable {
        /// Calls let in.
        var calls = 0
        var refusals: [String: Int] = [:]
    }

    struct Source: Sendable, Equatable {
        var organization: String?
        var lastSeen: Int64
        var minutes: [Int64: Minute] = [:]
    }

    /// Minutes that are kept of everything together, and of one source.
    static let mostMinutes = 1440
    static let mostMinutesOfSource = 60
    static let kinds = ["rate_limit", "ip_allowlist", "tls", "auth", "policy", "witness", "malformed", "overload"]

    private var minutes: [Int64: Minute] = [:]
    private var sources = BoundedTable<String, Source>(capacity: 4096)
    private var newest: Int64 = 0

    mutating func add(_ record: WitnessRecord) {
        guard let time = record.time else { return }
        let minute = time / 60_000
        let count = record.number("count") ?? 1
        let kind = record.refusalKind
        guard kind != nil || record.isAdmission else { return }
        minutes[minute, default: Minute()].add(kind, count)
        if minute > newest {
            newest = minute
            minutes = minutes.filter { $0.key > minute - Int64(Self.mostMinutes) }
        }
        guard let address = record.sourceIP else { return }
        let organization = record.text("organization")
        sources.withEntry(address) { entry in
            var source = entry ?? Source(lastSeen: time)
            entry = nil
            source.organization = organization ?? source.organization
            source.lastSeen = max(source.lastSeen, time)
            source.minutes[minute, default: Minute()].add(kind, count)
            if source.minutes.count > Self.mostMinutesOfSource {
                source.minutes = source.minutes.filter { $0.key > minute - Int64(Self.mostMinutesOfSource) }
            }
            entry = source
        }
    }

    /// The last minutes, the oldest first, those without anything among them.
    func history(_ count: Int, now: Int64) -> [(time: Int64, minute: Minute)] {
        let last = now / 60_000
        return (last - Int64(count) + 1...last).map { ($0 * 60_000, minutes[$0] ?? Minute()) }
    }

    /// The sources of the last minutes, those that were refused most often first.
    func sources(_ count: Int, limit: Int, now: Int64) -> [(address: String, source: Source, total: Minute)] {
        let earliest = now / 60_000 - Int64(count)
        let found = sources.entries.compactMap { address, source -> (address: String, source: Source, total: Minute)? in
            let recent = source.minutes.filter { $0.key > earliest }.values
            guard !recent.isEmpty else { return nil }
            return (address, source, recent.reduce(into: Minute()) { $0.add($1) })
        }
        return Array(
            found.sorted {
                ($1.total.refused, $1.total.calls, $0.address) < ($0.total.refused, $0.total.calls, $1.address)
            }.prefix(limit))
    }
}

extension ActivityLedger.Minute {
    var refused: Int { refusals.values.reduce(0, +) }

    fileprivate mutating func add(_ kind: String?, _ count: Int) {
        if let kind { refusals[kind, default: 0] += count } else { calls += count }
    }

    fileprivate mutating func add(_ other: ActivityLedger.Minute) {
        calls += other.calls
        refusals.merge(other.refusals, uniquingKeysWith: +)
    }
}

extension WitnessRecord {
    func text(_ name: String) -> String? {
        if case .string(let text)? = self[detail: name] { text } else { nil }
    }

    func number(_ name: String) -> Int? {
        if case .integer(let number)? = self[detail: name] { number } else { nil }
    }

    /// What layer 3 says of a request, and of a handshake.
    private static let transportCauses: Set<String> = Set(
        [
            Refusal.Cause.plainTransport, .weakTransport, .certificateMissing, .certificateMismatch,
            .certificateNotAccepted,
        ].map(\.rawValue)
    ).union(["handshake_failed"])

    /// Whether it let a call in.
    fileprivate var isAdmission: Bool { text("result") == "admitted" }

    /// Who refused, where this is a refusal: the `layer` of `security_rejections_total`, or what stands before all layers.
    fileprivate var refusalKind: String? {
        switch SecurityEvent.Kind(rawValue: kind) {
        case .rateLimitExceeded: "rate_limit"
        case .ipNotAllowlisted: "ip_allowlist"
        case .authFailed: text("component") == "control" ? nil : "auth"
        case .policyRejected: "policy"
        case .malformedMessage: "malformed"
        case .securityRejected, .securityEvent:
            switch text("reason") {
            case "flood": "ip_allowlist"
            case "overload": "overload"
            case "witness_too_slow": "witness"
            case "registry_unavailable": "auth"
            case let reason? where Self.transportCauses.contains(reason): "tls"
            // What SIP itself refuses is no layer's.
            default: nil
            }
        default: nil
        }
    }
}
