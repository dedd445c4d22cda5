/// The INVITE client transaction: RFC 3261 section 17.1.1 with the Accepted state of RFC 6026 section 7.2.
public struct ClientInviteTransaction: Sendable {
    public enum State: Sendable, Hashable {
        case calling
        case proceeding
        case accepted
        case completed
        case terminated
    }

    public private(set) var state = State.calling
    private let timers: TransactionTimers
    private let isReliable: Bool
    private var interval: UInt64

    public init(timers: TransactionTimers, isReliable: Bool) {
        self.timers = timers
        self.isReliable = isReliable
        self.interval = timers.t1
    }

    /// Sends the INVITE; starts timers A and B.
    public mutating func start() -> TransactionStep {
        var step = TransactionStep()
        step.transmit = true
        step.retransmission = isReliable ? .clear : .set(interval)
        step.deadline = .set(timers.transactionTimeout)
        return step
    }

    /// Timer A.
    public mutating func retransmissionFired() -> TransactionStep {
        guard state == .calling else { return .nothing }
        interval *= 2
        var step = TransactionStep()
        step.transmit = true
        step.retransmission = .set(interval)
        return step
    }

    /// Timer B in Calling, D in Completed, M in Accepted.
    public mutating func deadlineFired() -> TransactionStep {
        switch state {
        case .calling:
            state = .terminated
            return .finished(.timeout)
        case .accepted, .completed:
            state = .terminated
            return .finished(.done)
        case .proceeding, .terminated:
            return .nothing
        }
    }

    public mutating func received(status: Int) -> TransactionStep {
        switch (state, status) {
        case (.calling, 100..<200), (.proceeding, 100..<200):
            return provisional()
        case (.calling, 200..<300), (.proceeding, 200..<300):
            return accepted()
        case (.calling, 300..<700), (.proceeding, 300..<700):
            return rejected()
        case (.accepted, 200..<300):
            // RFC 6026 section 7.2: every retransmitted or forked 2xx goes up.
            var step = TransactionStep()
            step.deliver = true
            return step
        case (.completed, 300..<700):
            var step = TransactionStep()
            step.acknowledge = true
            return step
        default:
            return .nothing
        }
    }

    private mutating func provisional() -> TransactionStep {
        var step = TransactionStep()
        step.deliver = true
        if state == .calling {
            state = .proceeding
            step.retransmission = .clear
            step.deadline = .clear
        }
        return step
    }

    private mutating func accepted() -> TransactionStep {
        state = .accepted
        var step = TransactionStep()
        step.deliver = true
        step.retransmission = .clear
        step.deadline = .set(timers.transactionTimeout)
        return step
    }

    private mutating func rejected() -> TransactionStep {
        var step = isReliable ? TransactionStep.finished(.done) : TransactionStep()
        state = isReliable ? .terminated : .completed
        step.deliver = true
        step.acknowledge = true
        if !isReliable {
            step.retransmission = .clear
            // Timer D: at least 32 seconds, the time the server may go on retransmitting.
            step.deadline = .set(timers.transactionTimeout)
        }
        return step
    }
}
