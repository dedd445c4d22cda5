extension MetricSet {
    /// Prometheus' text exposition format 0.0.4, families and series in a stable order.
    public func prometheusText() -> String {
        var text = ""
        for (family, table) in tables.sorted(by: { $0.key.name < $1.key.name }) {
            text += "# HELP \(family.name) \(Self.escape(help: family.help))\n"
            text += "# TYPE \(family.name) \(family.kind.rawValue)\n"
            for (labels, series) in table.series.sorted(by: { $0.key.lexicographicallyPrecedes($1.key) }) {
                switch family.kind {
                case .counter, .gauge:
                    text += family.name + Self.labels(family.labels, labels) + " \(Self.number(series.value))\n"
                case .histogram:
                    Self.append(histogram: series, family, labels, to: &text)
                }
            }
        }
        return text
    }

    private static func append(
        histogram series: Series, _ family: MetricFamily, _ values: [String], to text: inout String
    ) {
        var cumulative = 0
        for (bound, count) in zip(family.buckets, series.bucketCounts) {
            cumulative += count
            text += family.name + "_bucket" + labels(family.labels + ["le"], values + [number(bound)])
            text += " \(cumulative)\n"
        }
        text += family.name + "_bucket" + labels(family.labels + ["le"], values + ["+Inf"]) + " \(series.count)\n"
        text += family.name + "_sum" + labels(family.labels, values) + " \(number(series.value))\n"
        text += family.name + "_count" + labels(family.labels, values) + " \(series.count)\n"
    }

    private static func labels(_ names: [String], _ values: [String]) -> String {
        guard !names.isEmpty else { return "" }
        let pairs = zip(names, values).map { "\($0)=\"\(escape(label: $1))\"" }
        return "{" + pairs.joined(separator: ",") + "}"
    }

    private static func number(_ value: Double) -> String {
        value == value.rounded() && abs(value) < 1e15 ? String(Int64(value)) : String(value)
    }

    private static func escape(help: String) -> String {
        help.replacing("\\", with: "\\\\").replacing("\n", with: "\\n")
    }

    private static func escape(label: String) -> String {
        escape(help: label).replacing("\"", with: "\\\"")
    }
}
