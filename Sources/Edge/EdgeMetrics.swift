import CoreTypes
import Defense
import SIPMessage
import Telemetry

/// The edge's metrics; names and labels are contracts with dashboards and alert rules.
public enum EdgeMetrics {
    static let rejections = MetricFamily(
        "security_rejections_total", .counter, "Requests refused, by the layer that refused them.", labels: ["layer"])
    static let allowlistDenials = MetricFamily(
        "ip_allowlist_denials_total", .counter, "Requests from sources that are not allowlisted.",
        labels: ["source_ip"], maximumSeries: 100)
    static let tlsFailures = MetricFamily(
        "tls_validation_failures_total", .counter, "TLS connections and requests refused for what their TLS lacks.",
        labels: ["reason"])
    static let authFailures = MetricFamily(
        "auth_failures_total", .counter, "Wrong credentials; users that do not exist count as unknown.",
        labels: ["expert_id"])
    static let rateViolations = MetricFamily(
        "rate_limit_violations_total", .counter, "Calls over the call rate.", labels: ["expert_id"])
    static let policyDecisions = MetricFamily(
        "sip_policy_decisions_total", .counter, "Decisions of the guard.", labels: ["result"])
    static let policySeconds = MetricFamily(
        "sip_policy_eval_duration_seconds", .histogram, "Time that the guard took.",
        buckets: [0.000_01, 0.000_1, 0.001, 0.01, 0.1, 1])
    static let policyServiceAnswers = MetricFamily(
        "sip_policy_service_answers_total", .counter, "What policy services said: allow, deny, or a fault of theirs.",
        labels: ["answer"])
    static let policyServiceSeconds = MetricFamily(
        "sip_policy_service_duration_seconds", .histogram, "Time that requests waited for a policy service.",
        buckets: [0.001, 0.01, 0.05, 0.1, 0.2, 0.5, 1, 5, 30])
    static let policyServiceWaiting = MetricFamily(
        "sip_policy_service_waiting_requests", .gauge, "Requests that wait for a policy service.")
    static let calls = MetricFamily(
        "sip_calls_total", .counter, "Calls that ended, by result.", labels: ["expert_id", "hazard", "result"])
    static let callsAdmitted = MetricFamily(
        "sip_calls_admitted_total", .counter, "Calls that were let in and forwarded.")
    static let activeCalls = MetricFamily("sip_active_calls", .gauge, "Calls that are up or being set up.")
    static let callProbes = MetricFamily(
        "sip_call_probes_total", .counter, "Questions to the sides of calls whether they are still there, by outcome.",
        labels: ["outcome"])
    static let callSeconds = MetricFamily(
        "sip_call_duration_seconds", .histogram, "Time from answer to end.",
        buckets: [1, 10, 30, 60, 300, 900, 3600, 14_400])
    static let requests = MetricFamily(
        "sip_requests_total", .counter, "Requests received.", labels: ["method", "transport"])
    static let responses = MetricFamily(
        "sip_responses_total", .counter, "Responses sent.", labels: ["status_code", "status_type"])
    static let errors = MetricFamily(
        "sip_errors_total", .counter, "Responses sent with 400 or above.", labels: ["status_code"])
    static let methodSeconds = MetricFamily(
        "sip_method_duration_seconds", .histogram, "Time from a request to its final response.", labels: ["method"],
        buckets: [0.001, 0.01, 0.1, 0.5, 1, 5, 30])
    static let malformed = MetricFamily(
        "sip_malformed_messages_total", .counter, "Messages that could not be parsed.", labels: ["kind"])
    static let dropped = MetricFamily(
        "sip_dropped_messages_total", .counter, "Messages dropped without an answer.", labels: ["reason"])
    static let foreign = MetricFamily(
        "sip_foreign_requests_total", .counter, "Requests refused since they name an element that is not the edge.",
        labels: ["reason"])
    static let overloadRefusals = MetricFamily(
        "sip_overload_refusals_total", .counter, "New requests refused with 503 since the edge was behind.")
    static let overloadLimit = MetricFamily(
        "sip_overload_limit", .gauge, "New requests a second that are taken on at present; 0: no limit.")
    static let receiveBacklog = MetricFamily(
        "sip_receive_backlog_ratio", .gauge,
        "What waits in the fullest UDP receive buffer, as a part of what may wait; above 1 calls are refused.",
        merging: .most)
    static let loopLag = MetricFamily(
        "sip_loop_lag_seconds", .gauge, "How much later than asked for the event loop last came to its timer.",
        merging: .most)
    static let connections = MetricFamily("sip_connections", .gauge, "Connections open or opening.")
    static let connectionsClosed = MetricFamily(
        "sip_connections_closed_total", .counter, "Connections that ended.", labels: ["reason"])
    static let connectionsTotal = MetricFamily(
        "sip_connections_total", .counter, "Connections accepted.", labels: ["transport"])
    static let tlsConnections = MetricFamily(
        "tls_connections_total", .counter, "TLS connections whose handshake was completed.",
        labels: ["direction", "version", "cipher_suite"])
    static let shardInbox = MetricFamily(
        "sip_shard_inbox_bytes", .gauge, "Messages that wait for another event loop.")
    static let transactions = MetricFamily(
        "sip_transactions", .gauge, "Transactions in memory.", labels: ["side"])
    static let transactionsTotal = MetricFamily(
        "sip_transactions_total", .counter, "Transactions begun.", labels: ["side"])
    static let transportFailures = MetricFamily(
        "sip_transport_failures_total", .counter, "Messages that could not be sent.", labels: ["reason"])
    static let certificateExpiry = MetricFamily(
        "tls_certificate_expiry_seconds", .gauge,
        "Seconds until a certificate expires, negative afterwards: the edge's own chain, the authorities it trusts, the control address.",
        labels: ["role", "subject"])
    static let revocationExpiry = MetricFamily(
        "tls_revocation_list_expiry_seconds", .gauge,
        "Seconds until an issuer's next revocation list is due, negative when it is late.", labels: ["issuer"])
    static let poolTargetUp = MetricFamily(
        "sip_pool_target_up", .gauge, "1 while a target of a pool is in service.", labels: ["pool", "target"],
        merging: .least)
    static let poolRequests = MetricFamily(
        "sip_pool_requests_total", .counter, "Requests sent to a target of a pool, by whether it answered.",
        labels: ["pool", "target", "result"])
    static let poolProbes = MetricFamily(
        "sip_pool_probes_total", .counter, "Probes of a target of a pool, by whether it answered.",
        labels: ["pool", "target", "result"])
    static let witnessRecords = MetricFamily("witness_records_total", .counter, "Records written to the witness.")
    static let witnessFailures = MetricFamily(
        "witness_failures_total", .counter, "Records that the witness could not write.")
    static let witnessSeconds = MetricFamily(
        "witness_commit_duration_seconds", .histogram, "Time that a call waited for its record to be on disk.",
        buckets: [0.000_1, 0.001, 0.005, 0.01, 0.05, 0.1, 1])
    static let witnessBytes = MetricFamily("witness_bytes_total", .counter, "Bytes written to the witness.")
    static let witnessQueue = MetricFamily("witness_queue_records", .gauge, "Records that wait for the disk.")
    static let witnessWaiting = MetricFamily(
        "witness_waiting_requests", .gauge, "Requests that wait for their record to be on disk.")
    static let registryLoads = MetricFamily(
        "registry_loads_total", .counter, "How often the registry was read, at the start and after changes.")
    static let registryProblems = MetricFamily(
        "registry_problems", .gauge, "Rows of the registry that can't be used.")
    static let registrySubscribers = MetricFamily(
        "registry_entries", .gauge, "What the registry holds.", labels: ["table"])
    static let registryUp = MetricFamily("registry_up", .gauge, "1 while the registry can be read.")

