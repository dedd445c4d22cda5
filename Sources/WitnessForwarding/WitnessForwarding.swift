internal import CoreTypes
public import Logging
public import ServiceLifecycle
internal import Synchronization
internal import Telemetry
public import Witness

/// All forwarders of one log, as a service: each on its own, none of them in the way of a call.
public final class WitnessForwarding: Service {
    private let forwarders: [Forwarder]
    private let log: WitnessLog

    /// - Parameter directory: of the log, where cursors are kept.
    public init(_ settings: [ForwarderSettings], log: WitnessLog, directory: String, logger: Logger) {
        self.log = log
        forwarders = settings.map { settings in
            let sink: any Sink
            switch settings.target {
            case .syslog(let host, let port, let tls, let format):
                sink = SyslogSink(
                    host: host, port: port, tls: tls,
                    message: SyslogMessage(hostName: settings.hostName, format: format), patience: settings.patience)
            case .http(let url, let tls, let token):
                sink = HTTPSink(url: url, tls: tls, token: token, patience: settings.patience)
            }
            return Forwarder(settings, sink: sink, directory: directory, log: log, logger: logger)
        }
    }

    /// Sends until the graceful shutdown of the service group, and then for as long as `limit` what is still there.
    public func run() async throws {
        await run(limit: .seconds(3), until: { try? await gracefulShutdown() })
    }

    func run(limit: Duration, until end: @escaping @Sendable () async -> Void) async {
        await withTaskGroup(of: Void.self) { [forwarders] group in
            for forwarder in forwarders { group.addTask { await forwarder.run(limit: limit) } }
            group.addTask {
                await end()
                for forwarder in forwarders { forwarder.stop() }
            }
            await group.waitForAll()
        }
    }

    /// How far each has come, as Prometheus reads it; empty without forwarders.
    public func metricsText() -> String {
        guard !forwarders.isEmpty else { return "" }
        var metrics = MetricSet()
        metrics.declare(ForwardingMetrics.declared)
        let last = log.durableSequence
        for forwarder in forwarders {
            let status = forwarder.status
            let labels = [forwarder.settings.name]
            metrics.set(ForwardingMetrics.lag, labels, to: Double(max(0, last - status.acknowledged)))
            metrics.set(ForwardingMetrics.sent, labels, to: Double(status.sent))
            metrics.set(ForwardingMetrics.failures, labels, to: Double(status.failures))
            metrics.set(ForwardingMetrics.lost, labels, to: Double(status.lost))
            metrics.set(ForwardingMetrics.isUp, labels, to: status.isUp ? 1 : 0)
        }
        return metrics.prometheusText()
    }
}
