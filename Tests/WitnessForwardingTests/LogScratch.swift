import CoreTypes
import Foundation
import Logging
import Synchronization
import TestSupport
import Witness

@testable import WitnessForwarding

/// A log in a directory of its own, removed with the test.
final class LogScratch: Sendable {
    let path: String

    init() throws {
        let url = FileManager.default.temporaryDirectory.appendingPathComponent("forwarding-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: url, withIntermediateDirectories: true)
        path = url.path
    }

    deinit {
        try? FileManager.default.removeItem(atPath: path)
    }

    var directory: String { path + "/log" }

    func open(_ change: (inout WitnessSettings) -> Void = { _ in }) throws -> WitnessLog {
        var settings = WitnessSettings(directory: directory, keyDirectory: path + "/state", source: "sallyport.test")
        change(&settings)
        return try WitnessLog(settings) { _ in }
    }

    func records() throws -> [WitnessRecord] {
        var reader = WitnessReader(directory: directory)
        return try reader.tail(.max)
    }
}

extension WitnessLog {
    /// Adds records over a while, as calls would, and waits until they are on the disk.
    func load(_ count: Int, perSecond rate: Int) async throws {
        let before = durableSequence
        let start = ContinuousClock.now
        for index in 0..<count {
            let ahead = Duration.milliseconds(index * 1000 / rate) - (ContinuousClock.now - start)
            if ahead > .milliseconds(5) { try await Task.sleep(for: ahead) }
            append(
                SecurityEvent(
                    .authFailed, .warning, sourceIP: IPAddress("203.0.113.42"), traceID: "trace-\(index)",
                    details: [.init("user", "née \"x\"\\ \u{1b}[2J")]), at: SystemClock.now().wall)
        }
        try await eventually("the records are on the disk") { durableSequence >= before + count }
    }
}

/// Forwarders that run beside a test.
final class RunningForwarding: Sendable {
    let forwarding: WitnessForwarding
    private let task: Task<Void, Never>
    private let end: AsyncStream<Void>.Continuation

    init(_ settings: ForwarderSettings, log: WitnessLog, directory: String) {
        let forwarding = WitnessForwarding(
            [settings], log: log, directory: directory,
            logger: Logger(label: "forwarding") { _ in SwiftLogNoOpLogHandler() })
        let (ended, end) = AsyncStream<Void>.makeStream()
        self.forwarding = forwarding
        self.end = end
        task = Task {
            await forwarding.run(limit: .seconds(3)) { for await _ in ended { break } }
        }
    }

    /// As at the edge's end.
    func stop() async {
        end.yield()
        end.finish()
        await task.value
    }

    func metric(_ name: String) -> Double? {
        forwarding.metricsText().split(separator: "\n").first { $0.hasPrefix(name + "{") }
            .flatMap { $0.split(separator: " ").last.flatMap { Double($0) } }
    }
}
