import CoreTypes

/// The base timer values of RFC 3261 section 17.1.1.1 and table 4. All in nanoseconds.
public struct TransactionTimers: Sendable, Hashable {
    /// Estimated round-trip time; 500 ms unless the network is known to be faster.
    public var t1: UInt64
    /// The longest interval between retransmissions of a non-INVITE request or an INVITE response.
    public var t2: UInt64
    /// The longest time a message stays in the network.
    public var t4: UInt64

    public init(t1: Duration = .milliseconds(500), t2: Duration = .seconds(4), t4: Duration = .seconds(5)) {
        self.t1 = UInt64(max(1, t1.nanoseconds))
        self.t2 = UInt64(max(1, t2.nanoseconds))
        self.t4 = UInt64(max(1, t4.nanoseconds))
    }

    /// Timers B, F, H, J, L, M: how long a transaction may take.
    public var transactionTimeout: UInt64 { 64 * t1 }
}

/// What to do with one of the two alarms that a transaction has: one that retransmits (timers A, E, G), one that ends a
/// state (B, D, F, H, I, J, K, L, M). Never more than one of each runs.
public enum Alarm: Sendable, Hashable {
    case keep
    /// Nanoseconds from now.
    case set(UInt64)
    case clear
}

/// What a transaction wants done after an event.
public struct TransactionStep: Sendable, Hashable {
    public enum End: Sendable, Hashable {
        case done
        /// No final response (client) or no ACK (server) in time.
        case timeout
    }

    /// Send the request (client) or the latest response (server) again, or for the first time.
    public var transmit = false
    /// Send the ACK that belongs to a non-2xx final response (RFC 3261 section 17.1.1.3).
    public var acknowledge = false
    /// Hand what was received to the transaction user.
    public var deliver = false
    public var retransmission = Alarm.keep
    public var deadline = Alarm.keep
    public var end: End?

    public init() {}

    public static let nothing = TransactionStep()

    static func finished(_ end: End) -> TransactionStep {
        var step = TransactionStep()
        step.retransmission = .clear
        step.deadline = .clear
        step.end = end
        return step
    }
}
