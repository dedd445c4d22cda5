import Foundation
import Glibc

/// The load's line of JSON.
struct LoadReport: Codable {
    var units: Int
    var ok: Int
    var failed: Int
    var failures: [String: Int]
    var retransmissions: Int
    var repeatedByEdge: Int
    var medianTime: Double
    var p99Time: Double
    var cpuPerUnit: Double
    var loadCPUPerUnit: Double
    var seconds: Double
    var stolen: Double
    var connections: Int
    var resumed: Int
    var flooded: Int

    /// Why the run does not count; nil when it does.
    func objection(tolerates retransmissionsShare: Double = 0.01) -> String? {
        if failed > 0 { return "\(failed) failed: \(failures)" }
        if units == 0 { return "nothing was done" }
        if stolen > 0.05 { return "the host took \(Int(stolen * 100)) % of a core" }
        if Double(retransmissions + repeatedByEdge) > retransmissionsShare * Double(units) {
            return "\(retransmissions) retransmissions, \(repeatedByEdge) by the edge, in \(units)"
        }
        return nil
    }
}

/// The load, pinned to the second core.
final class LoadRun {
    private let process = Process()
    private let input = Pipe()
    private let output = Pipe()
    private let errors = Pipe()

    init(_ places: Places, _ arguments: [String], watching edge: RunningEdge) throws {
        process.executableURL = URL(fileURLWithPath: "/usr/bin/taskset")
        process.arguments =
            ["-c", "1", places.load.path] + arguments + ["--watch", String(edge.process.processIdentifier)]
        process.standardInput = input
        process.standardOutput = output
        process.standardError = errors
        try process.run()
        Children.all.add(process.processIdentifier)
    }

    /// Waits for the line that says that all are up.
    func awaitReady() throws {
        var line: [UInt8] = []
        while line.last != 0x0a {
            let data = output.fileHandleForReading.readData(ofLength: 1)
            guard let byte = data.first else { throw failure() }
            line.append(byte)
        }
        let text = String(decoding: line.dropLast(), as: UTF8.self)
        let words = text.split(separator: " ")
        guard words.count == 4, words[0] == "ready", words[1] == words[3] else { throw Failure("the load: \(text)") }
    }

    func release() throws {
        try input.fileHandleForWriting.write(contentsOf: Data("\n".utf8))
    }

    func finish() throws -> LoadReport {
        let data = output.fileHandleForReading.readDataToEndOfFile()
        process.waitUntilExit()
        Children.all.remove(process.processIdentifier)
        guard process.terminationStatus == 0 else { throw failure() }
        return try JSONDecoder().decode(LoadReport.self, from: data)
    }

    private func failure() -> Failure {
        process.waitUntilExit()
        Children.all.remove(process.processIdentifier)
        return Failure(String(decoding: errors.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self))
    }
}
