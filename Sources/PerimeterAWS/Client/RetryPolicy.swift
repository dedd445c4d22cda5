/// How often and how long after each other a request is tried: full jitter over a doubling ceiling, as AWS's own
/// clients do, with a longer start where AWS says that it is asked too often.
struct RetryPolicy: Sendable {
    /// All tries together, the first included.
    var attempts = 5
    var base: Duration = .milliseconds(200)
    /// Where AWS throttles.
    var throttledBase: Duration = .seconds(1)
    var ceiling: Duration = .seconds(20)
    /// The longest that a server can make us wait by `Retry-After`.
    var longestAsked: Duration = .seconds(60)

    /// - Parameters:
    ///   - attempt: the one that has just failed, from 1.
    ///   - asked: what `Retry-After` says.
    ///   - random: from 0 up to but not 1.
    /// - Returns: how long to wait for the next attempt; nil when there is none.
    func pause(after attempt: Int, isThrottled: Bool, asked: Duration?, random: Double) -> Duration? {
        guard attempt < attempts else { return nil }
        let doubled = (isThrottled ? throttledBase : base) * (1 << min(attempt - 1, 20))
        let jittered = min(doubled, ceiling) * random
        guard let asked else { return jittered }
        return max(jittered, min(asked, longestAsked))
    }
}

extension AWSError {
    private static let throttling: Set = [
        "Throttling", "ThrottlingException", "ThrottledException", "RequestThrottled", "RequestThrottledException",
        "TooManyRequestsException", "RequestLimitExceeded", "EC2ThrottledException", "BandwidthLimitExceeded",
        "PriorRequestNotComplete", "SlowDown",
    ]
    private static let passing: Set = [
        "RequestTimeout", "RequestTimeoutException", "InternalError", "InternalFailure", "ServiceUnavailable",
        "Unavailable",
    ]

    static func isThrottling(_ code: String, status: Int?) -> Bool { throttling.contains(code) || status == 429 }

    static func isPassing(_ code: String, status: Int) -> Bool {
        passing.contains(code) || [500, 502, 503, 504].contains(status)
    }

    var isThrottling: Bool { Self.isThrottling(code, status: status) }
}
