import ArgumentParser
import ControlAPI
import CoreTypes
import Edge
import Foundation
import Registry
import SIPMessage
import SallyportConfiguration
import TransportSecurity
import UserAgent
import Witness
import WitnessForwarding

struct CheckCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "check", abstract: "Check the configuration, its files, the certificates and the database.",
        discussion: "Exits with 1 when the edge could not start, with 2 when it could but something needs attention.")

    @OptionGroup var file: ConfigurationOption
    @OptionGroup var output: OutputOption

    func run() async throws {
        let configuration = try file.load()
        let findings = await ConfigurationCheck(configuration).findings()
        try output.show(findings, text: Self.text(findings, configuration))
        if findings.contains(where: { $0.severity == .error }) { throw ExitCode(1) }
        if findings.contains(where: { $0.severity == .warning }) { throw ExitCode(2) }
    }

    private static func text(_ findings: [ConfigurationCheck.Finding], _ configuration: Configuration) -> String {
        var lines = ["configuration  \(configuration.file)"]
        lines += findings.map { "\($0.severity.rawValue)  \($0.subject): \(JSONText.escaped($0.message))" }
        return lines.joined(separator: "\n")
    }
}

/// What `check` looks at beyond the form of the file.
struct ConfigurationCheck {
    enum Severity: String, Encodable {
        case fine = "ok     "
        case warning = "warning"
        case error = "error  "

        func encode(to encoder: any Encoder) throws {
            var container = encoder.singleValueContainer()
            try container.encode(rawValue.trimmingCharacters(in: .whitespaces))
        }
    }

    struct Finding: Encodable {
        var severity: Severity
        var subject: String
        var message: String
    }

    private let configuration: Configuration

    init(_ configuration: Configuration) {
        self.configuration = configuration
    }

    func findings() async -> [Finding] {
        settings() + listeners() + certificates() + routes() + (await pools()) + registry() + witness()
            + forwarders()
    }

    private func settings() -> [Finding] {
        let settings = SettingsWithoutEffect(configuration)
        var secret: [Finding] = []
        do {
            try Edge.checkSecret(configuration)
        } catch {
            secret.append(Finding(severity: .error, subject: "configuration", message: "\(error)"))
        }
        return secret + settings.errors.map { Finding(severity: .error, subject: "configuration", message: $0) }
            + settings.warnings.map { Finding(severity: .warning, subject: "configuration", message: $0) }
    }

    private func listeners() -> [Finding] {
        configuration.listeners.map { listener in
            Finding(
                severity: .fine, subject: "listener",
                message: "\(listener.transport.rawValue) \(listener.address), profile \(listener.profile)")
        } + [control()] + countries()
    }

    private func control() -> Finding {
        let listen = configuration.control.listen
        guard let tls = configuration.control.tls else {
            return Finding(severity: .fine, subject: "control", message: "http \(listen)")
        }
        do {
            let report = try CertificateInspector.inspect(
                configuration.resolve(tls.certificate), key: configuration.resolve(tls.key))
            return finding(report, "control", before: "https \(listen), ")
        } catch {
            return Finding(severity: .error, subject: "control", message: "https \(listen): \(error)")
        }
    }

    /// Nothing is decided by them: a file that is no good stops nothing.
    private func countries() -> [Finding] {
        do {
            return try ControlSurface.checkCountries(configuration).map {
                [Finding(severity: .fine, subject: "control", message: "countries of \($0) ranges of addresses")]
            } ?? []
        } catch {
            return [Finding(severity: .warning, subject: "control", message: "\(error)")]
        }
    }

    private func finding(_ report: CertificateReport, _ subject: String, before text: String = "") -> Finding {
        let left = report.daysLeft(now: SystemClock.now().wall)
        let limit = configuration.tls.warnBeforeExpiry.nanoseconds / 86_400_000_000_000
        return Finding(
            severity: left < limit ? .warning : .fine, subject: subject,
            message: "\(text)\(report.file): \(report.names.joined(separator: ", ")), \(left) days left")
    }

    private func certificates() -> [Finding] {
        guard configuration.listeners.contains(where: { $0.transport == .tls }) else { return [] }
        let tls = configuration.tls
        do {
            let now = SystemClock.now().wall
            let lists = try Edge.checkTLS(configuration).map { Self.finding($0, now: now) }
            let report = try CertificateInspector.inspect(
                configuration.resolve(tls.certificate), key: configuration.resolve(tls.key))
            let hasTrust = FileManager.default.fileExists(atPath: configuration.resolve(tls.trust))
            let unseen = Finding(
                severity: .warning, subject: "tls",
                message: "\(configuration.resolve(tls.trust)) is not there: no client certificate is asked for")
            return (tls.clientCertificate == .optional && !hasTrust ? [unseen] : []) + lists + [
                finding(report, "tls")
            ]
        } catch {
            return [Finding(severity: .error, subject: "tls", message: "\(error)")]
        }
    }

    private static func finding(_ list: RevocationReport, now: Int64) -> Finding {
        Finding(
            severity: list.isStale(now: now) ? .warning : .fine, subject: "revocation",
            message: "\(list.file): \(list.summary(now: now))")
    }

