/// How many new requests a second the edge takes on, told by how far it is behind with what it has taken already.
///
/// Requests inside calls are never asked about: what is refused here are new ones, early, while there is still time to
/// say so. The rate goes down by a part while the edge is behind and grows back while it is not (as congestion windows
/// do); without load it has no limit. It stands between layers 3 and 4: a flood from one source, and strangers, have
/// been dealt with before and take nobody's place.
public struct OverloadControl: Sendable {
    /// How far the edge is behind.
    public struct Load: Sendable, Hashable {
        /// What waits in the fullest receive buffer, as a part of what may wait there: above 1 it is too much.
        public var backlog: Double
        /// How much later than asked for the loop came to a timer, in nanoseconds.
        public var lag: UInt64
        /// How long the witness has kept requests waiting, in nanoseconds.
        public var witnessWait: UInt64
        /// Packets refused without being read since the last look.
        public var refusedUnread: Int

        public init(backlog: Double = 0, lag: UInt64 = 0, witnessWait: UInt64 = 0, refusedUnread: Int = 0) {
            self.backlog = backlog
            self.lag = lag
            self.witnessWait = witnessWait
            self.refusedUnread = refusedUnread
        }

        var isCrowded: Bool { backlog > 1 }
        /// A tenth of a second more is heard by nobody; half a second is where callers begin to send again.
        var isSlow: Bool { lag > 100_000_000 || witnessWait > 500_000_000 }
    }

    public enum Change: Sendable, Hashable {
        case overloaded
        case recovered
    }

    /// Requests a second; nil while there is no need for one.
    public private(set) var limit: Double?
    /// A limit that the operator has set; it always holds.
    private let fixedLimit: Double?
    private var bucket = TokenBucket()
    private var fixedBucket = TokenBucket()
    private var offered = RateMeter()
    private var admitted = RateMeter()
    private var crowdedSamples = 0
    private var slowSamples = 0
    private var lastSample: UInt64?
    private var lastDecrease: UInt64 = 0
    private var lastTrouble: UInt64 = 0

    private static let lowestLimit = 10.0
    private static let pauseBetweenDecreases: UInt64 = 200_000_000
    private static let calmBeforeRecovery: UInt64 = 2_000_000_000

    /// - Parameter fixedLimit: new requests a second at most; nil: decided by load alone.
    public init(fixedLimit: Int? = nil) {
        self.fixedLimit = fixedLimit.map(Double.init)
    }

    /// Looks at the load; to be called some twenty times a second.
    public mutating func sample(_ load: Load, now: UInt64) -> Change? {
        let elapsed = now - min(lastSample ?? now, now)
        lastSample = now
        guard elapsed > 0 else { return nil }
        // A flood fills the buffers, however few calls are taken on: refusing them would only finish its work.
        let isFlood = load.refusedUnread > 10 * offered.count
        offered.close(elapsed)
        admitted.close(elapsed)
        // What passes by itself, a burst or a moment without a processor, is no overload.
        crowdedSamples = load.isCrowded && !isFlood ? crowdedSamples + 1 : 0
        slowSamples = load.isSlow && !isFlood ? slowSamples + 1 : 0
        if crowdedSamples >= 2 || slowSamples >= 4 {
            lastTrouble = now
            guard let limit else {
                self.limit = max(Self.lowestLimit, admitted.perSecond * 0.9)
                lastDecrease = now
                return .overloaded
            }
            if now - lastDecrease >= Self.pauseBetweenDecreases {
                self.limit = max(Self.lowestLimit, min(limit, admitted.perSecond) * 0.9)
                lastDecrease = now
            }
            return nil
        }
        guard let limit, crowdedSamples + slowSamples == 0 else { return nil }
        if now - lastTrouble > Self.calmBeforeRecovery, limit > 2 * offered.perSecond {
            self.limit = nil
            return .recovered
        }
        // About four fifths more in a second.
        self.limit = limit + max(1, limit * 0.03) * Double(elapsed) / 50_000_000
        return nil
    }

    /// Whether a new request is taken on.
    /// - Parameter isContinuation: it answers a challenge, so that work has gone into it already: it goes before others.
    public mutating func admits(isContinuation: Bool, now: UInt64) -> Bool {
        offered.count += 1
        if let fixedLimit, !fixedBucket.take(rate: fixedLimit, burst: fixedLimit, debt: 0, now: now) { return false }
        if let limit {
            let debt = isContinuation ? limit / 2 : 0
            guard bucket.take(rate: limit, burst: max(1, limit / 10), debt: debt, now: now) else { return false }
        }
        admitted.count += 1
        return true
    }

    /// Seconds after which somebody who was refused should try again.
    public static let retryAfter = 5...15
}

private struct TokenBucket: Sendable {
    private var tokens = 1.0
    private var filledAt: UInt64?

    mutating func take(rate: Double, burst: Double, debt: Double, now: UInt64) -> Bool {
        let elapsed = Double(now - min(filledAt ?? now, now)) / 1e9
        tokens = filledAt == nil ? burst : min(burst, tokens + elapsed * rate)
        filledAt = now
        guard tokens - 1 >= -debt else { return false }
        tokens -= 1
        return true
    }
}

/// Events a second, as a moving average.
private struct RateMeter: Sendable {
    var count = 0
    private(set) var perSecond = 0.0

    mutating func close(_ elapsed: UInt64) {
        let rate = Double(count) * 1e9 / Double(elapsed)
        perSecond += (rate - perSecond) * 0.1
        count = 0
    }
}
