import CoreTypes

/// Wrong passwords for many users from one source: one password tried on forty users never reaches any user's own
/// limit. The source is then blocked for all users but those who have authenticated from it before, so that a
/// stranger behind the same address translator locks nobody out.
struct SprayLedger: Sendable {
    private struct Record: Sendable {
        /// Users with failures and when each last failed; at most as many as the limit.
        var users: [(user: String, at: UInt64)] = []
        var blockedUntil: UInt64 = 0
    }

    /// How long a user stays known at a source.
    private static let familiarFor: UInt64 = 86_400_000_000_000

    private let limit: Int
    private let window: UInt64
    private let blockFor: UInt64
    private var records: BoundedTable<IPAddress, Record>
    private var familiar: BoundedTable<FailureLedger.Suspect, UInt64>

    /// - Parameter limit: different users with failures within `window`; 0: never blocks.
    init(limit: Int, window: Duration, blockFor: Duration, capacity: Int) {
        self.limit = limit
        self.window = UInt64(max(0, window.nanoseconds))
        self.blockFor = UInt64(max(0, blockFor.nanoseconds))
        records = BoundedTable(capacity: capacity)
        familiar = BoundedTable(capacity: capacity)
    }

    var count: Int { records.count }

    /// Seconds until the block ends, at least 1; nil when there is none for this user.
    func blockedSeconds(_ suspect: FailureLedger.Suspect, now: Moment) -> Int? {
        guard let record = records.peek(suspect.source), record.blockedUntil > now.monotonic,
            !isFamiliar(suspect, now: now)
        else { return nil }
        return Int((record.blockedUntil - now.monotonic + 999_999_999) / 1_000_000_000)
    }

    private func isFamiliar(_ suspect: FailureLedger.Suspect, now: Moment) -> Bool {
        familiar.peek(suspect).map { now.monotonic - min($0, now.monotonic) <= Self.familiarFor } ?? false
    }

    /// - Returns: how many users have failed, when this failure begins a block; else nil.
    mutating func failed(_ suspect: FailureLedger.Suspect, now: Moment) -> Int? {
        guard limit > 0 else { return nil }
        let (limit, earliest) = (limit, now.monotonic - min(now.monotonic, window))
        let until = now.monotonic + blockFor
        return records.withEntry(suspect.source) { entry in
            var record = entry ?? Record()
            entry = nil
            record.users.removeAll { $0.at < earliest || $0.user == suspect.user }
            record.users.append((suspect.user, now.monotonic))
            let isFull = record.users.count >= limit
            if isFull {
                record.blockedUntil = until
                record.users = []
            }
            entry = record
            return isFull ? limit : nil
        }.result
    }

    mutating func succeeded(_ suspect: FailureLedger.Suspect, now: Moment) {
        guard limit > 0 else { return }
        familiar.set(suspect, now.monotonic)
    }
}
