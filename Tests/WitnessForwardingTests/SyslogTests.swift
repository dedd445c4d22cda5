import CoreTypes
import Foundation
import NIOSSL
import TestSupport
import Testing
import TransportSecurity
import Witness

@testable import WitnessForwarding

extension Rsyslog.Message {
    /// The record's number, from the structured data.
    var sequence: Int? {
        guard let start = structuredData.firstRange(of: "seq=\"") else { return nil }
        return Int(structuredData[start.upperBound...].prefix { $0 != "\"" })
    }
}

@Suite(
    "Forwarding to a real rsyslog", .serialized, .timeLimit(.minutes(3)),
    .enabled(if: PeerProgram.rsyslogd.isInstalled, "\(PeerProgram.rsyslogd.howToGetIt)"))
struct SyslogTests {
    private func settings(
        _ server: Rsyslog, tls: NIOSSLContext? = nil, host: String = "127.0.0.1",
        format: SyslogMessage.Format = .rfc5424
    ) -> ForwarderSettings {
        var settings = ForwarderSettings(
            name: "siem", target: .syslog(host: host, port: Int(server.port), tls: tls, format: format))
        settings.settle = .seconds(1)
        settings.hostName = "edge.example.org"
        return settings
    }

    /// Each record at least once; what comes a second time is a part that had come before.
    private func expectAll(_ server: Rsyslog, of log: WitnessLog) async throws {
        let last = log.durableSequence
        try await eventually("all \(last) records have come", within: .seconds(60)) {
            Set(try server.messages().compactMap(\.sequence)).isSuperset(of: 1...last)
        }
        let sequences = try server.messages().compactMap(\.sequence)
        var next = 1
        for sequence in sequences {
            #expect(sequence <= next)
            next = max(next, sequence + 1)
        }
    }

    @Test("records arrive in order, each once, and are understood")
    func arrive() async throws {
        let server = try await Rsyslog()
        let scratch = try LogScratch()
        let log = try scratch.open()
        let running = RunningForwarding(settings(server), log: log, directory: scratch.directory)
        try await log.load(2000, perSecond: 4000)
        try await expectAll(server, of: log)
        let messages = try server.messages()
        #expect(messages.compactMap(\.sequence) == Array(1...log.durableSequence))
        let lines = try scratch.records().map(\.line)
        #expect(messages.map(\.text) == lines)
        let first = try #require(messages.first)
        #expect(first.facility == 13 && first.severity == 4)
        #expect(first.application == "sallyport" && first.process == "sallyport.test" && first.id == "AUTH_FAILED")
        try await eventually("all has settled") { running.metric("witness_forward_lag_records") == 0 }
        #expect(running.metric("witness_forward_failures_total") == 0)
        await running.stop()
        let cursor = try ForwardCursor.read("siem", directory: scratch.directory)
        #expect(cursor?.sequence == log.durableSequence)
        log.close()
    }

    @Test("CEF arrives behind the same head, in order")
    func commonEventFormat() async throws {
        let server = try await Rsyslog()
        let scratch = try LogScratch()
        let log = try scratch.open()
        let running = RunningForwarding(settings(server, format: .cef), log: log, directory: scratch.directory)
        try await log.load(500, perSecond: 4000)
        let last = log.durableSequence
        try await eventually("all \(last) records have come") { try server.messages().count >= last }
        let texts = try server.messages().map(\.text)
        #expect(texts.allSatisfy { $0.hasPrefix("CEF:0|") })
        #expect(texts == (try scratch.records().prefix(texts.count).map { CommonEventFormat.text($0) }))
        await running.stop()
        log.close()
    }

    @Test("killed three times under load, and stopped once, rsyslog misses nothing; the edge's own restart neither")
    func restarts() async throws {
        let server = try await Rsyslog()
        let scratch = try LogScratch()
        let log = try scratch.open()
        var running = RunningForwarding(settings(server), log: log, directory: scratch.directory)
        let load = Task { try await log.load(12_000, perSecond: 1500) }
        for round in 0..<4 {
            let before = try server.messages().count
            try await eventually("records arrive in round \(round)", within: .seconds(60)) {
                try server.messages().count > before + 300
            }
            if round == 3 { try await server.stop() } else { try await server.kill() }
            if round == 1 {
                await running.stop()
                running = RunningForwarding(settings(server), log: log, directory: scratch.directory)
            }
            try await server.start()
        }
        try await load.value
        try await expectAll(server, of: log)
        let told = try scratch.records().filter { $0[detail: "component"] == "forwarder:siem" }.map(\.kind)
        #expect(told.first == "DEGRADED")
        try await eventually("it says that it is well") {
            try scratch.records().last { $0[detail: "component"] == "forwarder:siem" }?.kind == "RECOVERED"
        }
        await running.stop()
        log.close()
    }

