import CoreTypes

/// Wrong passwords per user *and* source: enough of them block that user from that source for a while, and touch nobody
/// else.
struct FailureLedger: Sendable {
    struct Suspect: Hashable, Sendable {
        /// As claimed; existing or not makes no difference.
        var user: String
        /// The address, or the /64.
        var source: IPAddress
    }

    private struct Record: Sendable {
        /// When the latest failures were, at most as many as the limit.
        var times: [UInt64] = []
        var blockedUntil: UInt64 = 0
    }

    private let limit: Int
    private let window: UInt64
    private let blockFor: UInt64
    private var records: BoundedTable<Suspect, Record>

    init(limit: Int, window: Duration, blockFor: Duration, capacity: Int) {
        self.limit = max(1, limit)
        self.window = UInt64(max(0, window.nanoseconds))
        self.blockFor = UInt64(max(0, blockFor.nanoseconds))
        records = BoundedTable(capacity: capacity)
    }

    var count: Int { records.count }

    /// Seconds until the block ends, at least 1; nil when there is none.
    func blockedSeconds(_ suspect: Suspect, now: Moment) -> Int? {
        guard let record = records.peek(suspect), record.blockedUntil > now.monotonic else { return nil }
        return Int((record.blockedUntil - now.monotonic + 999_999_999) / 1_000_000_000)
    }

    mutating func record(_ suspect: Suspect, now: Moment) {
        let earliest = now.monotonic - min(now.monotonic, window)
        let limit = limit
        let until = now.monotonic + blockFor
        records.withEntry(suspect) { entry in
            var record = entry ?? Record()
            entry = nil
            record.times.removeAll { $0 < earliest }
            record.times.append(now.monotonic)
            if record.times.count >= limit {
                record.blockedUntil = until
                record.times = []
            }
            entry = record
        }
    }

    mutating func forgive(_ suspect: Suspect) {
        records.removeValue(forKey: suspect)
    }
}
