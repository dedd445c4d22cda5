/// Metrics as a value: owned and counted by one loop without a lock, copied out at a scrape, merged with others.
public struct MetricSet: Sendable {
    struct Series: Sendable, Equatable {
        var value = 0.0
        var bucketCounts: [Int] = []
        var count = 0

        mutating func observe(_ value: Double, _ buckets: [Double]) {
            if let bucket = buckets.firstIndex(where: { value <= $0 }) { bucketCounts[bucket] += 1 }
            count += 1
            self.value += value
        }

        mutating func merge(_ other: Series, _ merging: MetricFamily.Merging) {
            switch merging {
            case .sum: value += other.value
            case .most: value = max(value, other.value)
            case .least: value = min(value, other.value)
            }
            count += other.count
            if bucketCounts.isEmpty {
                bucketCounts = other.bucketCounts
            } else {
                for index in other.bucketCounts.indices { bucketCounts[index] += other.bucketCounts[index] }
            }
        }
    }

    struct Table: Sendable {
        var series: [[String]: Series] = [:]
    }

    private(set) var tables: [MetricFamily: Table] = [:]

    public init() {}

    /// Makes a family show up before it has counted anything; without labels at zero.
    public mutating func declare(_ families: [MetricFamily]) {
        for family in families where tables[family] == nil {
            tables[family] = Table()
            if family.labels.isEmpty { change(family, []) { _ in } }
        }
    }

    public mutating func increment(_ family: MetricFamily, _ labels: [String] = [], by amount: Double = 1) {
        change(family, labels) { $0.value += amount }
    }

    public mutating func set(_ family: MetricFamily, _ labels: [String] = [], to value: Double) {
        change(family, labels) { $0.value = value }
    }

    public mutating func observe(_ family: MetricFamily, _ labels: [String] = [], _ value: Double) {
        change(family, labels) { series in
            if series.bucketCounts.isEmpty { series.bucketCounts = Array(repeating: 0, count: family.buckets.count) }
            series.observe(value, family.buckets)
        }
    }

    /// The value of a counter or gauge, the count of a histogram; 0 where there is none.
    public func value(_ family: MetricFamily, _ labels: [String] = []) -> Double {
        guard let series = tables[family]?.series[labels] else { return 0 }
        return family.kind == .histogram ? Double(series.count) : series.value
    }

    /// All series of a counter or gauge together.
    public func total(_ family: MetricFamily) -> Double {
        tables[family]?.series.values.reduce(0) { $0 + $1.value } ?? 0
    }

    private mutating func change(_ family: MetricFamily, _ labels: [String], _ body: (inout Series) -> Void) {
        var key = labels
        let table = tables[family]?.series
        if let table, table[key] == nil, table.count >= family.maximumSeries {
            key = family.labels.map { _ in "other" }
        }
        body(&tables[family, default: Table()].series[key, default: Series()])
    }

    /// Adds up counters and histograms, and gauges as their family says: of most each loop holds a share.
    public mutating func merge(_ other: MetricSet) {
        for (family, table) in other.tables {
            for (labels, series) in table.series { merge(series, family, labels) }
        }
    }

    mutating func merge(_ series: Series, _ family: MetricFamily, _ labels: [String]) {
        // One that is not there yet has no value to be more or less than.
        let merging = tables[family]?.series[labels] == nil ? .sum : family.merging
        change(family, labels) { $0.merge(series, merging) }
    }
}
