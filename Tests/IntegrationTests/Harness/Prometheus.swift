import CoreTypes
import Foundation
import TestSupport

/// Debian's Prometheus with the shipped configuration and rules, on a free port of loopback.
final class Prometheus: Sendable {
    struct Sample {
        let labels: [String: String]
        let value: Double
    }

    private let directory: String
    private let port: UInt16
    private let process: ChildProcess

    /// - Parameter target: the control address of the edge that it watches.
    init(watching target: Endpoint) async throws {
        directory =
            FileManager.default.temporaryDirectory.appendingPathComponent("prometheus-\(UUID().uuidString)").path
        port = try FreePort.next()
        try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: true)
        let configuration = try Deployment.text(
            "prometheus/prometheus.yaml", changing: ["15s": "1s", "127.0.0.1:3000": "\(target)"])
        try Data(configuration.utf8).write(to: URL(fileURLWithPath: directory + "/prometheus.yaml"))
        try FileManager.default.copyItem(
            atPath: Deployment.path("prometheus/sallyport.rules.yaml"), toPath: directory + "/sallyport.rules.yaml")
        process = try ChildProcess(
            "prometheus", PeerProgram.prometheus.require(),
            [
                "--config.file=\(directory)/prometheus.yaml", "--storage.tsdb.path=\(directory)/data",
                "--web.listen-address=127.0.0.1:\(port)",
            ], in: directory)
        try await process.prints("Server is ready to receive web requests.")
    }

    deinit {
        process.send(SIGKILL)
        try? FileManager.default.removeItem(atPath: directory)
    }

    func stop() async throws {
        process.send(SIGTERM)
        try await process.ends()
    }

    /// What an instant query finds.
    /// - Throws: also when the query is none.
    func query(_ expression: String) throws -> [Sample] {
        let data = try get("query", ["--data-urlencode", "query=\(expression)"])
        guard let result = data["result"] as? [[String: Any]] else {
            throw Failure("no instant vector: \(expression)")
        }
        return try result.map { entry in
            guard let pair = entry["value"] as? [Any], let text = pair.last as? String, let value = Double(text) else {
                throw Failure("no sample of \(expression): \(entry)")
            }
            return Sample(labels: entry["metric"] as? [String: String] ?? [:], value: value)
        }
    }

    struct Rule {
        let name: String
        let expression: String
        let health: String
        let error: String
    }

    /// The rules that it has loaded.
    func rules() throws -> [Rule] {
        let groups = try get("rules", [])["groups"] as? [[String: Any]] ?? []
        return groups.flatMap { $0["rules"] as? [[String: Any]] ?? [] }.map { rule in
            func text(_ name: String) -> String { rule[name] as? String ?? "" }
            return Rule(
                name: text("name"), expression: text("query"), health: text("health"), error: text("lastError"))
        }
    }

    private func get(_ path: String, _ arguments: [String]) throws -> [String: Any] {
        let answer = try CurlAnswer.of(arguments + ["--get", "http://127.0.0.1:\(port)/api/v1/\(path)"])
        guard let object = try? JSONSerialization.jsonObject(with: Data(answer.body.utf8)) as? [String: Any],
            object["status"] as? String == "success", let data = object["data"] as? [String: Any]
        else { throw Failure("Prometheus: \(path) \(arguments): \(answer.status) \(answer.errors)\(answer.body)") }
        return data
    }
}
