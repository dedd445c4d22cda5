import CoreTypes
import Logging
import ServiceLifecycle
import Synchronization
import Telemetry
import Witness

/// Tells when closed files of the witness can't be compressed or removed: no call depends on it, but the disk fills up.
final class WitnessArchiveWatch: Service {
    private static let compressed = MetricFamily(
        "witness_files_compressed_total", .counter, "Closed files that were compressed.")
    private static let removed = MetricFamily(
        "witness_files_removed_total", .counter, "Closed files that retention removed.")
    private static let unsent = MetricFamily(
        "witness_unsent_records_removed_total", .counter, "Records that retention removed before a forwarder sent them."
    )
    private static let isUp = MetricFamily(
        "witness_archive_up", .gauge, "1 while closed files can be looked after.")

    private let log: WitnessLog
    private let logger: Logger

    init(log: WitnessLog, logger: Logger) {
        self.log = log
        self.logger = logger
    }

    func run() async throws {
        var told: String?
        var unsent = 0
        while !Task.isShuttingDownGracefully, !Task.isCancelled {
            let status = log.archive
            if status.unsentRemoved > unsent {
                logger.error(
                    "retention removed \(status.unsentRemoved - unsent) records that a forwarder had not sent")
                unsent = status.unsentRemoved
            }
            let failure = status.failure
            if let failure, told == nil {
                logger.error("closed files of the witness can't be looked after: \(failure)")
                tell(.degraded, .alert, [.init("reason", .string(failure))])
            } else if failure == nil, told != nil {
                logger.notice("closed files of the witness are looked after again")
                tell(.recovered, .notice, [])
            }
            told = failure
            try? await cancelWhenGracefulShutdown { try await Task.sleep(for: .seconds(1)) }
        }
    }

    private func tell(
        _ kind: SecurityEvent.Kind, _ severity: SecurityEvent.Severity, _ more: [SecurityEvent.Detail]
    ) {
        log.append(
            SecurityEvent(kind, severity, details: [.init("component", "witness_archive")] + more),
            at: SystemClock.now().wall)
    }

    func metricsText() -> String {
        let status = log.archive
        var metrics = MetricSet()
        metrics.set(Self.compressed, to: Double(status.filesCompressed))
        metrics.set(Self.removed, to: Double(status.filesRemoved))
        metrics.set(Self.unsent, to: Double(status.unsentRemoved))
        metrics.set(Self.isUp, to: status.failure == nil ? 1 : 0)
        return metrics.prometheusText()
    }
}
