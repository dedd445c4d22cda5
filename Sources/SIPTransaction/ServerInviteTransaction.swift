/// The INVITE server transaction: RFC 3261 section 17.2.1 with the Accepted state of RFC 6026 section 7.1.
public struct ServerInviteTransaction: Sendable {
    public enum State: Sendable, Hashable {
        case proceeding
        case accepted
        case completed
        case confirmed
        case terminated
    }

    public private(set) var state = State.proceeding
    private let timers: TransactionTimers
    private let isReliable: Bool
    private var interval: UInt64
    private var hasResponse = false

    public init(timers: TransactionTimers, isReliable: Bool) {
        self.timers = timers
        self.isReliable = isReliable
        self.interval = timers.t1
    }

    /// The same INVITE again: the latest response goes out again, but a 2xx is the far end's to repeat.
    public mutating func receivedRetransmission() -> TransactionStep {
        var step = TransactionStep()
        step.transmit = hasResponse && (state == .proceeding || state == .completed)
        return step
    }

    /// An ACK that matches this transaction. To be delivered (relayed) only behind a 2xx.
    public mutating func receivedAck() -> TransactionStep {
        switch state {
        case .accepted:
            var step = TransactionStep()
            step.deliver = true
            return step
        case .completed:
            if isReliable {
                state = .terminated
                return .finished(.done)
            }
            state = .confirmed
            var step = TransactionStep()
            step.retransmission = .clear
            step.deadline = .set(timers.t4)
            return step
        case .proceeding, .confirmed, .terminated:
            return .nothing
        }
    }

    /// The transaction user answers. A final response behind another final one is not sent.
    public mutating func respond(status: Int) -> TransactionStep {
        var step = TransactionStep()
        switch (state, status) {
        case (.proceeding, 100..<200):
            hasResponse = true
            step.transmit = true
        case (.proceeding, 200..<300):
            state = .accepted
            step.transmit = true
            step.deadline = .set(timers.transactionTimeout)
        case (.accepted, 200..<300):
            step.transmit = true
        case (.proceeding, 300..<700):
            state = .completed
            hasResponse = true
            step.transmit = true
            step.retransmission = isReliable ? .clear : .set(interval)
            step.deadline = .set(timers.transactionTimeout)
        default:
            break
        }
        return step
    }

    /// Timer G.
    public mutating func retransmissionFired() -> TransactionStep {
        guard state == .completed else { return .nothing }
        interval = min(interval * 2, timers.t2)
        var step = TransactionStep()
        step.transmit = true
        step.retransmission = .set(interval)
        return step
    }

    /// Timer H in Completed, I in Confirmed, L in Accepted.
    public mutating func deadlineFired() -> TransactionStep {
        switch state {
        case .completed:
            state = .terminated
            return .finished(.timeout)
        case .accepted, .confirmed:
            state = .terminated
            return .finished(.done)
        case .proceeding, .terminated:
            return .nothing
        }
    }
}
