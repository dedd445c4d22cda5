/// A CloudWatch alarm on one metric.
public struct ObservedAlarm: Codable, Sendable, Equatable {
    public var name: String
    public var namespace: String
    public var metric: String
    public var dimensions: [String: String]
    public var threshold: Double
    public var periodSeconds: Int
    /// `Sum`, `Average`, `Maximum`, `Minimum`, `SampleCount`, or a percentile such as `p99`.
    public var statistic: String
    /// `GreaterThanThreshold` and its like.
    public var comparison: String
    /// Names (ARNs) of what it tells when it goes off.
    public var actions: [String]

    private enum CodingKeys: String, CodingKey {
        case name, namespace, metric, dimensions, threshold, statistic, comparison, actions
        case periodSeconds = "period_seconds"
    }

    public init(
        name: String, namespace: String, metric: String, dimensions: [String: String] = [:], threshold: Double,
        periodSeconds: Int, statistic: String = "Sum", comparison: String = "GreaterThanThreshold",
        actions: [String] = []
    ) {
        self.name = name
        self.namespace = namespace
        self.metric = metric
        self.dimensions = dimensions
        self.threshold = threshold
        self.periodSeconds = periodSeconds
        self.statistic = statistic
        self.comparison = comparison
        self.actions = actions
    }

    /// Whether it tells anybody.
    public var hasActions: Bool { !actions.isEmpty }
}
