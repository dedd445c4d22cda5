import CoreTypes
import Foundation
import TestSupport
import Testing

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
                _ path: String, _ arguments: String..., scheme: String = "https",
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

            /// What stands in for the edge.
            func upstream(on address: String) async throws -> ChildProcess {
                let script = PeerProgram.repository + "/Tests/IntegrationTests/Scenarios/upstream.py"
                let words = namespaces.onHost + [try PeerProgram.python.require(), script, address]
                let process = try ChildProcess(
                    "upstream", words[0], Array(words.dropFirst()), in: edge.program.directory)
                try await process.prints("upstream is ready")
                return process
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
            let plain = try scene.ask("/v1/status?a=1", "--header", "Host: evil.example", scheme: "http")
            #expect(plain.status == 301)
            #expect(plain.headers["location"] == "https://\(Nginx.name)/v1/status?a=1")
            #expect(try scene.ask("/nothing").status == 404)
            #expect(try await scene.edge.stop() == 0)
        }

        @Test("TLS 1.2 and 1.3 with AEAD suites are spoken, nothing older")
        func tls() async throws {
            let scene = try await Scene()
            for version in ["1.2", "1.3"] {
                #expect(try scene.ask("/healthz", "--tlsv\(version)", "--tls-max", version).status == 200)
            }
            // curl itself would refuse these, too, unless it is told not to.
            let old = try scene.ask(
                "/healthz", "--tlsv1.0", "--tls-max", "1.1", "--ciphers", "DEFAULT:@SECLEVEL=0")
            #expect(old.code == CurlAnswer.handshakeFailed, "\(old)")
            for suite in ["ECDHE-ECDSA-AES128-SHA256", "ECDHE-ECDSA-AES256-SHA"] {
                let weak = try scene.ask(
                    "/healthz", "--tls-max", "1.2", "--ciphers", "\(suite):@SECLEVEL=0")
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
                let answer = try scene.ask(path, "--interface", NetworkNamespaces.otherStranger)
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
            let allowed = try scene.ask("/metrics", "--interface", NetworkNamespaces.otherStranger)
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
            #expect(try scene.ask("/healthz", "--interface", NetworkNamespaces.otherStranger).status == 200)
            try await eventually("the first may ask again") { try scene.ask("/healthz").status == 200 }
            #expect(try await scene.edge.stop() == 0)
        }

        @Test("the edge is told who asks by nginx alone, events come at once, and what is too large never gets there")
        func proxying() async throws {
            let scene = try await Scene(isEdge: false)
            let upstream = try await scene.upstream(on: "127.0.0.1")
            let lies = ["X-Forwarded-For", "X-Forwarded-Host", "X-Real-IP", "Forwarded"].flatMap {
                ["--header", "\($0): for=10.9.8.7"]
            }
            for (path, expected) in [("/v1/status", NetworkNamespaces.stranger), ("/healthz", nil)] {
                let answer = try CurlAnswer.of(
                    [
                        "--cacert", scene.edge.program.path("tls/ca.pem"), "--connect-to",
                        "::\(NetworkNamespaces.host):", "https://\(Nginx.name)\(path)",
                    ] + lies, through: scene.namespaces.outside)
                #expect(answer.status == 200 && !answer.body.contains("10.9.8.7"), "\(answer)")
                let told = try JSONSerialization.jsonObject(with: Data(answer.body.utf8)) as? [String: Any]
                let headers = told?["headers"] as? [[String]] ?? []
                #expect(
                    headers.filter { $0[0].lowercased() == "x-forwarded-for" }.map { $0[1] }
                        == [expected].compactMap { $0 })
                #expect(headers.contains(["Host", Nginx.name]) && headers.contains(["X-Forwarded-Proto", "https"]))
            }

            let words =
                scene.namespaces.outside + [
                    try PeerProgram.curl.require(), "-sSN", "--cacert", scene.edge.program.path("tls/ca.pem"),
                    "--connect-to", "::\(NetworkNamespaces.host):", "https://\(Nginx.name)/v1/events",
                ]
            let stream = try ChildProcess(
                "stream", words[0], Array(words.dropFirst()), in: scene.edge.program.directory)
            try await stream.prints("data: first")
            #expect(!stream.output.contains("second"))
            #expect(try scene.ask("/go-on", "--data", "").status == 200)
            #expect(try await stream.ends() == 0)
            #expect(stream.output.contains("data: second"))

            try scene.edge.program.write("large", String(repeating: "x", count: 2 << 20))
            let large = try scene.ask("/v1/large", "--data-binary", "@" + scene.edge.program.path("large"))
            #expect(large.status == 413, "\(large)")
            #expect(!upstream.output.contains("/v1/large"))
            try await upstream.kill()
        }

        @Test("the shipped firewall rules close the port even if something else listened there", .needs(.nft))
        func firewall() async throws {
            let scene = try await Scene(isEdge: false)
            let upstream = try await scene.upstream(on: "0.0.0.0")
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
            #expect(try scene.ask("/v1/status").status == 200)
            let inside = try CurlAnswer.of(["http://127.0.0.1:3000/"], through: scene.namespaces.onHost)
            #expect(inside.status == 200)
            try await upstream.kill()
        }
    }
}
