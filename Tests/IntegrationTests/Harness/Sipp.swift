import CoreTypes
import Foundation
import TestSupport

/// One run of sipp, by the scenario of that name in `Scenarios`.
struct Sipp {
    let process: ChildProcess
    private let statisticsFile: String
    private let errorFile: String

    private static let scenarios = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
        .deletingLastPathComponent().appendingPathComponent("Scenarios").path

    private init(
        _ name: String, scenario: String, _ transport: TransportKind, port: UInt16, _ arguments: [String],
        in directory: String
    ) throws {
        statisticsFile = "\(directory)/\(name).csv"
        errorFile = "\(directory)/\(name).errors"
        process = try ChildProcess(
            name, try PeerProgram.sipp.require(),
            [
                "-sf", "\(Self.scenarios)/\(scenario).xml", "-t", transport == .udp ? "u1" : "t1",
                "-i", "127.0.0.1", "-p", "\(port)", "-nostdin", "-aa", "-trace_stat", "-stf", statisticsFile, "-fd",
                "1",
                "-trace_err", "-error_file", errorFile,
            ] + arguments, in: directory, environment: ["TERM": "vt100"])
    }

    /// Answers calls until it is ended; returns when it can be called.
    static func answering(_ transport: TransportKind, port: UInt16, in directory: String) async throws -> Sipp {
        let sipp = try Sipp(
            "answering-\(transport.rawValue)", scenario: "answer", transport, port: port, [], in: directory)
        try await eventually("sipp listens on \(port)") {
            guard sipp.process.isRunning else { throw Failure("sipp has ended: \(sipp.process.output)") }
            return !FreePort.isFree(port)
        }
        return sipp
    }

    /// Places calls, each held for 100 ms, and ends by itself.
    /// - Parameters:
    ///   - scenario: `call`; `overload`, which takes 503 for an answer; `talk`, which lasts twenty seconds; or `wait`,
    ///     which lasts until it is hung up on.
    ///   - rate: calls a second.
    static func calling(
        _ name: String, scenario: String = "call", _ transport: TransportKind, to remote: Endpoint, calls: Int,
        rate: Int, in directory: String
    ) throws -> Sipp {
        try Sipp(
            name, scenario: scenario, transport, port: try FreePort.next(),
            [
                "\(remote)", "-s", "service", "-m", "\(calls)", "-r", "\(rate)", "-l", "\(rate * 10)",
                "-timeout", "\(calls / rate + 60)s",
            ], in: directory)
    }

    /// What went otherwise than the scenario says, message by message.
    var errors: String { (try? String(contentsOfFile: errorFile, encoding: .utf8)) ?? "" }

    struct Statistics {
        let successful: Int
        let failed: Int
        /// Messages that it sent again since no answer had come.
        let retransmissions: Int
    }

    /// What it has counted up to its last report; whole after its end.
    func statistics() throws -> Statistics {
        let text = try String(contentsOfFile: statisticsFile, encoding: .utf8)
        let rows = text.split(separator: "\n").map { $0.split(separator: ";", omittingEmptySubsequences: false) }
        guard let head = rows.first, let last = rows.last, rows.count > 1 else {
            throw Failure("\(statisticsFile) has no statistics")
        }
        func column(_ name: String) throws -> Int {
            guard let index = head.firstIndex(where: { $0 == name }), index < last.count, let count = Int(last[index])
            else { throw Failure("\(statisticsFile) has no \(name)") }
            return count
        }
        return Statistics(
            successful: try column("SuccessfulCall(C)"), failed: try column("FailedCall(C)"),
            retransmissions: try column("Retransmissions(C)"))
    }
}
