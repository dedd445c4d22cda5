import ArgumentParser
import CoreTypes
import Foundation
import SallyportConfiguration
import TransportSecurity
import Witness

struct CertCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "cert", abstract: "Certificates: what there is, whether it will do, and some to try things with.",
        subcommands: [Show.self, Check.self, IssueDevelopment.self])

    struct Show: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Show certificates: those of the configuration, or of files.")

        @Argument(help: "PEM files, leaf first (default: the edge's own).", completion: .file()) var files: [String] =
            []
        @OptionGroup var configuration: ConfigurationOption
        @OptionGroup var output: OutputOption

        func run() throws {
            let pairs = try files.isEmpty ? CertificatePair.all(configuration.load()) : files.map { .init($0) }
            let now = SystemClock.now().wall
            let found = try pairs.map {
                CertificateOutput(try CertificateInspector.inspect($0.certificate, key: $0.key), now: now)
            }
            try output.show(found, text: found.map(\.text).joined(separator: "\n\n"))
        }
    }

    struct Check: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Check that the edge's certificates can be used, and for how long.",
            discussion: "Exits with 1 when one can't be used, with 2 when one expires soon.")

        @OptionGroup var configuration: ConfigurationOption
        @OptionGroup var output: OutputOption

        func run() throws {
            let edge = try configuration.load()
            let now = SystemClock.now().wall
            var findings: [CertificateFinding] = []
            for pair in CertificatePair.all(edge) { findings.append(finding(pair, edge, now: now)) }
            findings += authorities(edge, now: now) + revocation(edge, now: now)
            try output.show(findings, text: findings.map(\.text).joined(separator: "\n"))
            if findings.contains(where: { $0.severity == .error }) { throw ExitCode(1) }
            if findings.contains(where: { $0.severity == .warning }) { throw ExitCode(2) }
        }

        private func authorities(_ edge: Configuration, now: Int64) -> [CertificateFinding] {
            let file = edge.resolve(edge.tls.trust)
            // Where nobody is asked for a certificate the system's authorities do for calls out.
            guard edge.tls.clientCertificate == .required || FileManager.default.fileExists(atPath: file) else {
                return []
            }
            do {
                return try CertificateInspector.inspectAll(file).map { Self.finding($0, edge, now: now) }
            } catch {
                return [
                    CertificateFinding(file: file, severity: .error, daysLeft: nil, message: error.description)
                ]
            }
        }

        private func revocation(_ edge: Configuration, now: Int64) -> [CertificateFinding] {
            let files = edge.tls.revocation.map(edge.resolve)
            do {
                let lists = try RevocationLists(files, trust: edge.resolve(edge.tls.trust), now: now)
                return lists.reports.map { list in
                    CertificateFinding(
                        file: list.file, severity: list.isStale(now: now) ? .warning : .ok, daysLeft: nil,
                        message: list.summary(now: now))
                }
            } catch {
                return [
                    CertificateFinding(file: error.file, severity: .error, daysLeft: nil, message: error.description)
                ]
            }
        }

        private static func finding(
            _ report: CertificateReport, _ edge: Configuration, now: Int64
        ) -> CertificateFinding {
            let days = report.daysLeft(now: now)
            let isSoon = report.notAfter - now < edge.tls.warnBeforeExpiry.nanoseconds / 1_000_000
            let message =
                days < 0
                ? "\(report.subject) has expired: renew it, or remove it"
                : isSoon
                    ? "\(report.subject) expires in \(days) days: renew it" : "\(report.subject): good for \(days) days"
            return CertificateFinding(
                file: report.file, severity: isSoon ? .warning : .ok, daysLeft: days, message: message)
        }

        private func finding(_ pair: CertificatePair, _ edge: Configuration, now: Int64) -> CertificateFinding {
            do {
                let report = try CertificateInspector.inspect(pair.certificate, key: pair.key)
                let days = report.daysLeft(now: now)
                if let key = pair.key {
                    _ = try ServerTLS.context(
                        certificate: pair.certificate, key: key, trust: edge.resolve(edge.tls.trust),
                        clientCertificate: pair.policy, clock: { now })
                }
                let isSoon = report.notAfter - now < edge.tls.warnBeforeExpiry.nanoseconds / 1_000_000
                return CertificateFinding(
                    file: pair.certificate, severity: isSoon ? .warning : .ok, daysLeft: days,
                    message: isSoon ? "expires in \(days) days: renew it" : "good for \(days) days")
            } catch {
                return CertificateFinding(
                    file: pair.certificate, severity: .error, daysLeft: nil, message: error.description)
            }
        }
    }

    struct IssueDevelopment: ParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "issue-dev",
            abstract: "Make a private authority with a server and a client certificate, for trying things.")

        @Argument(help: "Where to put the six files; made if it is not there.", completion: .directory)
        var directory: String
        @Option(
            name: .customLong("name"),
            help: "A host name or address that the certificates are for; may be repeated (default: this machine).")
        var names: [String] = []
        @Flag(help: "Replace files that are there.") var force = false
        @OptionGroup var configuration: ConfigurationOption
        @OptionGroup var output: OutputOption

        func run() throws {
            let files = try DevelopmentCertificates.issue(
                into: directory, names: names.isEmpty ? DevelopmentCertificates.defaultNames : names,
                overwrite: force, now: SystemClock.now().wall)
            let issued = IssuedOutput(
                ca: files.authority, caKey: files.authorityKey, server: files.server, serverKey: files.serverKey,
                client: files.client, clientKey: files.clientKey)
            try output.show(issued, text: issued.text)
        }
    }
}

