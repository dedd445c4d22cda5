internal import Telemetry

/// The metrics of forwarding; names and labels are contracts with dashboards and alert rules.
enum ForwardingMetrics {
    static let lag = MetricFamily(
        "witness_forward_lag_records", .gauge, "Records on the disk that a receiver is not known to have.",
        labels: ["forwarder"])
    static let sent = MetricFamily(
        "witness_forward_sent_records_total", .counter, "Records handed over, those sent again among them.",
        labels: ["forwarder"])
    static let failures = MetricFamily(
        "witness_forward_failures_total", .counter, "Batches that could not be handed over, and connections lost.",
        labels: ["forwarder"])
    static let lost = MetricFamily(
        "witness_forward_lost_records_total", .counter, "Records that were removed before they could be sent.",
        labels: ["forwarder"])
    static let isUp = MetricFamily(
        "witness_forward_up", .gauge, "1 while a receiver takes records.", labels: ["forwarder"])

    static let declared = [lag, sent, failures, lost, isUp]
}

/// What one forwarder has done so far.
struct ForwarderStatus: Sendable {
    var acknowledged = 0
    var sent = 0
    var failures = 0
    var lost = 0
    var isUp = true
}
