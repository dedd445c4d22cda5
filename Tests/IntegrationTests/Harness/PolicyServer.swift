import CoreTypes
import Foundation
import TestSupport

/// `Scenarios/policy.py` as a process of its own.
struct PolicyServer {
    let process: ChildProcess
    let port: UInt16

    private static let script = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
        .deletingLastPathComponent().appendingPathComponent("Scenarios/policy.py").path

    static func start(port: UInt16? = nil, in directory: String) async throws -> PolicyServer {
        let port = try port ?? FreePort.next()
        let process = try ChildProcess("policy", try PeerProgram.python.require(), [script, "\(port)"], in: directory)
        try await process.prints("policy service is ready")
        return PolicyServer(process: process, port: port)
    }

    func url(_ path: String) -> String { "http://127.0.0.1:\(port)/\(path)" }

    /// The questions so far, as JSON.
    var questions: [[String: Any]] {
        process.output.split(separator: "\n").compactMap { line in
            guard let brace = line.firstIndex(of: "{") else { return nil }
            return (try? JSONSerialization.jsonObject(with: Data(line[brace...].utf8))) as? [String: Any]
        }
    }
}
