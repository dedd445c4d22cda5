import ControlAPI
import Foundation
import Glibc
import ServiceLifecycle
import Synchronization
import Testing

@Suite("The control socket", .timeLimit(.minutes(1)))
struct ControlSocketTests {
    private func serving(
        _ surface: Surface, _ body: (String) async throws -> Void
    ) async throws {
        let socket = surface.socket()
        let group = ServiceGroup(services: [socket], logger: Surface.quiet)
        let running = Task { try await group.run() }
        try await body(try await socket.boundPath())
        await group.triggerGracefulShutdown()
        try await running.value
    }

    private func serving(_ calls: MadeUpCalls = MadeUpCalls(), _ body: (String) async throws -> Void) async throws {
        try await serving(try Surface(calls: calls.control), body)
    }

    @Test("answers what the control address answers, and tells of calls page by page")
    func list() async throws {
        try await serving { path in
            #expect(try await Answer(to: "GET /metrics", fromSocket: path).body == "calls_total 3\n")
            let all = try await Answer(to: "GET /v1/calls", fromSocket: path)
            #expect(all.status == 200 && all["content-type"] == "application/json")
            #expect(try page(all).calls.map(\.number) == [5, 4, 3, 2, 1])
            let active = try await Answer(to: "GET /v1/calls?active=true&limit=2", fromSocket: path)
            #expect(try page(active) == CallPage(calls: [5, 4].map(MadeUpCalls.call), next: 4))
            let rest = try await Answer(to: "GET /v1/calls?active=true&limit=2&before=4", fromSocket: path)
            #expect(try page(rest) == CallPage(calls: [3].map(MadeUpCalls.call), next: nil))
            let one = try await Answer(to: "GET /v1/calls/call2", fromSocket: path)
            #expect(one.json?["state"] as? String == "ended")
        }
    }

    private func page(_ answer: Answer) throws -> CallPage {
        try JSONDecoder().decode(CallPage.self, from: Data(answer.body.utf8))
    }

    @Test("ends a call for whoever the kernel says is asking")
    func end() async throws {
        let calls = MadeUpCalls()
        try await serving(calls) { path in
            let answer = try await Answer(to: "POST /v1/calls/call4/end", fromSocket: path)
            #expect(answer.status == 200 && answer.json?["id"] as? String == "call4")
            #expect(calls.asked.withLock { $0 } == ["call4 \(NSUserName())"])
        }
    }

    @Test(
        "says what is wrong with a request",
        arguments: [
            ("POST /v1/calls/call1/end", 409, "has ended already, at 2025-01-01T00:01:00.000Z"),
            ("POST /v1/calls/other/end", 404, "There is no such call"),
            ("GET /v1/calls/other", 404, "There is no such call"),
            ("GET /v1/calls/call1/end", 405, "takes POST only"), ("DELETE /v1/calls/call1", 405, "takes GET and HEAD"),
            ("POST /v1/calls", 405, "takes GET and HEAD only"), ("GET /v1", 404, "nothing at this path"),
            ("GET /v1/calls?active=perhaps", 400, "'active' must be true or false"),
            ("GET /v1/calls?limit=0", 400, "'limit' must be a number from 1 to 1000"),
            ("GET /v1/calls?limit=1001", 400, "'limit'"), ("GET /v1/calls?before=-1", 400, "'before'"),
            ("GET /v1/calls?state=up", 400, "'state' is no parameter; known are active, before, limit"),
        ])
    func problems(request: String, status: Int, detail: String) async throws {
        try await serving { path in
            let answer = try await Answer(to: request, fromSocket: path)
            #expect(answer.status == status)
            #expect(answer["content-type"] == "application/problem+json")
            #expect((answer.json?["detail"] as? String)?.contains(detail) == true, "\(answer.body)")
        }
    }

    @Test("is for its owner only, and nothing is left of it")
    func mode() async throws {
        let surface = try Surface()
        let before = try FileManager.default.contentsOfDirectory(atPath: surface.directory).sorted()
        try await serving(surface) { path in
            #expect(path == surface.directory + "/control.sock")
            let mode = try FileManager.default.attributesOfItem(atPath: path)[.posixPermissions] as? Int
            #expect(mode == 0o600)
            let now = try FileManager.default.contentsOfDirectory(atPath: surface.directory).sorted()
            #expect(now == (before + ["control.sock"]).sorted())
        }
        #expect(try FileManager.default.contentsOfDirectory(atPath: surface.directory).sorted() == before)
    }

    @Test("takes the place of one that nobody answers on, never of one that somebody does")
    func place() async throws {
        let surface = try Surface()
        let path = surface.directory + "/control.sock"
        // What a killed edge leaves behind: a name without anybody behind it.
        let descriptor = Glibc.socket(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0)
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: path.utf8) }
        let bound = withUnsafePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                bind(descriptor, $0, socklen_t(MemoryLayout<sockaddr_un>.size))
            }
        }
        #expect(bound == 0)
        close(descriptor)
        #expect(UnixSocket.state(of: path) == .abandoned)
        try await serving(surface) { path in
            #expect(UnixSocket.state(of: path) == .listening)
            let second = surface.socket()
            await #expect { try await second.run() } throws: { ($0 as? ControlError)?.code == .isRunning }
            let answer = try await Answer(to: "GET /healthz", fromSocket: path)
            #expect(answer.status == 200)
        }
        #expect(UnixSocket.state(of: path) == .absent)
    }

    @Test("a name too long for a socket is said, with how long it may be")
    func longName() async throws {
        let surface = try Surface()
        let socket = ControlSocket(directory: "/tmp/" + String(repeating: "a", count: 100), surface.surface())
        await #expect { try await socket.run() } throws: { error in
            (error as? ControlError)?.description.contains("is too long for the name of a socket (103 octets") == true
        }
    }
}
