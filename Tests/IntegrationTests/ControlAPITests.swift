import CoreTypes
import Foundation
import TestSupport
import Testing
import Witness

extension Integration {
    /// The control API and the commands beside it, at a running edge.
    @Suite("The operator's side", .timeLimit(.minutes(5)))
    struct ControlAPITests {
        private static let folder = URL(fileURLWithPath: #filePath).deletingLastPathComponent().path + "/Scenarios"

        /// An edge whose profile authenticates and guards, and lets any loopback address in.
        private func guarded(
            _ more: String = ""
        ) async throws -> (edge: EdgeUnderTest, listener: EdgeUnderTest.Listener) {
            let listener = try EdgeUnderTest.Listener(.udp, "experts")
            let edge = try EdgeUnderTest(
                [listener],
                """
                profiles:
                  experts:
                    transport_security: off
                    call_rate: {calls: 3, per: 60s}
                routes:
                  - {name: far, match: {}, to: "sip:far@127.0.0.1:\(try FreePort.next())"}
                \(more)
                """)
            try edge.command("allow", "add", "127.0.0.0/28", "--tag", "council")
            try edge.command(
                "subscriber", "add", "expert-safety@external.advisor", "--password-stdin", input: "secret\n")
            try edge.command(
                "expert", "add", "expert-safety@external.advisor", "--name", "S", "--organization", "Council",
                "--specialization", "safety", "--verified")
            try await edge.start()
            return (edge, listener)
        }

        @Test("schemathesis finds the description true in all its checks", .needs(.schemathesis))
        func description() async throws {
            let listener = try EdgeUnderTest.Listener(.udp, "trunks")
            let edge = try EdgeUnderTest(
                [listener],
                """
                routes:
                  - {name: far, match: {}, to: "sip:far@127.0.0.1:9"}
                """, controlSettings: "rate: {requests: 100000, per: 1s}, key_rate: {requests: 1000000, per: 1s}")
            try await edge.start()
            let run = try ChildProcess(
                "schemathesis", try PeerProgram.schemathesis.require(),
                [
                    "--config-file", Self.folder + "/schemathesis.toml", "run",
                    "http://\(edge.control)/openapi.json", "--header",
                    "X-API-Key: \(try edge.createKey("test", role: "admin"))", "--checks", "all",
                    "--max-examples", "15", "--continue-on-failure", "--seed", "71",
                    // It would revoke the key that it comes with.
                    "--exclude-operation-id", "revokeKey",
                ], in: edge.program.directory,
                environment: ["SCHEMATHESIS_HOOKS": "schemathesis_hooks", "PYTHONPATH": Self.folder])
            let code = try await run.ends(within: .seconds(240))
            #expect(code == 0, "\(run.output)")
            #expect(run.output.contains("Tested: 4"), "\(run.output)")
            #expect(try await edge.stop() == 0)
            #expect(try edge.verify().defect == nil)
        }

        @Test("explain says what the layers would, and none of them remembers that it was asked")
        func explain() async throws {
            let (edge, _) = try await guarded()
            func explain(_ arguments: String...) throws -> (code: Int32, verdicts: [String]) {
                let outcome = try edge.program.run(["explain", "--json"] + arguments)
                let answer = outcome.json as? [String: Any]
                let verdicts = answer?["verdicts"] as? [[String: Any]] ?? []
                return (
                    outcome.code,
                    verdicts.map { verdict in
                        let status = (verdict["status"] as? Int).map { " \($0)" } ?? ""
                        return "\(verdict["name"] ?? "") \(verdict["outcome"] ?? "")\(status)"
                    }
                )
            }
            let person = ["--user", "expert-safety@external.advisor"]
            // More often than any of the limits allows.
            for _ in 0..<12 {
                let good = try explain("127.0.0.1", person[0], person[1], "--hazard", "safety")
                #expect(good.code == 0)
                #expect(
                    good.verdicts == [
                        "source_rate pass", "allowlist pass", "transport_security skip", "authentication pass",
                        "call_rate pass", "guard pass", "witness pass",
                    ])
            }
            let stranger = try explain("127.0.0.99", person[0], person[1], "--hazard", "safety")
            #expect(stranger.code == 1 && stranger.verdicts.last == "allowlist refuse 403")
            let nobody = try explain("127.0.0.1", "--hazard", "safety")
            #expect(nobody.verdicts.last == "authentication challenge 401")
            let unknown = try edge.program.run(
                "explain", "127.0.0.1", "--user", "nobody@external.advisor", "--hazard", "safety")
            #expect(unknown.code == 1 && unknown.output.contains("there is no such subscriber"))
            let wrongHazard = try explain("127.0.0.1", person[0], person[1], "--hazard", "privacy")
            #expect(wrongHazard.verdicts.last == "guard refuse 403")
            let injected = try edge.program.run("explain", "127.0.0.1", "--header", "Via: SIP/2.0/UDP x")
            #expect(injected.code == 1 && injected.errors.contains("headers.Via"))
            let other = try edge.program.run("explain", "127.0.0.1", "--profile", "none")
            #expect(other.code == 1 && other.errors.contains("'profile' must be one of experts, trunks"))
            #expect(try edge.records().allSatisfy { ["STARTED", "ADMIN_CHANGE", "CHECKPOINT"].contains($0.kind) })
            #expect(try await edge.stop() == 0)
        }

