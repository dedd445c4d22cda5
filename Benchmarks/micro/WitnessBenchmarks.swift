import CoreTypes
import Dispatch
import Foundation
import Witness

/// The log with durability `group`: many records are queued, and only the last is waited for.
enum WitnessBenchmarks {
    private static let operations = 2000

    static func all() throws -> [Benchmark] {
        try [
            // What a record costs all threads: queued, encoded, chained, written.
            benchmark("witness.append", .process),
            // The calling thread's part of it.
            benchmark("witness.append.caller", .thread),
        ]
    }

    private static func benchmark(_ name: String, _ scope: Benchmark.Scope) throws -> Benchmark {
        let log = try ScratchLog()
        return Benchmark(name, operations, scope) {
            let before = log.witness.counters
            var good = 0
            for number in 1...operations {
                let token = number == operations ? UInt64(number) : nil
                if log.witness.append(event, at: 1_762_898_400_123 + Int64(number), token: token) { good += 1 }
            }
            log.committed.wait()
            let after = log.witness.counters
            guard after.failures == 0, after.records - before.records == UInt64(operations) else {
                throw BenchmarkError("\(name): \(after.records - before.records) of \(operations) records were written")
            }
            return good
        }
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

/// A log in a directory of its own, removed with it.
private final class ScratchLog {
    let witness: WitnessLog
    let committed = DispatchSemaphore(value: 0)
    private let directory: URL

    init() throws {
        directory = FileManager.default.temporaryDirectory
            .appendingPathComponent("sallyport-micro-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: directory, withIntermediateDirectories: true)
        var settings = WitnessSettings(
            directory: directory.path + "/log", keyDirectory: directory.path + "/state", source: "sallyport.micro")
        // Signing is no part of a record's cost.
        settings.checkpointRecords = .max
        settings.checkpointInterval = .seconds(3600)
        // Its records are of another year.
        settings.rotateInterval = .seconds(36_500 * 86_400)
        witness = try WitnessLog(settings) { [committed] report in
            if !report.durable.isEmpty || !report.failed.isEmpty { committed.signal() }
        }
    }

    deinit {
        witness.close()
        do {
            try FileManager.default.removeItem(at: directory)
        } catch {
            FileHandle.standardError.write(Data("\(directory.path) can't be removed: \(error)\n".utf8))
        }
    }
}
