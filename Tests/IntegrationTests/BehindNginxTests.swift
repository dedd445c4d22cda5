import CoreTypes
import Foundation
import TestSupport
import Testing
import Witness

extension Integration {
    @Suite(
        "Behind nginx", .needs(.nginx, .curl, .ip, .python),
        .enabled(if: NetworkNamespaces.arePossible, "no network namespace can be made: this needs root"),
        .timeLimit(.minutes(2)))
    struct BehindNginxTests {
        /// A host with an edge and nginx in front of its control address, and the world outside.
        private struct Scene {
            let namespaces: NetworkNamespaces
            let edge: EdgeUnderTest
            let nginx: Nginx

            /// - Parameters:
            ///   - isEdge: the edge runs; else something else may take its port.
            ///   - changes: what an operator has written in place of what, in nginx's configuration.
            init(isEdge: Bool = true, changing changes: [String: String] = [:]) async throws {
                namespaces = try NetworkNamespaces()
                edge = try EdgeUnderTest([try .init(.udp, "trunks")], "", controlPort: 3000)
                try edge.command("cert", "issue-dev", "tls", "--name", Nginx.name)
                if isEdge { try await edge.start(through: namespaces.onHost) }
                nginx = try await Nginx(in: namespaces, certificates: edge.program.path("tls"), changing: changes)
            }

            /// curl, from outside.
            func ask(
                _ path: String, _ arguments: [String] = [], scheme: String = "https",
                at address: String = NetworkNamespaces.host
            )
                throws -> CurlAnswer
            {
                let literal = address.contains(":") ? "[\(address)]" : address
                return try CurlAnswer.of(
                    [
                        "--cacert", edge.program.path("tls/ca.pem"), "--connect-to", "::\(literal):", "--path-as-is",
                        "\(scheme)://\(Nginx.name)\(path)",
                    ] + arguments, through: namespaces.outside)
            }
        }

        @Test("HTTPS works, HTTP leads there whatever name was asked for, and browsers are told to stay")
        func https() async throws {
            let scene = try await Scene()
            for address in [NetworkNamespaces.host, NetworkNamespaces.hostIPv6] {
                let answer = try scene.ask("/healthz", at: address)
                #expect(answer.status == 200 && answer.body.contains("alive"), "\(answer)")
                #expect(answer.headers["strict-transport-security"] == "max-age=31536000")
                #expect(answer.headers["server"] == "nginx")
            }
            let plain = try scene.ask("/v1/status?a=1", ["--header", "Host: evil.example"], scheme: "http")
            #expect(plain.status == 301)
            #expect(plain.headers["location"] == "https://\(Nginx.name)/v1/status?a=1")
            #expect(try scene.ask("/nothing").status == 404)
            #expect(try await scene.edge.stop() == 0)
        }

        @Test("TLS 1.2 and 1.3 with AEAD suites are spoken, nothing older")
        func tls() async throws {
            let scene = try await Scene()
            for version in ["1.2", "1.3"] {
                #expect(try scene.ask("/healthz", ["--tlsv\(version)", "--tls-max", version]).status == 200)
            }
            // curl itself would refuse these, too, unless it is told not to.
            let old = try scene.ask(
                "/healthz", ["--tlsv1.0", "--tls-max", "1.1", "--ciphers", "DEFAULT:@SECLEVEL=0"])
            #expect(old.code == CurlAnswer.handshakeFailed, "\(old)")
            for suite in ["ECDHE-ECDSA-AES128-SHA256", "ECDHE-ECDSA-AES256-SHA"] {
                let weak = try scene.ask(
                    "/healthz", ["--tls-max", "1.2", "--ciphers", "\(suite):@SECLEVEL=0"])
                #expect(weak.code == CurlAnswer.handshakeFailed, "\(suite): \(weak)")
            }
            #expect(try await scene.edge.stop() == 0)
        }

        @Test("metrics and readiness are for those within, however their paths are written, and so is the port itself")
        func within() async throws {
            let scene = try await Scene()
            let paths = [
                "/metrics", "/metrics/", "/metrics?a=1", "//metrics", "/./metrics", "/healthz/../metrics", "/%6detrics",
                "/metrics%2f", "/healthz%2f..%2fmetrics", "/metrics;a", "/readyz", "/readyz/", "//readyz", "/%72eadyz",
            ]
            for path in paths {
                // By the other address where the first has asked often enough.
                let answer = try scene.ask(path, ["--interface", NetworkNamespaces.otherStranger])
                #expect(answer.status == 403 && !answer.body.contains("# HELP"), "\(path): \(answer)")
                #expect(answer.headers["strict-transport-security"] != nil)
            }
            let closed = try CurlAnswer.of(
                ["http://\(NetworkNamespaces.host):3000/healthz"], through: scene.namespaces.outside)
            #expect(closed.code == CurlAnswer.refused, "\(closed)")
            let inside = try CurlAnswer.of(["http://127.0.0.1:3000/metrics"], through: scene.namespaces.onHost)
            #expect(inside.status == 200 && inside.body.contains("sallyport_ready 1"))
            #expect(try await scene.edge.stop() == 0)
        }

        @Test("a Prometheus elsewhere can be let in as the configuration says, and nobody else is")
        func prometheus() async throws {
            let scene = try await Scene(changing: [
                "^~ /metrics {": """
                ^~ /metrics {
                allow \(NetworkNamespaces.otherStranger);
                set $sallyport_client "";
                proxy_pass http://sallyport_control;
                """
            ])
            let allowed = try scene.ask("/metrics", ["--interface", NetworkNamespaces.otherStranger])
            #expect(allowed.status == 200 && allowed.body.contains("sallyport_ready 1"), "\(allowed)")
            #expect(try scene.ask("/metrics").status == 403)
            #expect(try await scene.edge.stop() == 0)
        }

