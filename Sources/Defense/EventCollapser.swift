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

        /// The rest is told apart by comparing: a source has few of these at a time.
        func hash(into hasher: inout Hasher) {
            hasher.combine(source)
        }
    }

    private struct Pending: Sendable {
        var since: UInt64
        var written: Int
        var count: Int
        /// The first that was counted.
        var sample: SecurityEvent?
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

    /// What is to be written now.
    public struct Written: Sendable {
        /// The event itself; nil: it is counted.
        public var event: SecurityEvent?
        /// What had to make room.
        public var evicted: SecurityEvent?
    }

    /// - Parameter make: makes the event; called when it is to be written, and for the first of those that are counted.
    public mutating func add(
        from source: IPAddress, _ kind: SecurityEvent.Kind, _ severity: SecurityEvent.Severity, cause: String,
        now: Moment, _ make: () -> SecurityEvent
    ) -> Written {
        let key = Key(source: source.rateKey, kind: kind, severity: severity, cause: cause)
        var written = Written()
        let verbatim = verbatim
        let evicted = pending.withEntry(key) { entry in
            guard entry != nil else {
                entry = Pending(since: now.monotonic, written: 1, count: 0, sample: nil)
                written.event = make()
                return
            }
            if entry?.written ?? verbatim < verbatim {
                entry?.written += 1
                written.event = make()
            } else {
                if entry?.sample == nil { entry?.sample = make() }
                entry?.count += 1
            }
        }.evicted
        written.evicted = evicted.flatMap { Self.summary($0.value) }
        return written
    }

    /// Counts events that nothing but the number is needed of.
    /// - Returns: false, with nothing counted, while events of the kind are still written or none has been kept.
    public mutating func count(
        from source: IPAddress, _ kind: SecurityEvent.Kind, _ severity: SecurityEvent.Severity, cause: String,
        by number: Int = 1
    ) -> Bool {
        let key = Key(source: source.rateKey, kind: kind, severity: severity, cause: cause)
        return pending.withEntry(key) { entry -> Bool in
            guard entry?.sample != nil else { return false }
            entry?.count += number
            return true
        }.result
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
        guard pending.count > 0, var event = pending.sample else { return nil }
        event.details.append(.init("count", .integer(pending.count)))
        return event
    }
}