extension RevocationReport {
    /// What an operator is to know of it, and to do.
    func summary(now: Int64) -> String {
        let due = timestamp(nextUpdate) ?? "never"
        return isStale(now: now)
            ? "the next revocation list of \(issuer) was due at \(due): fetch it"
            : "\(count) certificates of \(issuer) revoked, next list due at \(due)"
    }
}

/// A certificate that the edge shows, with its key.
private struct CertificatePair {
    var certificate: String
    var key: String?
    var policy = ClientCertificatePolicy.none

    init(_ certificate: String, key: String? = nil) {
        self.certificate = certificate
        self.key = key
    }

    /// SIP's and the control API's.
    static func all(_ edge: Configuration) -> [CertificatePair] {
        var sip = CertificatePair(edge.resolve(edge.tls.certificate), key: edge.resolve(edge.tls.key))
        sip.policy =
            switch edge.tls.clientCertificate {
            case .none: .none
            case .optional: .optional
            case .required: .required
            }
        let control = edge.control.tls.map { CertificatePair(edge.resolve($0.certificate), key: edge.resolve($0.key)) }
        return [sip] + (control.map { [$0] } ?? [])
    }
}

private struct CertificateFinding: Encodable {
    enum Severity: String, Encodable {
        case ok
        case warning
        case error
    }

    let file: String
    let severity: Severity
    let daysLeft: Int?
    let message: String

    var text: String {
        let label = severity.rawValue + String(repeating: " ", count: 7 - severity.rawValue.count)
        // A complaint names its file itself.
        return "\(label)  " + (severity == .error ? message : "\(file): \(message)")
    }
}

private struct CertificateOutput: Encodable {
    let file: String
    let subject: String
    let issuer: String
    let names: [String]
    let notBefore: String?
    let notAfter: String?
    let daysLeft: Int
    let keyType: String
    let keyMatches: Bool?
    let chain: Int

    init(_ report: CertificateReport, now: Int64) {
        file = report.file
        subject = report.subject
        issuer = report.issuer
        names = report.names
        notBefore = timestamp(report.notBefore)
        notAfter = timestamp(report.notAfter)
        daysLeft = report.daysLeft(now: now)
        keyType = report.keyType
        keyMatches = report.keyMatches
        chain = report.chainLength
    }

    /// Certificates may come from anywhere: what they say is shown escaped.
    var text: String {
        let expiry = daysLeft < 0 ? "expired" : "\(daysLeft) days left"
        var lines = [
            ("file", file), ("subject", subject), ("issuer", issuer), ("names", names.joined(separator: ", ")),
            ("valid", "\(notBefore ?? "-") to \(notAfter ?? "-"), \(expiry)"),
            (
                "key",
                keyType + (keyMatches.map { $0 ? ", the key file is its own" : ", the key file is another's" } ?? "")
            ),
        ]
        if chain > 1 { lines.append(("chain", "\(chain) certificates")) }
        return lines.map { $0.0.padding(toLength: 9, withPad: " ", startingAt: 0) + JSONText.escaped($0.1) }
            .joined(separator: "\n")
    }
}

private struct IssuedOutput: Encodable {
    let ca: String
    let caKey: String
    let server: String
    let serverKey: String
    let client: String
    let clientKey: String

    var text: String {
        """
        For trying things only; the authority's key is on this disk.
          tls:
            certificate: \(server)
            key: \(serverKey)
            trust: \(ca)
        Clients trust \(ca)
        and may show \(client) with \(clientKey)
        """
    }
}
