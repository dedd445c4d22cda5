/// When a forwarder's trouble is worth a record: each of these records is forwarded, too, so that a receiver that comes and
/// goes must not make ever more of them.
struct Trouble {
    private var isTold = false
    private var toldAt: ContinuousClock.Instant?
    private static let least = Duration.seconds(30)

    /// Something failed.
    /// - Returns: whether to say so.
    mutating func began(at now: ContinuousClock.Instant) -> Bool {
        guard !isTold else { return false }
        if let toldAt, now - toldAt < Self.least { return false }
        isTold = true
        toldAt = now
        return true
    }

    /// Something was received.
    /// - Returns: whether to say so: only where the trouble was told.
    mutating func ended() -> Bool {
        defer { isTold = false }
        return isTold
    }
}
