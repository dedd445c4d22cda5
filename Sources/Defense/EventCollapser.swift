public import CoreTypes

/// Lets the first few of many alike events through and counts the rest, so that a flood can't drown the log: behind the
/// few, one record an interval, with how many it stands for. The counts add up exactly: every event is either written
/// or counted.
public struct EventCollapser: Sendable {
    private struct Key: Hashable, Sendable {
        var source: IPAddress
        var kind: SecurityEvent.Kind
        /// An alarm is not lost among warnings.
        var severity: SecurityEvent.Severity
        var cause: String
    }

    private struct Pending: Sendable {
        var since: UInt64
        var written: Int
        var count: Int
        var latest: SecurityEvent
    }

    private let interval: UInt64
    private let verbatim: Int
    private var pending: BoundedTable<Key, Pending>

    /// - Parameter verbatim: events of an interval that are written as they come.
    public init(interval: Duration = .seconds(10), verbatim: Int = 5, capacity: Int = 16_384) {
        self.verbatim = max(1, verbatim)
        self.interval = UInt64(max(0, interval.nanoseconds))
        pending = BoundedTable(capacity: capacity)
    }

    /// - Returns: what is to be written now: the event itself, or nothing; and what had to make room.
    public mutating func add(_ event: SecurityEvent, cause: String, now: Moment) -> [SecurityEvent] {
        guard let source = event.sourceIP else { return [event] }
        let key = Key(source: source.rateKey, kind: event.kind, severity: event.severity, cause: cause)
        var written: [SecurityEvent] = []
        let verbatim = verbatim
        let evicted = pending.withEntry(key) { entry in
            if var open = entry {
                if open.written < verbatim {
                    open.written += 1
                    written.append(event)
                } else {
                    open.count += 1
                    open.latest = event
                }
                entry = open
            } else {
                entry = Pending(since: now.monotonic, written: 1, count: 0, latest: event)
                written.append(event)
            }
        }.evicted
        if let evicted, let summary = Self.summary(evicted.value) { written.append(summary) }
        return written
    }

    /// Closes the intervals that are over. Call at least once an interval.
    public mutating func due(now: Moment) -> [SecurityEvent] {
        let interval = interval
        return flush { now.monotonic - min($0.since, now.monotonic) >= interval }
    }

    /// Closes all intervals, for the end.
    public mutating func flush() -> [SecurityEvent] {
        flush { _ in true }
    }

    private mutating func flush(where isDue: (Pending) -> Bool) -> [SecurityEvent] {
        var events: [SecurityEvent] = []
        for key in Array(pending.keys) {
            guard let open = pending.peek(key), isDue(open) else { continue }
            pending.removeValue(forKey: key)
            if let summary = Self.summary(open) { events.append(summary) }
        }
        return events
    }

    private static func summary(_ pending: Pending) -> SecurityEvent? {
        guard pending.count > 0 else { return nil }
        var event = pending.latest
        event.details.append(.init("count", .integer(pending.count)))
        return event
    }
}