        @Test(
            "ten requests a second and twenty more at once are answered, the others told to come later; others don't notice"
        )
        func rate() async throws {
            let scene = try await Scene()
            let began = ContinuousClock.now
            let answers = try CurlAnswer.all(
                [
                    "--cacert", scene.edge.program.path("tls/ca.pem"), "--connect-to", "::\(NetworkNamespaces.host):",
                    "https://\(Nginx.name)/healthz#[1-100]",
                ], through: scene.namespaces.outside)
            let seconds = (ContinuousClock.now - began) / .seconds(1)
            let answered = answers.filter { $0.status == 200 }.count
            let refused = answers.filter { $0.status == 429 }
            #expect(answers.count == 100 && refused.count == 100 - answered, "\(answers.map(\.status))")
            #expect(answered >= 21 && Double(answered) <= 22 + 10 * seconds, "\(answered) within \(seconds) s")
            for answer in refused {
                #expect(answer.headers["retry-after"] == "1")
                #expect(answer.headers["content-type"] == "application/problem+json")
                #expect(answer.headers["strict-transport-security"] != nil)
            }
            #expect(try scene.ask("/healthz", ["--interface", NetworkNamespaces.otherStranger]).status == 200)
            try await eventually("the first may ask again") { try scene.ask("/healthz").status == 200 }
            #expect(try await scene.edge.stop() == 0)
        }

        @Test("the edge is told who asks by nginx alone, whatever the client says of itself")
        func whoAsks() async throws {
            let scene = try await Scene()
            let lies = ["X-Forwarded-For: 10.9.8.7", "X-Real-IP: 10.9.8.7", "Forwarded: for=10.9.8.7"]
                .flatMap { ["--header", $0] }
            let answer = try scene.ask("/v1/status", ["--header", "X-API-Key: wrong"] + lies)
            #expect(answer.status == 401 && answer.headers["content-type"] == "application/problem+json")
            try await eventually("the wrong key is in the log") {
                try scene.edge.records().contains { record in
                    record.kind == "AUTH_FAILED" && record.sourceIP == NetworkNamespaces.stranger
                }
            }
            #expect(try !scene.edge.records().contains { $0.sourceIP == "10.9.8.7" })
            // Asked as by the machine itself, whoever asks: it says nothing but that the edge is there.
            #expect(try scene.ask("/healthz", lies).status == 200)
            let key = try scene.edge.createKey("browser", role: "viewer")
            let session = try scene.ask("/v1/session", ["--json", "{\"key\":\"\(key)\"}"])
            #expect(session.status == 200 && session.headers["set-cookie"]?.contains("; Secure") == true, "\(session)")
            #expect(try await scene.edge.stop() == 0)
        }

        @Test("events come as they happen, and what is too large never gets to the edge")
        func passing() async throws {
            let scene = try await Scene()
            let key = try scene.edge.createKey("operator", role: "operator")
            let words =
                scene.namespaces.outside + [
                    try PeerProgram.curl.require(), "-sSN", "--cacert", scene.edge.program.path("tls/ca.pem"),
                    "--connect-to", "::\(NetworkNamespaces.host):", "--header", "X-API-Key: \(key)", "--header",
                    "Accept: text/event-stream", "https://\(Nginx.name)/v1/events?type=ADMIN_CHANGE",
                ]
            let stream = try ChildProcess(
                "stream", words[0], Array(words.dropFirst()), in: scene.edge.program.directory)
            for network in ["198.51.100.0/24", "203.0.113.0/24"] {
                let added = try scene.ask(
                    "/v1/allowlist",
                    ["--header", "X-API-Key: \(key)", "--json", "{\"cidr\":\"\(network)\",\"tag\":\"council\"}"])
                #expect(added.status == 201, "\(added)")
                try await stream.prints(network)
            }

            try scene.edge.program.write("large", String(repeating: "x", count: 2 << 20))
            let large = try scene.ask(
                "/v1/allowlist",
                ["--header", "X-API-Key: \(key)", "--data-binary", "@" + scene.edge.program.path("large")])
            // The edge's own refusal would be a problem document.
            #expect(large.status == 413 && large.headers["content-type"] == "text/html", "\(large)")
            try await stream.kill()
            #expect(try await scene.edge.stop() == 0)
        }

        @Test("the shipped firewall rules close the port even if something else listened there", .needs(.nft))
        func firewall() async throws {
            let scene = try await Scene(isEdge: false)
            let words =
                scene.namespaces.onHost + [
                    try PeerProgram.python.require(), "-u", "-m", "http.server", "--bind", "0.0.0.0", "3000",
                ]
            let careless = try ChildProcess(
                "careless", words[0], Array(words.dropFirst()), in: scene.edge.program.directory)
            try await careless.prints("Serving HTTP")
            let port = ["--connect-timeout", "1", "http://\(NetworkNamespaces.host):3000/"]
            #expect(try CurlAnswer.of(port, through: scene.namespaces.outside).status == 200)
            let load =
                scene.namespaces.onHost + [
                    try PeerProgram.nft.require(), "-f", Deployment.path("nginx/sallyport.nft"),
                ]
            // Again, as at every start of a host.
            for _ in 0..<2 {
                let outcome = try Child.run(load[0], Array(load.dropFirst()), in: "/")
                #expect(outcome.code == 0, "\(outcome)")
            }
            #expect(try CurlAnswer.of(port, through: scene.namespaces.outside).code == CurlAnswer.timedOut)
            #expect(try scene.ask("/").status == 200)
            let inside = try CurlAnswer.of(["http://127.0.0.1:3000/"], through: scene.namespaces.onHost)
            #expect(inside.status == 200)
            try await careless.kill()
        }
    }
}
