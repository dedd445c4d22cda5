/// A point in time as a value: handed into every rule that needs it, never read by one.
public struct Moment: Hashable, Sendable {
    /// Nanoseconds on a clock that never steps; only differences mean something.
    public var monotonic: UInt64
    /// Milliseconds since 1970-01-01T00:00:00Z; may step when the machine's clock is set.
    public var wall: Int64

    public init(monotonic: UInt64, wall: Int64) {
        self.monotonic = monotonic
        self.wall = wall
    }

    /// This moment moved by a duration on both clocks; clamped at the start of the monotonic clock.
    public func advanced(by duration: Duration) -> Moment {
        let nanoseconds = duration.nanoseconds
        let moved = Int64(clamping: monotonic).addingReportingOverflow(nanoseconds)
        return Moment(
            monotonic: moved.overflow ? .max : UInt64(max(0, moved.partialValue)),
            wall: wall + nanoseconds / 1_000_000)
    }
}

extension Duration {
    /// The whole duration in nanoseconds, clamped to what fits (292 years).
    public var nanoseconds: Int64 {
        let (seconds, attoseconds) = components
        let product = seconds.multipliedReportingOverflow(by: 1_000_000_000)
        if product.overflow { return seconds < 0 ? .min : .max }
        let sum = product.partialValue.addingReportingOverflow(attoseconds / 1_000_000_000)
        return sum.overflow ? (seconds < 0 ? .min : .max) : sum.partialValue
    }

    /// The duration in seconds as a floating-point number, for metrics and display.
    public var inSeconds: Double { Double(nanoseconds) / 1e9 }
}