    private func routes() -> [Finding] {
        do {
            _ = try EdgeSettings(configuration)
            return configuration.routes.map {
                Finding(severity: .fine, subject: "route", message: $0.name)
            }
        } catch {
            return [Finding(severity: .error, subject: "routes", message: "\(error)")]
        }
    }

    /// Asks every target now, from here; what a running edge thinks of them is in its metrics.
    private func pools() async -> [Finding] {
        var probe = TargetProbe()
        probe.tls = try? ClientTLS.context(
            trust: FileManager.default.fileExists(atPath: configuration.resolve(configuration.tls.trust))
                ? configuration.resolve(configuration.tls.trust) : nil, clock: { SystemClock.now().wall })
        probe.nameServers = configuration.resolver.servers
        let targets = configuration.pools.sorted { $0.key < $1.key }.flatMap { name, pool in
            pool.targets.map { (name: name, pool: pool, uri: $0.uri) }
        }
        return await withTaskGroup(of: (Int, Finding).self) { [probe] group in
            for (position, target) in targets.enumerated() {
                group.addTask { (position, await Self.finding(target.name, target.pool, target.uri, probe)) }
            }
            var found: [(Int, Finding)] = []
            for await finding in group { found.append(finding) }
            return found.sorted { $0.0 < $1.0 }.map(\.1)
        }
    }

    private static func finding(
        _ name: String, _ pool: SallyportConfiguration.Pool, _ text: String, _ probe: TargetProbe
    ) async -> Finding {
        let subject = "pool \(name)"
        guard let settings = pool.probe, let uri = URI(text) else {
            return Finding(severity: .fine, subject: subject, message: "\(text): not asked, probe is off")
        }
        var probe = probe
        probe.timeout = settings.timeout
        do {
            let answer = try await probe.ask(uri)
            let milliseconds = Double(answer.after.nanoseconds) / 1_000_000
            return Finding(
                severity: answer.status == 503 || answer.status == 408 ? .warning : .fine, subject: subject,
                message: "\(text): \(answer.transport.rawValue) \(answer.endpoint) answers \(answer.status) in "
                    + String(format: "%.1f ms", milliseconds))
        } catch {
            return Finding(
                severity: .warning, subject: subject,
                message: "\(text): out of service: \(error); check the address, and that it answers OPTIONS, or set "
                    + "'probe: off'")
        }
    }

    private func registry() -> [Finding] {
        do {
            let settings = try configuration.registrySettings()
            guard FileManager.default.fileExists(atPath: settings.path) else {
                return [
                    Finding(
                        severity: .warning, subject: "registry",
                        message: "\(settings.path) is not there yet: nobody can call until networks, subscribers and "
                            + "experts are added")
                ]
            }
            let snapshot = try RegistryStore(settings, create: false).snapshot()
            let count =
                "\(snapshot.subscribers.count) subscribers, \(snapshot.addresses.count) networks, "
                + "\(snapshot.experts.count) experts"
            return [Finding(severity: .fine, subject: "registry", message: "\(settings.path): \(count)")]
                + snapshot.problems.map { Finding(severity: .warning, subject: "registry", message: $0) }
                + algorithms(snapshot)
        } catch {
            return [Finding(severity: .error, subject: "registry", message: "\(error)")]
        }
    }

    /// An algorithm is offered only when every enabled subscriber of the realm can answer it: says who stands in the
    /// way.
    private func algorithms(_ snapshot: RegistrySnapshot) -> [Finding] {
        var findings: [Finding] = []
        for (name, profile) in configuration.profiles.sorted(by: { $0.key < $1.key }) {
            guard let authentication = profile.authentication else { continue }
            let members = snapshot.subscribers.filter { $0.isEnabled && $0.domain == authentication.realm.lowercased() }
            for algorithm in authentication.algorithms.map(\.rawValue) {
                let missing = members.filter { !$0.ha1.algorithms.contains(algorithm) }
                guard let first = missing.first else { continue }
                let who =
                    "\(first.username)@\(first.domain)" + (missing.count > 1 ? " and \(missing.count - 1) more" : "")
                findings.append(
                    Finding(
                        severity: .warning, subject: "authentication",
                        message: "profile \(name) can't offer \(algorithm): \(who) has no such hash; set the password "
                            + "anew with 'sallyport subscriber password'"))
            }
        }
        return findings
    }

    private func forwarders() -> [Finding] {
        do {
            return try configuration.forwarders().map {
                Finding(severity: .fine, subject: "witness forwarder", message: $0.name)
            }
        } catch {
            return [Finding(severity: .error, subject: "witness forwarder", message: "\(error)")]
        }
    }

    private func witness() -> [Finding] {
        let directory = configuration.witnessDirectory
        guard FileManager.default.fileExists(atPath: directory) else {
            return [Finding(severity: .fine, subject: "witness", message: "\(directory) will be made at the start")]
        }
        guard FileManager.default.isWritableFile(atPath: directory) else {
            return [
                Finding(severity: .error, subject: "witness", message: "\(directory) can't be written by this user")
            ]
        }
        return [Finding(severity: .fine, subject: "witness", message: directory)]
    }
}
