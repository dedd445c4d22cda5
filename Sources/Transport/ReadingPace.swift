/// Whether so many datagrams come that polling for them is less work than being told of each, and how often to look.
struct ReadingPace {
    /// Datagrams within a window above which it is.
    private static let high = 40
    /// Nanoseconds: 20 ms.
    private static let window: UInt64 = 20_000_000
    /// Nanoseconds between two looks: 2 ms, and less where more than `worthALook` datagrams come in that time.
    private static let longest: Int64 = 2_000_000
    private static let shortest: Int64 = 100_000
    /// Datagrams.
    private static let worthALook: Int64 = 40
    /// Looks in a hurry after one that brought something else than the flood.
    private static let hurriedLooks = 20

    private var began: UInt64 = 0
    private var seen = 0
    private var used = 0
    private var wasHigh = false
    private var isFlood = false
    private var hurried = 0
    private var steady = Self.longest

    /// Nanoseconds until it is worth looking again. In a flood what belongs to a call stands behind what the flood has
    /// sent since the last look: so the next looks come soon when there was such a thing in the last one.
    var interval: Int64 { hurried > 0 ? min(Self.shortest, steady) : steady }

    /// - Parameter used: those that may belong to a call.
    mutating func count(_ datagrams: Int, used: Int) {
        seen += datagrams
        self.used += used
        if isFlood, used > 0 {
            hurried = Self.hurriedLooks
        } else if hurried > 0 {
            hurried -= 1
        }
    }

    /// - Parameter now: nanoseconds of a monotonic clock.
    mutating func isHigh(at now: UInt64) -> Bool {
        guard now - began >= Self.window else { return wasHigh }
        // Of a longer pause only the last window's share counts.
        let windows = (now - began) / Self.window
        let inWindow = seen / Int(clamping: windows)
        wasHigh = inWindow >= Self.high
        isFlood = wasHigh && used < seen / 8
        steady = min(Self.longest, max(Self.shortest, Int64(Self.window) * Self.worthALook / Int64(max(1, inWindow))))
        began = now
        seen = 0
        used = 0
        return wasHigh
    }
}
