/// The server transaction of every method but INVITE and ACK: RFC 3261 section 17.2.2.
public struct ServerNonInviteTransaction: Sendable {
    public enum State: Sendable, Hashable {
        case trying
        case proceeding
        case completed
        case terminated
    }

    public private(set) var state = State.trying
    private let timers: TransactionTimers
    private let isReliable: Bool

    public init(timers: TransactionTimers, isReliable: Bool) {
        self.timers = timers
        self.isReliable = isReliable
    }

    public mutating func receivedRetransmission() -> TransactionStep {
        var step = TransactionStep()
        step.transmit = state == .proceeding || state == .completed
        return step
    }

    public mutating func respond(status: Int) -> TransactionStep {
        guard state == .trying || state == .proceeding else { return .nothing }
        var step = TransactionStep()
        if status < 200 {
            state = .proceeding
        } else if isReliable {
            // Timer J is zero: nothing can be retransmitted.
            state = .terminated
            step = .finished(.done)
        } else {
            state = .completed
            step.deadline = .set(timers.transactionTimeout)
        }
        step.transmit = true
        return step
    }

    /// Timer J.
    public mutating func deadlineFired() -> TransactionStep {
        guard state == .completed else { return .nothing }
        state = .terminated
        return .finished(.done)
    }
}