    static let bansActive = MetricFamily("bans_active", .gauge, "Addresses that are banned.")
    static let bansTotal = MetricFamily("bans_total", .counter, "Bans since the start.", labels: ["jail"])

    /// Families that show up before anything has happened.
    static let declared = [
        bansActive, bansTotal,
        rejections, allowlistDenials, tlsFailures, authFailures, rateViolations, policyDecisions, policySeconds,
        policyServiceAnswers, policyServiceSeconds, policyServiceWaiting, calls, callsAdmitted,
        activeCalls, callSeconds, callProbes, requests, responses, errors, methodSeconds, malformed, dropped, foreign,
        overloadRefusals,
        overloadLimit, receiveBacklog, loopLag, connections,
        connectionsTotal, connectionsClosed, tlsConnections, shardInbox, transactions, transactionsTotal,
        transportFailures, certificateExpiry,
        revocationExpiry, poolTargetUp, poolRequests, poolProbes,
        witnessRecords, witnessFailures, witnessBytes, witnessQueue, witnessWaiting,
        witnessSeconds,
        registrySubscribers, registryUp, registryLoads, registryProblems,
    ]
}

extension Shard {
    /// Counts a refusal under every metric that PRODUCT 1.2 names for its layer.
    func count(_ refusal: Refusal, from source: IPAddress, expertID: String?) {
        guard refusal.kind == .refused else { return }
        hot.rejection(refusal.layer)
        switch refusal.layer {
        case .allowlist:
            hot.denial(source)
            strangersAnswered += 1
        case .transportSecurity:
            metrics.increment(EdgeMetrics.tlsFailures, [refusal.cause.rawValue])
        case .authentication where refusal.cause != .registryUnavailable:
            metrics.increment(EdgeMetrics.authFailures, [expertID ?? "unknown"])
        case .callRate:
            metrics.increment(EdgeMetrics.rateViolations, [expertID ?? "unknown"])
        case .policyGuard:
            let isFault = refusal.cause == .policyUnavailable || refusal.cause == .registryUnavailable
            metrics.increment(EdgeMetrics.policyDecisions, [isFault ? "fault" : "rejected"])
        case .sourceRate, .authentication, .witness:
            break
        }
    }
}
