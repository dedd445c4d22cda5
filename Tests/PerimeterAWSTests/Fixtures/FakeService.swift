import Foundation
import TestSupport

@testable import PerimeterAWS

/// A real HTTP server, Python's, that answers by a script: what moto can't be made to say.
final class FakeService: Sendable {
    /// One answer. The last of a route is given again and again.
    struct Answer: Encodable {
        var status = 200
        var headers: [String: String] = [:]
        var body = ""
        /// What Content-Length says, when that isn't the truth: the connection is closed behind the body.
        var length: Int?
        /// Takes the request and never answers.
        var isMute = false
        /// Seconds by which the date in the answer is ahead of the real one.
        var ahead = 0

        static func error(_ status: Int, _ code: String, _ message: String = "no", _ headers: [String: String] = [:])
            -> Answer
        {
            Answer(
                status: status, headers: headers,
                body: "<Response><Errors><Error><Code>\(code)</Code><Message>\(message)</Message></Error></Errors>"
                    + "<RequestID>r-1</RequestID></Response>")
        }
    }

    struct Request: Decodable {
        let method: String
        let path: String
        let headers: [String: String]
        let body: String

        /// A field of the form that it carries.
        func field(_ name: String) -> String? {
            body.split(separator: "&").first { $0.hasPrefix("\(name)=") }
                .flatMap { $0.dropFirst(name.count + 1).replacing("+", with: " ").removingPercentEncoding }
        }
    }

    let port: UInt16
    private let directory: String
    private let process: ChildProcess

    var url: String { "http://127.0.0.1:\(port)" }

    /// - Parameter routes: by `METHOD PATH`, or `Action` of a form.
    init(_ routes: [String: [Answer]]) async throws {
        directory = FileManager.default.temporaryDirectory.appendingPathComponent("fake-\(UUID().uuidString)").path
        port = try FreePort.next()
        try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: true)
        try JSONEncoder().encode(routes).write(to: URL(fileURLWithPath: directory + "/routes.json"))
        try Data(Self.program.utf8).write(to: URL(fileURLWithPath: directory + "/fake.py"))
        process = try ChildProcess("fake", PeerProgram.python.require(), ["fake.py", "\(port)"], in: directory)
        // A port is taken before anybody listens there.
        try await process.prints("listening")
    }

    deinit {
        process.send(SIGKILL)
        try? FileManager.default.removeItem(atPath: directory)
    }

    /// What it was asked so far.
    func requests() throws -> [Request] {
        let text = (try? String(contentsOfFile: directory + "/requests", encoding: .utf8)) ?? ""
        return try text.split(separator: "\n").map { try JSONDecoder().decode(Request.self, from: Data($0.utf8)) }
    }

    private static let program = """
        import email.utils, http.server, json, os, sys, threading, time, urllib.parse

        routes = json.load(open("routes.json"))
        lock = threading.Lock()
        log = os.open("requests", os.O_WRONLY | os.O_CREAT | os.O_APPEND)

        class Fake(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def answer(self):
                body = self.rfile.read(int(self.headers.get("Content-Length", 0))).decode()
                entry = {
                    "method": self.command, "path": self.path, "body": body,
                    "headers": {name.lower(): value for name, value in self.headers.items()}}
                action = urllib.parse.parse_qs(body).get("Action", [""])[0]
                with lock:
                    os.write(log, (json.dumps(entry) + "\\n").encode())
                    answers = routes.get(self.command + " " + self.path) or routes.get(action)
                    answer = {"status": 404, "headers": {}, "body": "nothing there"}
                    if answers:
                        answer = answers.pop(0) if len(answers) > 1 else answers[0]
                if answer.get("isMute"):
                    time.sleep(3600)
                content = answer["body"].encode()
                self.send_response_only(answer["status"])
                self.send_header("Date", email.utils.formatdate(time.time() + answer.get("ahead", 0), usegmt=True))
                for name, value in answer["headers"].items():
                    self.send_header(name, value)
                length = answer.get("length")
                self.send_header("Content-Length", str(len(content) if length is None else length))
                self.end_headers()
                if self.command != "HEAD":
                    self.wfile.write(content)
                self.close_connection = length is not None

            do_GET = do_POST = do_PUT = do_DELETE = do_HEAD = answer

            def log_message(self, *arguments):
                pass

        server = http.server.ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Fake)
        server.daemon_threads = True
        print("listening", flush=True)
        server.serve_forever()

        """
}
