import ControlAPI
import CoreTypes
import Foundation
import NIOCore
import NIOPosix
import SallyportConfiguration
import Testing

@Suite("The control server", .timeLimit(.minutes(1)))
struct ControlServerTests {
    @Test("serves metrics in Prometheus' text format")
    func metrics() async throws {
        try await serving { ask in
            let answer = try await ask("GET /metrics")
            #expect(answer.status == 200)
            #expect(answer["content-type"] == "text/plain; version=0.0.4; charset=utf-8")
            #expect(answer.body == "calls_total 3\n")
        }
    }

    @Test("says that it is ready, or why not", arguments: [[], ["the registry can't be read", "draining"]])
    func readiness(reasons: [String]) async throws {
        try await serving(reasons: reasons) { ask in
            let answer = try await ask("GET /readyz")
            #expect(answer.status == (reasons.isEmpty ? 200 : 503))
            #expect(answer["content-type"] == "application/json")
            let json = try #require(answer.json)
            #expect(json["status"] as? String == (reasons.isEmpty ? "ready" : "not ready"))
            #expect(json["reasons"] as? [String] == reasons)
            let alive = try await ask("GET /healthz")
            #expect(alive.status == 200)
            #expect(alive.json?["status"] as? String == "alive")
        }
    }

    @Test(
        "errors are problem documents",
        arguments: [
            ("GET /nowhere", 404, "/nowhere"), ("GET /console/nothing", 404, "/console/nothing"),
            ("DELETE /metrics", 405, "/metrics"),
            ("GET /v1/calls", 401, "/v1/calls"),
            ("POST /readyz", 405, "/readyz"), ("GET /metrics/%00\"x", 404, nil),
        ])
    func problems(request: String, status: Int, instance: String?) async throws {
        try await serving { ask in
            let answer = try await ask(request)
            #expect(answer.status == status)
            #expect(answer["content-type"] == "application/problem+json")
            #expect(answer["allow"] == (status == 405 ? "GET, HEAD" : nil))
            let json = try #require(answer.json)
            #expect(json["status"] as? Int == status)
            if let instance { #expect(json["instance"] as? String == instance) }
        }
    }

    @Test("HEAD has the headers of GET and no body")
    func head() async throws {
        try await serving { ask in
            let answer = try await ask("HEAD /metrics")
            #expect(answer.status == 200)
            #expect(answer["content-length"] == "14")
            #expect(answer.body == "")
        }
    }

    @Test("the console comes with a policy that lets it load nothing from elsewhere, and once only")
    func console() async throws {
        try await Surface().serving { address in
            let page = try await Answer(to: "GET /", from: address)
            #expect(page.status == 200 && page["content-type"] == "text/html; charset=utf-8")
            let policy = try #require(page["content-security-policy"])
            #expect(policy.hasPrefix("default-src 'none'; ") && !policy.contains("unsafe") && !policy.contains("http"))
            let tag = try #require(page["etag"])
            #expect(try await Answer(to: "GET /", ["If-None-Match: \(tag)"], from: address).status == 304)
            let folder = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
                .appendingPathComponent("../../Sources/Console/Page").path
            for name in try FileManager.default.contentsOfDirectory(atPath: folder) {
                let file = try await Answer(to: "GET /console/\(name)", from: address)
                #expect(file.status == 200 && file["x-content-type-options"] == "nosniff", "\(name)")
            }
        }
    }

    @Test("a port in use is named, to the one who runs it and to the one who waits for the address")
    func portInUse() async throws {
        let group = MultiThreadedEventLoopGroup.singleton
        let other = try await ServerBootstrap(group: group).bind(host: "127.0.0.1", port: 0).get()
        let port = try #require(other.localAddress?.port)
        let (surface, server) = try server(on: "127.0.0.1:\(port)")
        let waiting = Task { try await server.boundAddress() }
        await #expect { try await server.run() } throws: { error in
            let error = error as? ControlError
            return error?.code == .cannotListen
                && error?.description.contains("control.listen: can't listen on 127.0.0.1:\(port): the port is in use")
                    == true
        }
        await #expect(throws: ControlError.self) { try await waiting.value }
        try await other.close()
        withExtendedLifetime(surface) {}
    }

    @Test("an address that others can reach is refused", arguments: ["0.0.0.0:0", "192.0.2.1:3000", "[::]:0"])
    func notLoopback(listen: String) async throws {
        let (surface, server) = try server(on: listen)
        await #expect { try await server.run() } throws: { error in
            (error as? ControlError)?.description.contains("\(listen) is not a loopback address") == true
        }
        withExtendedLifetime(surface) {}
    }

    @Test("whoever waits for an address can be told to stop waiting")
    func cancelledWait() async throws {
        let (surface, server) = try server(on: "127.0.0.1:0")
        let waiting = Task { try await server.boundAddress() }
        waiting.cancel()
        await #expect(throws: CancellationError.self) { try await waiting.value }
        withExtendedLifetime(surface) {}
    }

    // MARK: -

    private func server(on listen: String) throws -> (Surface, ControlServer) {
        let endpoint = try #require(Endpoint(listen))
        let surface = try Surface { $0.control.listen = endpoint }
        return (surface, try surface.server())
    }

    private func serving(
        reasons: [String] = [], _ body: (_ ask: (String) async throws -> Answer) async throws -> Void
    ) async throws {
        try await Surface(reasons: reasons).serving { address in
            try await body { try await Answer(to: $0, from: address) }
        }
    }
}
