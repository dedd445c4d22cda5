/// How far apart syncs begin: a few each second come at once, many go together, so that each sync is for several.
///
/// Times are nanoseconds of a monotonic clock.
struct SyncPace {
    private static let window: UInt64 = 100_000_000
    /// Records in a window that somebody waited for, from which on they are many: 200 a second.
    private static let many = 20
    private static let short: UInt64 = 2_000_000
    private static let long: UInt64 = 10_000_000

    private var began: UInt64 = 0
    private var awaited = 0
    private var pace = Self.short
    /// When the next sync may begin.
    private(set) var due: UInt64 = 0

    mutating func took(awaited count: Int, at now: UInt64) {
        awaited += count
        let passed = now - min(began, now)
        if passed >= Self.window {
            // Of a longer pause only the last window's share counts.
            pace = awaited / Int(clamping: passed / Self.window) >= Self.many ? Self.long : Self.short
            began = now
            awaited = 0
        }
        due = now + pace
    }
}
