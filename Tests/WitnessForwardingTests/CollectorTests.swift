import CoreTypes
import Foundation
import TestSupport
import Testing
import Witness

@testable import WitnessForwarding

@Suite(
    "Forwarding to a real HTTP server", .serialized, .timeLimit(.minutes(3)),
    .enabled(if: PeerProgram.python.isInstalled, "\(PeerProgram.python.howToGetIt)"))
struct CollectorTests {
    private func settings(_ collector: Collector, token: String? = nil) -> ForwarderSettings {
        var settings = ForwarderSettings(
            name: "collector", target: .http(url: collector.url, tls: nil, token: token))
        settings.batch = 100
        settings.patience = .seconds(2)
        return settings
    }

    private func expectAll(_ collector: Collector, of log: WitnessLog) async throws {
        let last = log.durableSequence
        try await eventually("all \(last) records have come", within: .seconds(60)) {
            Set(try collector.batches().flatMap(\.sequences)).isSuperset(of: 1...last)
        }
    }

    @Test("batches arrive in order, each record once, byte for byte, with the token")
    func arrive() async throws {
        let collector = try await Collector()
        let scratch = try LogScratch()
        let log = try scratch.open()
        let running = RunningForwarding(
            settings(collector, token: "secret-token"), log: log, directory: scratch.directory)
        try await log.load(2000, perSecond: 4000)
        try await expectAll(collector, of: log)
        let batches = try collector.batches()
        #expect(batches.flatMap(\.sequences) == Array(1...log.durableSequence))
        #expect(batches.allSatisfy { $0.sequences.count <= 100 && $0.token == "Bearer secret-token" })
        let lines = batches.flatMap { batch in
            batch.body.split(separator: "\n").dropFirst().dropLast().map { $0.hasSuffix(",") ? $0.dropLast() : $0[...] }
        }
        #expect(lines.map(String.init) == (try scratch.records().map(\.line)))
        await running.stop()
        #expect(try ForwardCursor.read("collector", directory: scratch.directory)?.sequence == log.durableSequence)
        log.close()
    }

    @Test("a server that fails, is slow, breaks off, asks for smaller batches or is dead misses nothing")
    func trouble() async throws {
        let collector = try await Collector()
        let scratch = try LogScratch()
        let log = try scratch.open()
        var running = RunningForwarding(settings(collector), log: log, directory: scratch.directory)
        let load = Task { try await log.load(6000, perSecond: 600) }
        let manners: [Collector.Manner] = [.status(500), .slow(3), .mute, .status(413), .status(503), .status(302)]
        for manner in manners {
            let before = running.metric("witness_forward_failures_total") ?? 0
            try collector.behave(manner)
            try await eventually("\(manner) is a failure", within: .seconds(20)) {
                (running.metric("witness_forward_failures_total") ?? 0) > before
            }
            try collector.behave(.ok)
            try await eventually("it goes on after \(manner)", within: .seconds(20)) {
                running.metric("witness_forward_up") == 1
            }
        }
        try await collector.kill()
        await running.stop()
        running = RunningForwarding(settings(collector), log: log, directory: scratch.directory)
        try await collector.start()
        try await load.value
        try await expectAll(collector, of: log)
        let kinds = try scratch.records().filter { $0[detail: "component"] == "forwarder:collector" }.map(\.kind)
        #expect(kinds.first == "DEGRADED")
        #expect(kinds.count <= 8)
        await running.stop()
        log.close()
    }

    @Test("a server that is not there is told at once, and gets everything when it comes")
    func notThere() async throws {
        let collector = try await Collector()
        try await collector.kill()
        let scratch = try LogScratch()
        let log = try scratch.open()
        var patient = settings(collector)
        patient.patience = .seconds(30)
        let running = RunningForwarding(patient, log: log, directory: scratch.directory)
        try await log.load(10, perSecond: 1000)
        try await eventually("it is told", within: .seconds(10)) {
            try scratch.records().contains { $0.kind == "DEGRADED" }
        }
        #expect(running.metric("witness_forward_up") == 0)
        try await collector.start()
        try await expectAll(collector, of: log)
        await running.stop()
        log.close()
    }

    @Test("a log that was begun anew is sent from its beginning")
    func anew() async throws {
        let collector = try await Collector()
        let scratch = try LogScratch()
        var log = try scratch.open()
        var running = RunningForwarding(settings(collector), log: log, directory: scratch.directory)
        try await log.load(50, perSecond: 10_000)
        try await expectAll(collector, of: log)
        await running.stop()
        log.close()
        let cursor = scratch.directory + "/forward-collector.cursor"
        let kept = try Data(contentsOf: URL(fileURLWithPath: cursor))
        try FileManager.default.removeItem(atPath: scratch.directory)
        log = try scratch.open()
        try kept.write(to: URL(fileURLWithPath: cursor))
        try await log.load(70, perSecond: 10_000)
        try await eventually("the records are on the disk") { log.durableSequence >= 70 }
        running = RunningForwarding(settings(collector), log: log, directory: scratch.directory)
        try await eventually("the new log's first record comes") {
            try collector.batches().flatMap(\.sequences).filter { $0 == 1 }.count == 2
        }
        await running.stop()
        log.close()
    }

    @Test("what retention had to remove before it could be sent is counted and told")
    func lost() async throws {
        let collector = try await Collector()
        let scratch = try LogScratch()
        let log = try scratch.open { $0.rotateBytes = 20_000 }
        var running = RunningForwarding(settings(collector), log: log, directory: scratch.directory)
        try await log.load(10, perSecond: 10_000)
        try await expectAll(collector, of: log)
        await running.stop()
        for _ in 0..<8 { try await log.load(50, perSecond: 10_000) }
        try await eventually("there are several files") {
            try FileManager.default.contentsOfDirectory(atPath: scratch.directory).filter { $0.contains(".jsonl.gz") }
                .count > 3 && log.durableSequence >= 400
        }
        let files = try FileManager.default.contentsOfDirectory(atPath: scratch.directory)
            .filter { $0.hasPrefix("witness-") }.sorted()
        for name in files.prefix(3) { try FileManager.default.removeItem(atPath: scratch.directory + "/" + name) }
        running = RunningForwarding(settings(collector), log: log, directory: scratch.directory)
        try await eventually("it is counted") { (running.metric("witness_forward_lost_records_total") ?? 0) > 0 }
        try await eventually("it is told") {
            try scratch.records().contains { $0[detail: "reason"] == "forward_lost" && $0.severity == "ALERT" }
        }
        await running.stop()
        log.close()
    }
}
