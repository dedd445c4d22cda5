internal import CoreTypes

/// So many requests in so much time for each of many, with a burst: tokens that come back steadily.
struct RequestRate<Key: Hashable & Sendable>: Sendable {
    struct Policy: Sendable, Equatable {
        /// As `RateLimit-Policy` names it.
        let name: String
        let requests: Int
        let seconds: Double
        let burst: Int

        /// Tokens that there are at most.
        var quota: Int { max(1, burst) }
        var perSecond: Double { Double(requests) / seconds }
        /// `RateLimit-Policy` (draft-ietf-httpapi-ratelimit-headers): so many in so many seconds.
        var header: String { "\"\(name)\";q=\(quota);w=\(max(1, Int((Double(quota) / perSecond).rounded(.up))))" }
    }

    struct Outcome: Sendable {
        let isWithin: Bool
        /// The item of `RateLimit`: what is left, and when all of it is back.
        let header: String
        /// Until the next request will be taken.
        let retryAfter: Int
    }

    private struct Bucket: Sendable {
        var tokens: Double
        var filledAt: UInt64
    }

    let policy: Policy
    private var buckets: BoundedTable<Key, Bucket>

    init(_ policy: Policy, capacity: Int = 16_384) {
        self.policy = policy
        buckets = BoundedTable(capacity: capacity)
    }

    mutating func take(_ key: Key, now: UInt64) -> Outcome {
        let policy = policy
        return buckets.withEntry(key) { entry in
            var bucket = entry ?? Bucket(tokens: Double(policy.quota), filledAt: now)
            let elapsed = Double(now - min(bucket.filledAt, now)) / 1e9
            bucket.tokens = min(Double(policy.quota), bucket.tokens + elapsed * policy.perSecond)
            bucket.filledAt = now
            let isWithin = bucket.tokens >= 1
            if isWithin { bucket.tokens -= 1 }
            entry = bucket
            let whole = (Double(policy.quota) - bucket.tokens) / policy.perSecond
            return Outcome(
                isWithin: isWithin,
                header: "\"\(policy.name)\";r=\(Int(bucket.tokens));t=\(max(0, Int(whole.rounded(.up))))",
                retryAfter: max(1, Int(((1 - bucket.tokens) / policy.perSecond).rounded(.up))))
        }.result
    }
}
