import Foundation

/// A real HTTP server, Python's, that takes batches of events and can be made slow, failing or dead.
public final class Collector: Sendable {
    public enum Manner: Sendable {
        case ok
        case status(Int)
        /// Answers after so many seconds.
        case slow(Double)
        /// Takes a batch and breaks the connection off instead of answering.
        case mute

        var text: String {
            switch self {
            case .ok: "ok"
            case .status(let status): "status \(status)"
            case .slow(let seconds): "slow \(seconds)"
            case .mute: "mute"
            }
        }
    }

    public struct Batch: Sendable {
        public let token: String?
        public let body: String
        /// Of the records in it.
        public let sequences: [Int]
    }

    public let port: UInt16
    private let directory: String
    private let process = Box<ChildProcess?>(nil)

    public var url: String { "http://127.0.0.1:\(port)/events" }

    public init() async throws {
        directory = FileManager.default.temporaryDirectory.appendingPathComponent("collector-\(UUID().uuidString)").path
        port = try FreePort.next()
        try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: true)
        try Data(Self.program.utf8).write(to: URL(fileURLWithPath: directory + "/collector.py"))
        try behave(.ok)
        try await start()
    }

    deinit {
        process.value?.send(SIGKILL)
        try? FileManager.default.removeItem(atPath: directory)
    }

    public func start() async throws {
        let process = try ChildProcess(
            "collector", PeerProgram.python.require(), ["collector.py", "\(port)"], in: directory)
        self.process.value = process
        try await eventually("the collector listens on \(port)") {
            guard process.isRunning else { throw Failure("the collector has ended: \(process.output)") }
            return !FreePort.isFree(port)
        }
    }

    /// `kill -9`
    public func kill() async throws { try await process.value?.kill() }

    public func behave(_ manner: Manner) throws {
        try Data(manner.text.utf8).write(to: URL(fileURLWithPath: directory + "/manner"), options: .atomic)
    }

    /// What it has answered with 200.
    public func batches() throws -> [Batch] {
        let text = (try? String(contentsOfFile: directory + "/batches", encoding: .utf8)) ?? ""
        return try text.split(separator: "\n", omittingEmptySubsequences: false).dropLast().map { line in
            guard let object = try JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: Any],
                let body = object["body"] as? String,
                let records = try JSONSerialization.jsonObject(with: Data(body.utf8)) as? [[String: Any]]
            else { throw Failure("the collector has written what is no batch: \(line.prefix(200))") }
            return Batch(
                token: object["authorization"] as? String, body: body,
                sequences: records.compactMap { $0["seq"] as? Int })
        }
    }

    private static let program = """
        import http.server, json, os, sys, threading, time

        # One write for each line, one at a time: neither another thread nor a kill can come in between.
        lock = threading.Lock()
        log = os.open("batches", os.O_WRONLY | os.O_CREAT | os.O_APPEND)

        class Collector(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                manner = open("manner").read().split()
                if manner[0] == "slow":
                    time.sleep(float(manner[1]))
                if manner[0] == "mute":
                    self.close_connection = True
                    return
                status = int(manner[1]) if manner[0] == "status" else 200
                if status == 200:
                    entry = {"authorization": self.headers.get("Authorization"), "body": body.decode()}
                    with lock:
                        os.write(log, (json.dumps(entry) + "\\n").encode())
                        os.fsync(log)
                self.send_response(status)
                if status == 503:
                    self.send_header("Retry-After", "1")
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *arguments):
                pass

        http.server.ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Collector).serve_forever()

        """
}
