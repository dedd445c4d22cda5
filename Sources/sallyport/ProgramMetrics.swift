import Telemetry

/// Metrics of the program as a whole, beside those of its parts.
enum ProgramMetrics {
    private static let ready = MetricFamily(
        "sallyport_ready", .gauge, "1 while the edge should be sent calls, as /readyz says.")

    /// - Parameter reasons: why the edge should not be sent calls.
    static func text(reasons: [String]) -> String {
        var metrics = MetricSet()
        metrics.set(ready, to: reasons.isEmpty ? 1 : 0)
        ProcessFigures.read()?.add(to: &metrics)
        return metrics.prometheusText()
    }
}
