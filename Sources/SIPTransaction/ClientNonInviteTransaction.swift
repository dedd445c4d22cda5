/// The client transaction of every method but INVITE and ACK: RFC 3261 section 17.1.2.
public struct ClientNonInviteTransaction: Sendable {
    public enum State: Sendable, Hashable {
        case trying
        case proceeding
        case completed
        case terminated
    }

    public private(set) var state = State.trying
    private let timers: TransactionTimers
    private let isReliable: Bool
    private var interval: UInt64

    public init(timers: TransactionTimers, isReliable: Bool) {
        self.timers = timers
        self.isReliable = isReliable
        self.interval = timers.t1
    }

    /// Sends the request; starts timers E and F.
    public mutating func start() -> TransactionStep {
        var step = TransactionStep()
        step.transmit = true
        step.retransmission = isReliable ? .clear : .set(interval)
        step.deadline = .set(timers.transactionTimeout)
        return step
    }

    /// Timer E: doubles up to T2 while trying, every T2 once a provisional response came.
    public mutating func retransmissionFired() -> TransactionStep {
        guard state == .trying || state == .proceeding else { return .nothing }
        interval = state == .proceeding ? timers.t2 : min(interval * 2, timers.t2)
        var step = TransactionStep()
        step.transmit = true
        step.retransmission = .set(interval)
        return step
    }

    /// Timer F while waiting, K in Completed.
    public mutating func deadlineFired() -> TransactionStep {
        switch state {
        case .trying, .proceeding:
            state = .terminated
            return .finished(.timeout)
        case .completed:
            state = .terminated
            return .finished(.done)
        case .terminated:
            return .nothing
        }
    }

    public mutating func received(status: Int) -> TransactionStep {
        guard state == .trying || state == .proceeding else { return .nothing }
        var step = TransactionStep()
        if status >= 200 {
            if isReliable { step = .finished(.done) }
            state = isReliable ? .terminated : .completed
            step.retransmission = .clear
            if !isReliable { step.deadline = .set(timers.t4) }
        } else {
            state = .proceeding
        }
        step.deliver = true
        return step
    }
}
