import ArgumentParser
import CoreTypes
import Foundation
import Synchronization
import Witness

struct WitnessMeasureCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "measure", abstract: "Measure how fast a disk takes records, for each durability.",
        discussion: """
            Writes records of the usual size into a log of its own in a new directory below the one given, and removes it. \
            WAIT is what one call waits for its record when nothing else goes on; RATE is with 64 waiting at a time.
            """)

    @Option(help: "A directory on the disk in question.", completion: .directory) var directory: String
    @Option(help: "How many records for RATE, for each durability (1000 to 1000000).") var records = 50_000
    @OptionGroup var output: OutputOption

    func validate() throws {
        guard (1000...1_000_000).contains(records) else {
            throw ValidationError("--records is a number from 1000 to 1000000.")
        }
    }

    private struct Figures: Encodable {
        let durability: String
        let recordsPerSecond: Int
        let waitMedianMicroseconds: Int
        let waitP99Microseconds: Int
    }

    func run() throws {
        var figures: [Figures] = []
        for durability in WitnessSettings.Durability.allCases { figures.append(try measure(durability)) }
        var table = Table("DURABILITY", "RATE (records/s)", "WAIT median", "WAIT p99")
        for row in figures {
            table.add(
                row.durability, String(row.recordsPerSecond), "\(row.waitMedianMicroseconds) us",
                "\(row.waitP99Microseconds) us")
        }
        try output.show(figures, text: table.text())
    }

    private func measure(_ durability: WitnessSettings.Durability) throws -> Figures {
        let place = directory + "/witness-measure-\(UUID().uuidString)"
        defer { try? FileManager.default.removeItem(atPath: place) }
        var settings = WitnessSettings(directory: place, keyDirectory: place + "/key", source: "sallyport.measure")
        settings.durability = durability
        let waiting = DispatchSemaphore(value: 0)
        let failure = Mutex<WitnessError?>(nil)
        let log = try WitnessLog(settings) { report in
            if let error = report.error { failure.withLock { $0 = error } }
            for _ in report.durable.indices { waiting.signal() }
            for _ in report.failed.indices { waiting.signal() }
        }
        defer { log.close() }
        // `sync` on a slow disk would take for ever.
        let count = durability == .sync ? min(records, 5000) : records
        let waits = (0..<500).map { index in
            let start = ContinuousClock.now
            log.append(Self.event(index), at: SystemClock.now().wall, token: 1)
            waiting.wait()
            return ContinuousClock.now - start
        }.sorted()
        let start = ContinuousClock.now
        for index in 0..<count {
            log.append(Self.event(index), at: SystemClock.now().wall, token: 1)
            if index >= 64 { waiting.wait() }
        }
        for _ in 0..<64 { waiting.wait() }
        let seconds = (ContinuousClock.now - start).inSeconds
        if let error = failure.withLock({ $0 }) { throw error }
        return Figures(
            durability: durability.rawValue, recordsPerSecond: Int(Double(count) / seconds),
            waitMedianMicroseconds: Int(waits[waits.count / 2].inSeconds * 1e6),
            waitP99Microseconds: Int(waits[waits.count * 99 / 100].inSeconds * 1e6))
    }

    /// As long as the record of a call that is let in.
    private static func event(_ index: Int) -> SecurityEvent {
        SecurityEvent(
            .policyApproved, .info, sourceIP: IPAddress(v4: 0xcb00_712a), expertID: "expert-safety@external.advisor",
            traceID: "measure-\(index)",
            details: [
                .init("result", "admitted"), .init("method", "INVITE"),
                .init("request_uri", "sip:expert-safety@external.advisor"),
                .init("from", "sip:expert-ethics@external.advisor"), .init("call_id", .string("measure-\(index)@host")),
                .init("source_port", 40_000), .init("transport", "tls"), .init("route", "experts"),
                .init("authenticated", true), .init("tls_version", "TLSv1.3"),
                .init("cipher_suite", "TLS_AES_128_GCM_SHA256"), .init("organization", "lab"),
                .init("rate_limit_status", "1/10"), .init("hazard", "safety"),
                .init(
                    "passage",
                    .strings([
                        "source_rate pass 6us", "allowlist pass 1us", "transport_security pass 0us",
                        "authentication pass 289us", "call_rate pass 12us", "guard pass 679us", "witness pass 0us",
                    ])),
            ])
    }
}