    @Test("a receiver that is away for long gets everything afterwards, from compressed files too")
    func outage() async throws {
        let server = try await Rsyslog()
        try await server.kill()
        let scratch = try LogScratch()
        let log = try scratch.open { settings in
            settings.rotateBytes = 100_000
            settings.archiveInterval = .milliseconds(50)
            settings.keep = .seconds(3600)
            settings.forwarders = ["siem"]
        }
        let running = RunningForwarding(settings(server), log: log, directory: scratch.directory)
        // A file is followed by another between batches only, so they must not all go at once.
        for _ in 0..<5 { try await log.load(600, perSecond: 10_000) }
        try await eventually("files are compressed") { log.archive.filesCompressed > 3 }
        try await eventually("it is told") { running.metric("witness_forward_up") == 0 }
        #expect((running.metric("witness_forward_lag_records") ?? 0) >= 3000)
        try await server.start()
        try await expectAll(server, of: log)
        await running.stop()
        log.close()
    }

    @Test("a receiver that takes connections and reads nothing holds nobody up, and gets everything when it goes on")
    func frozen() async throws {
        let server = try await Rsyslog()
        let scratch = try LogScratch()
        let log = try scratch.open()
        var settings = settings(server)
        settings.patience = .seconds(2)
        settings.batch = 10_000
        let running = RunningForwarding(settings, log: log, directory: scratch.directory)
        try await log.load(10, perSecond: 1000)
        try await eventually("records arrive") { try server.messages().count == 10 }
        server.freeze()
        // More than both systems' buffers take.
        try await log.load(20_000, perSecond: 20_000)
        try await eventually("patience has an end", within: .seconds(30)) {
            (running.metric("witness_forward_failures_total") ?? 0) >= 1
        }
        server.thaw()
        try await expectAll(server, of: log)
        await running.stop()
        log.close()
    }

    @Test(
        "over TLS too, through a restart",
        .enabled(if: PeerProgram.rsyslogTLS.isInstalled, "\(PeerProgram.rsyslogTLS.howToGetIt)"))
    func tls() async throws {
        let scratch = try LogScratch()
        let files = try DevelopmentCertificates.issue(into: scratch.path + "/tls", now: SystemClock.now().wall)
        let server = try await Rsyslog(
            .init(certificate: files.server, key: files.serverKey, authority: files.authority))
        var configuration = TLSConfiguration.makeClientConfiguration()
        configuration.trustRoots = .certificates(try NIOSSLCertificate.fromPEMFile(files.authority))
        let context = try NIOSSLContext(configuration: configuration)
        let log = try scratch.open()
        let running = RunningForwarding(
            settings(server, tls: context, host: "localhost"), log: log, directory: scratch.directory)
        let load = Task { try await log.load(4000, perSecond: 1000) }
        try await eventually("records arrive", within: .seconds(30)) { try server.messages().count > 500 }
        try await server.kill()
        try await server.start()
        try await load.value
        try await expectAll(server, of: log)
        await running.stop()
        log.close()
    }

    @Test(
        "a receiver whose certificate is of another authority gets nothing",
        .enabled(if: PeerProgram.rsyslogTLS.isInstalled, "\(PeerProgram.rsyslogTLS.howToGetIt)"))
    func wrongAuthority() async throws {
        let scratch = try LogScratch()
        let files = try DevelopmentCertificates.issue(into: scratch.path + "/tls", now: SystemClock.now().wall)
        let others = try DevelopmentCertificates.issue(into: scratch.path + "/others", now: SystemClock.now().wall)
        let server = try await Rsyslog(
            .init(certificate: files.server, key: files.serverKey, authority: files.authority))
        var configuration = TLSConfiguration.makeClientConfiguration()
        configuration.trustRoots = .certificates(try NIOSSLCertificate.fromPEMFile(others.authority))
        let log = try scratch.open()
        let running = RunningForwarding(
            settings(server, tls: try NIOSSLContext(configuration: configuration)), log: log,
            directory: scratch.directory)
        try await log.load(10, perSecond: 1000)
        try await eventually("it is told") {
            try scratch.records().contains { record in
                guard record.kind == "DEGRADED", case .string(let reason)? = record[detail: "reason"] else {
                    return false
                }
                return reason.contains("CERTIFICATE_VERIFY_FAILED") || reason.lowercased().contains("handshake")
            }
        }
        #expect(try server.messages().isEmpty)
        await running.stop()
        log.close()
    }
}
