import Telemetry
import Testing

@Suite("Metrics")
struct MetricSetTests {
    private let counter = MetricFamily("calls_total", .counter, "Calls.", labels: ["result"], maximumSeries: 3)
    private let plain = MetricFamily("up", .gauge, "A \"gauge\"\nof two lines.")
    private let seconds = MetricFamily("seconds", .histogram, "Time.", buckets: [0.1, 1])

    @Test("the text is what Prometheus reads")
    func text() {
        var metrics = MetricSet()
        metrics.declare([plain])
        metrics.increment(counter, ["a\"b\\c\nd"])
        metrics.observe(seconds, [], 0.05)
        metrics.observe(seconds, [], 0.5)
        metrics.observe(seconds, [], 5)
        #expect(
            metrics.prometheusText() == """
                # HELP calls_total Calls.
                # TYPE calls_total counter
                calls_total{result="a\\"b\\\\c\\nd"} 1
                # HELP seconds Time.
                # TYPE seconds histogram
                seconds_bucket{le="0.1"} 1
                seconds_bucket{le="1"} 2
                seconds_bucket{le="+Inf"} 3
                seconds_sum 5.55
                seconds_count 3
                # HELP up A "gauge"\\nof two lines.
                # TYPE up gauge
                up 0

                """)
    }

    @Test("series beyond the limit are summed up as other")
    func bounded() {
        var metrics = MetricSet()
        for index in 0..<1_000 { metrics.increment(counter, ["\(index)"]) }
        #expect(metrics.value(counter, ["0"]) == 1)
        #expect(metrics.value(counter, ["other"]) == 997)
    }

    @Test("sets add up")
    func merge() {
        var first = MetricSet()
        var second = MetricSet()
        first.increment(counter, ["x"])
        second.increment(counter, ["x"], by: 2)
        second.observe(seconds, [], 0.5)
        first.merge(second)
        first.merge(second)
        #expect(first.value(counter, ["x"]) == 5)
        #expect(first.value(seconds) == 2)
    }

    @Test(
        "gauges add up, or the most or the least of them counts, also of negative ones",
        arguments: [
            (MetricFamily.Merging.sum, -5.0), (.most, -2), (.least, -3),
        ])
    func gauges(_ merging: MetricFamily.Merging, _ expected: Double) {
        let gauge = MetricFamily("gauge", .gauge, "A gauge.", labels: ["name"], merging: merging)
        var (first, second) = (MetricSet(), MetricSet())
        first.set(gauge, ["x"], to: -2)
        second.set(gauge, ["x"], to: -3)
        first.merge(second)
        #expect(first.value(gauge, ["x"]) == expected)
        // One that only one of them has is that.
        second.set(gauge, ["y"], to: -7)
        first.merge(second)
        #expect(first.value(gauge, ["y"]) == -7)
    }

    @Test("series that are to show up at zero do, others only once they have counted")
    func zeros() {
        let family = MetricFamily("refusals_total", .counter, "Refusals.", labels: ["layer"])
        var metrics = MetricSet()
        Tally(family, labels: [["a"], ["b"]], showsZeros: true).add(to: &metrics)
        #expect(metrics.prometheusText().contains("refusals_total{layer=\"b\"} 0\n"))
        var silent = MetricSet()
        Tally(family, labels: [["a"], ["b"]]).add(to: &silent)
        #expect(!silent.prometheusText().contains("{"))
    }
}
