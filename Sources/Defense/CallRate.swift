public import CoreTypes

/// Layer 5: calls per identity in an exact sliding window. The identity is the authenticated user, or the allowlist tag
/// where a profile does not authenticate; never what a header claims.
public struct CallRate: Sendable {
    public struct Policy: Sendable, Hashable {
        public var calls: Int
        public var per: Duration

        public init(calls: Int = 10, per: Duration = .seconds(60)) {
            self.calls = calls
            self.per = per
        }
    }

    public enum Outcome: Sendable, Equatable {
        /// - Parameter used: calls in the window, this one included.
        case within(used: Int)
        /// - Parameter retryAfterSeconds: until a place is free, rounded up, at least 1.
        case exceeded(retryAfterSeconds: Int)
    }

    private struct Window: Sendable {
        /// When the latest calls came, at most as many as the limit; `oldest` is where the earliest stands.
        var times: [UInt64] = []
        var oldest = 0

        /// How many calls are younger than `period`; by bisection, since the ring is in order of time.
        func count(within period: UInt64, of now: UInt64) -> Int {
            var low = 0
            var high = times.count
            while low < high {
                let middle = (low + high) / 2
                let time = times[(oldest + middle) % times.count]
                if now - min(time, now) < period { high = middle } else { low = middle + 1 }
            }
            return times.count - low
        }
    }

    private let policy: Policy
    private let period: UInt64
    private var identities: BoundedTable<String, Window>

    /// - Parameter capacity: identities remembered. Identities are proven, so their number is the registry's.
    public init(_ policy: Policy, capacity: Int = 65_536) {
        self.policy = policy
        self.period = UInt64(max(0, policy.per.nanoseconds))
        identities = BoundedTable(capacity: capacity)
    }

    public mutating func called(_ identity: String, now: Moment) -> Outcome {
        let limit = max(1, policy.calls)
        let period = period
        return identities.withEntry(identity) { entry -> Outcome in
            var window = entry ?? Window()
            // Let go of, so that the times are changed where they are and not copied first.
            entry = nil
            defer { entry = window }
            if window.times.count == limit {
                let age = now.monotonic - min(window.times[window.oldest], now.monotonic)
                guard age >= period else {
                    return .exceeded(retryAfterSeconds: Int((period - age + 999_999_999) / 1_000_000_000))
                }
                window.times[window.oldest] = now.monotonic
                window.oldest = (window.oldest + 1) % limit
            } else {
                window.times.append(now.monotonic)
            }
            return .within(used: window.count(within: period, of: now.monotonic))
        }.result
    }
}

extension CommonLedger {
    func examineCallRate(_ approach: Approach, _ facts: inout PassageFacts, now: Moment) -> Verdict {
        guard let policy = callRate, approach.isCall,
            let identity = facts.authenticatedUser ?? facts.organization?.tag, let outcome = called(identity, now: now)
        else { return .notApplicable }
        switch outcome {
        case .within(let used):
            facts.rateStatus = "\(used)/\(policy.calls)"
            return .pass
        case .exceeded(let seconds):
            let event = approach.draft(
                .rateLimitExceeded, .warning, facts: facts,
                .details([
                    .init("identity", .string(identity)),
                    .init("rate_limit_status", .string("\(policy.calls)/\(policy.calls)")),
                    .init("retry_after", .integer(seconds)),
                ]))
            return .refuse(
                Refusal(
                    .callRate, .rateExceeded,
                    answer: .init(429, "Too Many Requests", fields: [("Retry-After", String(seconds))]),
                    event: event))
        }
    }
}
