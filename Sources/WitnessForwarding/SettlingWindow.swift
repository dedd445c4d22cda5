/// Batches that the receiver's system has taken, and that count as received once their connection has lived on for a
/// while.
///
/// Syslog acknowledges nothing. What the receiver's TCP has acknowledged may still be lost when the receiver dies with it
/// unread, or unwritten; then its connection ends, and all that has not settled is sent again.
public struct SettlingWindow<Mark: Sendable>: Sendable {
    private let settle: Duration
    private var marks: [(mark: Mark, at: ContinuousClock.Instant)] = []
    private var first = 0

    public init(settle: Duration) {
        self.settle = settle
    }

    public var isEmpty: Bool { first == marks.count }

    /// A batch was taken.
    public mutating func add(_ mark: Mark, at now: ContinuousClock.Instant) {
        marks.append((mark, now))
    }

    /// - Returns: the last batch that counts as received by now and did not before.
    public mutating func settled(at now: ContinuousClock.Instant) -> Mark? {
        var last: Mark?
        while first < marks.count, now - marks[first].at >= settle {
            last = marks[first].mark
            first += 1
        }
        if first > 1000 || isEmpty {
            marks.removeFirst(first)
            first = 0
        }
        return last
    }

    /// The connection is gone.
    public mutating func clear() {
        marks = []
        first = 0
    }
}
