import CoreTypes
import Foundation
import Witness

/// The log. Durability is `group`; the edge waits for tokens, here nobody waits.
enum WitnessBenchmarks {
    private static let operations = 2000

    static func all() throws -> [Benchmark] {
        [
            // What a record costs all threads: queued, encoded, chained, written, and the log opened and closed.
            Benchmark("witness.append", operations, .process) { try write() },
            // The loop's part of it.
            Benchmark("witness.append.caller", operations, .thread) { try write() },
        ]
    }

    /// Writes a log and removes it.
    private static func write() throws -> Int {
        let directory = FileManager.default.temporaryDirectory
            .appendingPathComponent("sallyport-micro-\(UUID().uuidString)").path
        try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(atPath: directory) }
        var settings = WitnessSettings(
            directory: directory + "/log", keyDirectory: directory + "/state", source: "sallyport.micro")
        settings.checkpointRecords = operations + 1
        let log = try WitnessLog(settings) { _ in }
        var queued = 0
        for number in 0..<operations where log.append(event, at: 1_762_898_400_123 + Int64(number)) { queued += 1 }
        log.close()
        let counters = log.counters
        // The last checkpoint is one more.
        guard counters.failures == 0, counters.records == UInt64(queued + 1) else {
            throw BenchmarkError("witness: \(counters.records) of \(queued + 1) records were written")
        }
        return queued
    }

    private static let event = SecurityEvent(
        .policyApproved, .info, sourceIP: IPAddress(v4: 0xc000_0205), expertID: "expert-safety@external.advisor",
        traceID: "if-trace-1",
        details: [
            .init("result", "admitted"), .init("method", "INVITE"),
            .init("request_uri", "sip:council@external.advisor"), .init("call_id", "call-1@192.0.2.5"),
            .init("source_port", 40_000), .init("transport", "UDP"), .init("authenticated", true),
            .init("passage", .strings(["sourceRate pass 1us", "allowlist pass 1us", "authentication pass 9us"])),
        ])
}
