/// One family's counters in an array, for what is counted with every packet: which series is meant is told by a number,
/// so that counting makes and hashes nothing. Turned into series at a scrape.
public struct Tally: Sendable {
    private let family: MetricFamily
    private let labels: [[String]]
    private var counts: [Int]
    private let showsZeros: Bool

    /// - Parameters:
    ///   - labels: the label values of the series, in the order of their numbers.
    ///   - showsZeros: series show up before they have counted anything, so that Prometheus sees their first increase.
    public init(_ family: MetricFamily, labels: [[String]], showsZeros: Bool = false) {
        self.showsZeros = showsZeros
        self.family = family
        self.labels = labels
        counts = Array(repeating: 0, count: labels.count)
    }

    /// Counts one; nothing for a number that no series has.
    public mutating func increment(_ series: Int) {
        guard counts.indices.contains(series) else { return }
        counts[series] += 1
    }

    public func count(_ series: Int) -> Int { counts.indices.contains(series) ? counts[series] : 0 }

    /// Adds what was counted to the series of the same labels.
    public func add(to metrics: inout MetricSet) {
        for (labels, count) in zip(labels, counts) where count > 0 || showsZeros {
            metrics.increment(family, labels, by: Double(count))
        }
    }
}

/// One histogram without a look-up; like `Tally`.
public struct Timing: Sendable {
    private let family: MetricFamily
    private let labels: [String]
    private var series: MetricSet.Series

    public init(_ family: MetricFamily, labels: [String] = []) {
        self.family = family
        self.labels = labels
        series = MetricSet.Series(bucketCounts: Array(repeating: 0, count: family.buckets.count))
    }

    public mutating func observe(_ value: Double) {
        series.observe(value, family.buckets)
    }

    public func add(to metrics: inout MetricSet) {
        guard series.count > 0 || labels.isEmpty else { return }
        metrics.merge(series, family, labels)
    }
}
