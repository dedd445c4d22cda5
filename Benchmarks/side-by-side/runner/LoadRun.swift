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
    var foreign: Double
    var connections: Int
    var resumed: Int
    var flooded: Int
    var droppedBeforeEdge: Int

    /// What others did to the run, if it was too much.
    var disturbance: String? {
        if stolen > 0.05 { return "the host took \(Int(stolen * 100)) % of a core" }
        if foreign > 0.1 { return "other programs took \(Int(foreign * 100)) % of a core" }
        return nil
    }

    /// Why the run does not count; nil when it does.
    func objection(tolerates retransmissionsShare: Double = 0.01) -> String? {
        if let disturbance { return disturbance }
        if failed > 0 { return "\(failed) failed: \(failures)" }
        if units == 0 { return "nothing was done" }
        if Double(retransmissions + repeatedByEdge) > retransmissionsShare * Double(units) {
            return "\(retransmissions) retransmissions, \(repeatedByEdge) by the edge, in \(units)"
        }
        return nil
    }
}

/// The load, pinned to the second core.
final class LoadRun {
    private let process: Child
    private let input: PipeEnds
    private let output: PipeEnds
    private let errors: PipeEnds

    init(_ places: Places, _ arguments: [String], watching edge: RunningEdge) throws {
        (input, output, errors) = (try PipeEnds(), try PipeEnds(), try PipeEnds())
        process = try Child(
            ["taskset", "-c", "1", places.load.path] + arguments + ["--watch", String(edge.process.id)],
            input: input.reading, output: output.writing, errors: errors.writing)
        close(input.reading)
        close(output.writing)
        close(errors.writing)
    }

    deinit {
        close(input.writing)
        close(output.reading)
        close(errors.reading)
    }

    /// Waits for the line that says that all are up.
    func awaitReady() throws {
        var line: [UInt8] = []
        while line.last != 0x0a {
            var byte: UInt8 = 0
            guard read(output.reading, &byte, 1) == 1 else { throw failure() }
            line.append(byte)
        }
        let text = String(decoding: line.dropLast(), as: UTF8.self)
        let words = text.split(separator: " ")
        guard words.count == 4, words[0] == "ready", words[1] == words[3] else { throw Failure("the load: \(text)") }
    }

    var isRunning: Bool { process.isRunning }

    func release() throws {
        guard write(input.writing, "\n", 1) == 1 else { throw failure() }
    }

    func finish() throws -> LoadReport {
        let data = PipeEnds.readAll(output.reading)
        guard process.wait() == 0 else { throw failure() }
        return try JSONDecoder().decode(LoadReport.self, from: data)
    }

    private func failure() -> Failure {
        process.wait()
        return Failure(String(decoding: PipeEnds.readAll(errors.reading), as: UTF8.self))
    }
}
