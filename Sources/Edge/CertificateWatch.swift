import CoreTypes
import Telemetry
import TransportSecurity

/// The certificates and revocation lists that the edge has in use.
struct CertificateInventory: Sendable {
    /// The edge's own, leaf first.
    var own: [CertificateReport] = []
    var authorities: [CertificateReport] = []
    /// That of the control address; nil where its file can't be read.
    var control: [CertificateReport]? = []
    var revocation: [RevocationReport] = []
}

extension CertificateInventory {
    /// With the `role` of metrics, events and the control API.
    var byRole: [(role: String, reports: [CertificateReport])] {
        [("own", own), ("authority", authorities), ("control", control ?? [])]
    }
}

/// Says which certificates end soon and which revocation lists are stale, ahead of time and once a day for each.
struct CertificateWatch {
    private static let day: Int64 = 86_400_000

    private(set) var inventory = CertificateInventory()
    /// Milliseconds before the end.
    private let ahead: Int64
    /// When it was last told of a certificate, on the wall's clock.
    private var told = BoundedTable<String, Int64>(capacity: 4096)
    /// Whether the lists are known to be stale.
    private var isStale = false

    init(ahead: Duration) {
        self.ahead = ahead.nanoseconds / 1_000_000
    }

    mutating func replace(_ inventory: CertificateInventory) {
        // Where the new file is no good, the one of before is in use.
        let control = inventory.control ?? self.inventory.control
        self.inventory = inventory
        self.inventory.control = control
    }

    /// What is to be written down now about the edge's own files.
    mutating func due(now: Moment) -> [SecurityEvent] {
        var events: [SecurityEvent] = []
        for (role, reports) in inventory.byRole {
            for report in reports where isDue("\(role) \(report.subject)", report.notAfter, now: now.wall) {
                events.append(
                    Self.expiring(
                        report.notAfter, now: now.wall,
                        [
                            .init("role", .string(role)), .init("file", .string(report.file)),
                            .init("subject", .string(report.subject)),
                        ]))
            }
        }
        return events + [staleness(now: now)].compactMap { $0 }
    }

    /// - Returns: what is to be written down about a peer's certificate.
    mutating func met(_ peer: PeerIdentity, at source: IPAddress, now: Moment) -> SecurityEvent? {
        guard isDue("peer \(peer.issuer) \(peer.serialNumber)", peer.notAfter, now: now.wall) else { return nil }
        return Self.expiring(
            peer.notAfter, source: source, now: now.wall,
            [
                .init("role", "peer"), .init("subject", .string(peer.subject)), .init("issuer", .string(peer.issuer)),
                .init("serial", .string(peer.serialNumber)),
            ])
    }

    /// Seconds that are left, for the gauges.
    func measure(into metrics: inout MetricSet, now: Int64) {
        for (role, reports) in inventory.byRole {
            for report in reports {
                metrics.set(
                    EdgeMetrics.certificateExpiry, [role, report.subject], to: Double(report.notAfter - now) / 1000)
            }
        }
        for report in inventory.revocation {
            guard let next = report.nextUpdate else { continue }
            metrics.set(EdgeMetrics.revocationExpiry, [report.issuer], to: Double(next - now) / 1000)
        }
    }

    private mutating func isDue(_ name: String, _ notAfter: Int64, now: Int64) -> Bool {
        guard notAfter - now < ahead, told.peek(name).map({ now - $0 >= Self.day }) ?? true else { return false }
        told.withEntry(name) { $0 = now }
        return true
    }

    private mutating func staleness(now: Moment) -> SecurityEvent? {
        let stale = inventory.revocation.filter { $0.isStale(now: now.wall) }
        guard stale.isEmpty == isStale else { return nil }
        isStale = !stale.isEmpty
        let files = stale.map(\.file)
        return SecurityEvent(
            isStale ? .degraded : .recovered, isStale ? .alert : .notice,
            details: [.init("component", "revocation")]
                + (isStale ? [.init("reason", "revocation_list_stale"), .init("files", .strings(files))] : []))
    }

    private static func expiring(
        _ notAfter: Int64, source: IPAddress? = nil, now: Int64, _ details: [SecurityEvent.Detail]
    ) -> SecurityEvent {
        let days = Int((Double(notAfter - now) / Double(day)).rounded(.down))
        return SecurityEvent(
            .certificateExpiring, days < 7 ? .alert : .warning, sourceIP: source,
            details: details + [
                .init("not_after", .string(CivilTime(millisecondsSince1970: notAfter).rfc3339)),
                .init("days_left", .integer(days)),
            ])
    }
}
