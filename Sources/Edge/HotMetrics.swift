import CoreTypes
import Defense
import SIPMessage
import Telemetry

/// What is counted with every packet, by numbers; see `Tally`.
struct HotMetrics {
    /// Messages dropped without an answer, beside those that a layer drops.
    enum Drop: String, CaseIterable {
        case malformed
        case noProfile = "no_profile"
        case amplification
        case strayAck = "stray_ack"
        case strayResponse = "stray_response"
        case singleVia = "single_via"
        /// Of somebody who is not on the allowlist, while packets wait.
        case flood
        /// Of an address that is banned.
        case banned
        /// Belongs to another shard, which has too much to do.
        case shardBusy = "shard_busy"
    }

    private var requests = Tally(
        EdgeMetrics.requests,
        labels: Method.labels.flatMap { method in TransportKind.allCases.map { [method, $0.rawValue] } })
    private var responses = Tally(
        EdgeMetrics.responses, labels: Self.statuses.map { [String($0), "\($0 / 100)xx"] })
    private var errors = Tally(EdgeMetrics.errors, labels: Self.statuses.map { [String($0)] })
    private var rejections = Tally(
        EdgeMetrics.rejections, labels: Layer.allCases.map { [$0.metricLabel] }, showsZeros: true)
    private var refusalsDropped = Tally(EdgeMetrics.dropped, labels: Refusal.Cause.allCases.map { [$0.rawValue] })
    private var drops = Tally(
        EdgeMetrics.dropped, labels: Drop.allCases.map { [$0.rawValue] }, showsZeros: true)
    private var malformed = Tally(EdgeMetrics.malformed, labels: ParseFailure.Kind.allCases.map { [$0.rawValue] })
    private var denials: [IPAddress: Int] = [:]
    private var otherDenials = 0
    var policy = Timing(EdgeMetrics.policySeconds)
    var witness = Timing(EdgeMetrics.witnessSeconds)
    private var methods = Method.labels.map { Timing(EdgeMetrics.methodSeconds, labels: [$0]) }

    private static let statuses = Array(100...699)

    mutating func request(_ method: Method, _ transport: TransportKind) {
        requests.increment(method.labelIndex * TransportKind.allCases.count + transport.index)
    }

    mutating func response(_ status: Int) {
        responses.increment(status - 100)
        if status >= 400 { errors.increment(status - 100) }
    }

    mutating func rejection(_ layer: Layer) { rejections.increment(layer.index) }

    mutating func dropped(_ cause: Refusal.Cause) { refusalsDropped.increment(cause.index) }

    mutating func dropped(_ reason: Drop) { drops.increment(reason.index) }

    mutating func malformed(_ kind: ParseFailure.Kind) { malformed.increment(kind.index) }

    /// As many sources as the family may have series; the others together.
    mutating func denial(_ source: IPAddress) {
        if denials[source] != nil || denials.count < EdgeMetrics.allowlistDenials.maximumSeries {
            denials[source, default: 0] += 1
        } else {
            otherDenials += 1
        }
    }

    mutating func answered(_ method: Method, seconds: Double) {
        methods[method.labelIndex].observe(seconds)
    }

    func add(to metrics: inout MetricSet) {
        for tally in [requests, responses, errors, rejections, refusalsDropped, drops, malformed] {
            tally.add(to: &metrics)
        }
        for (source, count) in denials {
            metrics.increment(EdgeMetrics.allowlistDenials, [source.description], by: Double(count))
        }
        if otherDenials > 0 {
            metrics.increment(EdgeMetrics.allowlistDenials, ["other"], by: Double(otherDenials))
        }
        for timing in [policy, witness] + methods { timing.add(to: &metrics) }
    }
}

extension TransportKind {
    fileprivate var index: Int {
        switch self {
        case .udp: 0
        case .tcp: 1
        case .tls: 2
        }
    }
}

/// The number of a case: where it stands among all.
private struct CaseNumbers<Case: CaseIterable & Hashable> {
    let numbers: [Case: Int]

    init() {
        numbers = Dictionary(uniqueKeysWithValues: zip(Case.allCases, 0...))
    }
}

extension Refusal.Cause {
    private static let numbers = CaseNumbers<Refusal.Cause>().numbers
    fileprivate var index: Int { Self.numbers[self] ?? 0 }
}

extension HotMetrics.Drop {
    private static let numbers = CaseNumbers<HotMetrics.Drop>().numbers
    fileprivate var index: Int { Self.numbers[self] ?? 0 }
}

extension ParseFailure.Kind {
    private static let numbers = CaseNumbers<ParseFailure.Kind>().numbers
    fileprivate var index: Int { Self.numbers[self] ?? 0 }
}