        @Test("a banned address is not listened to, from one second to the next, and heard again when that is over")
        func ban() async throws {
            let (edge, listener) = try await guarded("bans: {never_ban: [127.0.0.2]}")
            let peer = try DatagramPeer(try #require(IPAddress("127.0.0.3")))
            func hears(_ number: Int) throws -> Bool {
                try peer.send(
                    [
                        "OPTIONS sip:external.advisor SIP/2.0",
                        "Via: SIP/2.0/UDP \(peer.endpoint);branch=z9hG4bKban\(number)", "Max-Forwards: 70",
                        "From: <sip:a@external.advisor>;tag=a", "To: <sip:external.advisor>", "Call-ID: ban-\(number)",
                        "CSeq: 1 OPTIONS", "Content-Length: 0", "", "",
                    ].joined(separator: "\r\n"), to: listener.endpoint)
                return (try? peer.receive(within: 300)) != nil
            }
            #expect(try hears(0))
            try edge.command("ban", "add", "127.0.0.3", "--for", "2s", "--reason", "scans")
            let added = try await edge.witnesses(.banAdded)
            #expect(added.sourceIP == "127.0.0.3" && added.text("reason") == "scans")
            #expect(try !hears(1))
            #expect(try await edge.metric("sip_dropped_messages_total{reason=\"banned\"}") >= 1)
            #expect(try await edge.metric("bans_active") == 1)
            let ended = try await edge.witnesses(.banLifted)
            #expect(ended.text("cause") == "ended")
            #expect(try hears(2))
            try edge.command("ban", "add", "127.0.0.3")
            _ = try await edge.witnesses(.banAdded) { $0.sequence > ended.sequence }
            #expect(try !hears(3))
            try edge.command("ban", "lift", "127.0.0.3")
            _ = try await edge.witnesses(.banLifted) { $0.text("cause") == "lifted" }
            #expect(try hears(4))
            for address in ["127.0.0.2", "127.0.0.1"] {
                let refused = try edge.program.run("ban", "add", address)
                #expect(refused.code == 1 && refused.errors.contains("never banned"))
            }
            #expect(try await edge.stop() == 0)
        }

        @Test("over TLS the API speaks HTTP/2 and HTTP/1.1, and no plain HTTP", .needs(.curl))
        func tls() async throws {
            let edge = try EdgeUnderTest(
                [try EdgeUnderTest.Listener(.udp, "trunks")], "",
                controlSettings: "tls: {certificate: control.pem, key: control-key.pem}")
            let authority = try Authority(in: edge.program.directory)
            _ = try authority.issue("control", .init().with { $0.names = "IP:127.0.0.1" })
            try await edge.start()
            let key = try edge.createKey("test", role: "viewer")
            func ask(_ arguments: String...) throws -> String {
                try Child.run(
                    try PeerProgram.curl.require(),
                    ["--silent", "--show-error", "--cacert", authority.certificate, "--max-time", "10"] + arguments,
                    in: edge.program.directory
                ).output
            }
            let address = "https://127.0.0.1:\(edge.control.port)/v1/session"
            for version in ["1.1", "2"] {
                let output = try ask(
                    "--http\(version)", "--header", "X-API-Key: \(key)", "--write-out", " HTTP/%{http_version}\n",
                    address)
                #expect(output.hasSuffix("\"role\":\"viewer\"} HTTP/\(version)\n"), "\(output)")
            }
            let plain = try ask("--include", address.replacing("https", with: "http"))
            #expect(!plain.contains(" 200 OK"))

            func shown() throws -> String {
                try ask("--output", "/dev/null", "--write-out", "%{certs}", address)
            }
            let before = try shown()
            #expect(before.contains("Subject:"), "\(before)")
            let next = try authority.issue("next", .init().with { $0.names = "IP:127.0.0.1" })
            for (file, place) in [(next.chain, "control.pem"), (next.key, "control-key.pem")] {
                try edge.program.write(place, try String(contentsOfFile: file, encoding: .utf8))
            }
            try await eventually("the new certificate is shown") { try shown() != before }
            let after = try shown()
            #expect(after.contains("Subject:"), "\(after)")

            try edge.program.write("control-key.pem", "no key")
            let kept = try await edge.witnesses(.configReloaded) { $0.text("part") == "control" }
            #expect(kept.severity == "ALERT" && kept.text("reason")?.contains("control-key.pem") == true)
            #expect(try shown() == after)
            let certificates = try ask(
                "--header", "X-API-Key: \(key)", address.replacing("session", with: "certificates"))
            #expect(certificates.contains("\"role\":\"control\",\"subject\":\"CN=next\""), "\(certificates)")
            #expect(try await edge.stop() == 0)
        }
    }
}
