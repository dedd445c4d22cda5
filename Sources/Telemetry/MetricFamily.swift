/// A metric with a fixed name and label names.
public struct MetricFamily: Sendable, Hashable {
    public enum Kind: String, Sendable {
        case counter
        case gauge
        case histogram
    }

    /// What the same gauge of several loops is together.
    public enum Merging: Sendable {
        case sum
        case most
        case least
    }

    public let name: String
    public let help: String
    public let kind: Kind
    public let labels: [String]
    /// Upper bounds of a histogram's buckets, ascending, without infinity.
    public let buckets: [Double]
    /// Series beyond this number are summed up under the label value `other`, so that nobody can grow the table.
    public let maximumSeries: Int
    public let merging: Merging

    public init(
        _ name: String, _ kind: Kind, _ help: String, labels: [String] = [], buckets: [Double] = [],
        maximumSeries: Int = 200, merging: Merging = .sum
    ) {
        self.name = name
        self.kind = kind
        self.help = help
        self.labels = labels
        self.buckets = buckets
        self.maximumSeries = maximumSeries
        self.merging = merging
    }

    public static func == (first: MetricFamily, second: MetricFamily) -> Bool { first.name == second.name }

    public func hash(into hasher: inout Hasher) { hasher.combine(name) }
}
