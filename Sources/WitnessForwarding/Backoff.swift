/// How long to wait before the next try: half a second, doubled with each failure, a minute at most, less a random part so
/// that many edges don't come at once.
public struct Backoff: Sendable {
    private var failures = 0

    public init() {}

    public mutating func succeeded() { failures = 0 }

    /// - Parameters:
    ///   - jitter: 0 to 1, at random: 1 waits the whole time, 0 half of it.
    ///   - asked: what the receiver asked for; up to five minutes of it are granted.
    public mutating func failed(jitter: Double, asked: Duration? = nil) -> Duration {
        let whole = min(60_000, 500 << min(failures, 7))
        failures += 1
        let milliseconds = Double(whole) * (0.5 + 0.5 * min(1, max(0, jitter)))
        let own = Duration.milliseconds(Int64(milliseconds))
        return max(own, min(asked ?? .zero, .seconds(300)))
    }
}
