import CoreTypes
import Foundation
import SIPMessage
import TestSupport
import Testing
import UserAgent
import Witness

extension Integration {
    /// `sallyport calls` against a running edge with real phones.
    @Suite("The calls of a running edge", .needs(.sipp, .baresip), .timeLimit(.minutes(5)))
    struct CallsCommandTests {
        /// An edge between two sipps.
        private func trunk(
            _ transport: TransportKind, more: String = ""
        ) async throws -> (edge: EdgeUnderTest, listener: EdgeUnderTest.Listener, answering: Sipp) {
            let listener = try EdgeUnderTest.Listener(transport, "trunks")
            let farSide = try FreePort.next()
            let edge = try EdgeUnderTest(
                [listener],
                """
                routes:
                  - {name: far, match: {}, to: "sip:far@127.0.0.1:\(farSide);transport=\(transport.rawValue)"}
                \(more)
                """)
            try edge.command("allow", "add", "127.0.0.0/8", "--tag", "west", "--group", "2")
            let answering = try await Sipp.answering(transport, port: farSide, in: edge.program.directory)
            try await edge.start()
            return (edge, listener, answering)
        }

        private func calls(_ edge: EdgeUnderTest, _ arguments: String...) throws -> [[String: Any]] {
            let outcome = try edge.program.run(["calls"] + arguments + ["--json"])
            guard outcome.code == 0 else { throw Failure("calls exits with \(outcome.code): \(outcome.errors)") }
            return outcome.json as? [[String: Any]] ?? []
        }

        private func connected(_ edge: EdgeUnderTest) async throws -> [String: Any] {
            var found: [String: Any]?
            try await eventually("a call is connected") {
                found = try calls(edge, "--active").first { $0["state"] as? String == "connected" }
                return found != nil
            }
            return found ?? [:]
        }

        @Test("an operator lists a call and ends it; both phones are hung up on", arguments: [TransportKind.udp, .tcp])
        func end(transport: TransportKind) async throws {
            let (edge, listener, answering) = try await trunk(transport)
            let calling = try Sipp.calling(
                "waiting", scenario: "wait", transport, to: listener.endpoint, calls: 1, rate: 1,
                in: edge.program.directory)
            let call = try await connected(edge)
            #expect(call["organization"] as? String == "west")
            #expect(call["transport"] as? String == transport.rawValue)
            #expect(call["profile"] as? String == "trunks" && call["route"] as? String == "far")
            let id = try #require(call["id"] as? String)
            let said = try edge.command("calls", "end", id)
            #expect(said.hasPrefix("ended \(id): trunk@127.0.0.1 to "))
            #expect(try await calling.process.ends() == 0, "\(calling.errors)")
            #expect(try calling.statistics().successful == 1)
            try await eventually("the other phone was hung up on, too") {
                try answering.statistics().successful == 1
            }
            let ended = try await edge.witnesses(.callEnded)
            #expect(ended.text("ended_by") == "operator" && ended.text("call") == id)
            let change = try await edge.witnesses(.adminChange) { $0.text("action") == "call.end" }
            #expect(change.text("actor") == NSUserName() && change.text("object") == id)

            #expect(try calls(edge, "--active").isEmpty)
            let past = try #require(try calls(edge).first)
            #expect(past["state"] as? String == "ended" && past["ended_by"] as? String == "operator")
            let again = try edge.program.run("calls", "end", id)
            #expect(again.code == 1 && again.errors.contains("has ended already"))
            let unknown = try edge.program.run("calls", "end", "0123456789abcdef")
            #expect(unknown.code == 1 && unknown.errors.contains("no such call"))
            let nonsense = try edge.program.run("calls", "end", "../metrics")
            #expect(nonsense.code == 1 && nonsense.errors.contains("is no ID of a call"))
            #expect(try edge.command("calls").contains("answered, by operator"))
            try await answering.process.kill()
            #expect(try await edge.stop() == 0)
            #expect(try edge.verify().defect == nil)
        }

        @Test("a call that came by TLS from a phone is shown with its TLS and its user, and ended")
        func secure() async throws {
            let (edge, baresip, phone) = try await expertCall(liveness: "60s")
            let call = try await connected(edge)
            #expect(call["tls_version"] as? String == "TLSv1.3")
            #expect((call["cipher_suite"] as? String)?.hasPrefix("TLS_") == true)
            #expect(call["authenticated_user"] as? String == "caller@external.advisor")
            #expect(call["expert_id"] as? String == "caller@external.advisor")
            #expect(call["hazard"] as? String == "70")
            #expect(call["to"] as? String == "expert-safety@external.advisor")
            try edge.command("calls", "end", try #require(call["id"] as? String))
            try await baresip.tells("CALL_CLOSED")
            try await eventually("the expert's phone was hung up on, too") {
                phone.received.contains { $0.message.method == .bye }
            }
            try await baresip.stop()
            await phone.shutdown()
            #expect(try await edge.stop() == 0)
        }

        @Test("a phone that is killed leaves a call that ends in bounded time, and the other is hung up on")
        func killedPhone() async throws {
            let (edge, baresip, phone) = try await expertCall(liveness: "500ms")
            _ = try await connected(edge)
            try await baresip.process.kill()
            let ended = try await edge.witnesses(.callEnded, within: .seconds(30))
            #expect(ended.text("result") == "vanished")
            try await eventually("the expert's phone was hung up on") {
                phone.received.contains { $0.message.method == .bye }
            }
            #expect(try calls(edge, "--active").isEmpty)
            await phone.shutdown()
            #expect(try await edge.stop() == 0)
        }

        @Test(
            "a trunk that is killed leaves a call that ends in bounded time, and the other side is hung up on",
            arguments: [TransportKind.udp, .tcp])
        func killedTrunk(transport: TransportKind) async throws {
            let (edge, listener, answering) = try await trunk(
                transport,
                more: """
                    profiles: {trunks: {liveness: {every: 500ms, misses: 2}}}
                    sip: {t1: 50ms, t2: 200ms, t4: 250ms}
                    """)
            let calling = try Sipp.calling(
                "waiting", scenario: "wait", transport, to: listener.endpoint, calls: 1, rate: 1,
                in: edge.program.directory)
            _ = try await connected(edge)
            // Both answer for a while, and nothing happens to the call.
            try await eventually("several questions were answered") {
                // The metric shows up with the first question.
                guard try await edge.get("/metrics").contains("sip_call_probes_total{") else { return false }
                return try await edge.metric("sip_call_probes_total") >= 6
            }
            #expect(try calls(edge, "--active").count == 1)
            try await calling.process.kill()
            let ended = try await edge.witnesses(.callEnded, within: .seconds(30))
            #expect(ended.text("result") == "vanished")
            try await eventually("the other side was hung up on") { try answering.statistics().successful == 1 }
            try await answering.process.kill()
            #expect(try await edge.stop() == 0)
        }

        @Test(
            "the socket is for its owner only, is left by no edge that stops, and is taken over from one that was killed"
        )
        func socket() async throws {
            let listener = try EdgeUnderTest.Listener(.udp, "trunks")
            let edge = try EdgeUnderTest([listener], "")
            let none = try edge.program.run("calls")
            #expect(none.code == 1 && none.errors.contains("no edge runs with the state directory"))
            try await edge.start()
            let socket = edge.program.path("var/control.sock")
            func mode() throws -> Int? {
                try FileManager.default.attributesOfItem(atPath: socket)[.posixPermissions] as? Int
            }
            #expect(try mode() == 0o600)
            #expect(try edge.command("calls") == "no calls yet\n")

            // Another edge with the same state must not take it from the one that runs.
            let configuration = try String(contentsOfFile: edge.program.path("sallyport.yaml"), encoding: .utf8)
            try edge.program.write(
                "second.yaml",
                configuration.replacingOccurrences(of: "\(listener.endpoint)", with: "127.0.0.1:\(try FreePort.next())")
                    .replacingOccurrences(of: "\(edge.control)", with: "127.0.0.1:\(try FreePort.next())"))
            let second = try edge.program.run("serve", "--config", "second.yaml")
            #expect(second.code == 1)
            #expect(try edge.command("calls") == "no calls yet\n")

            try await edge.crash()
            #expect(FileManager.default.fileExists(atPath: socket))
            let dead = try edge.program.run("calls")
            #expect(dead.code == 1 && dead.errors.contains("no edge runs with the state directory"))
            try await edge.start()
            #expect(try edge.command("calls", "--active") == "no calls\n")
            #expect(try await edge.stop() == 0)
            #expect(!FileManager.default.fileExists(atPath: socket))
        }

        /// baresip calls an expert over TLS and is connected.
        private func expertCall(
            liveness every: String
        ) async throws -> (edge: EdgeUnderTest, baresip: Baresip, phone: AnsweringPhone) {
            let listener = try EdgeUnderTest.Listener(.tls, "experts")
            let phone = try await Calls.answeringPhone()
            let edge = try EdgeUnderTest(
                [listener],
                """
                tls: {certificate: tls/server.pem, key: tls/server-key.pem, trust: tls/ca.pem}
                profiles:
                  experts:
                    authentication: {realm: external.advisor, algorithms: [MD5]}
                    # This phone can't add headers, so two that it sends stand in for the guard's.
                    guard: {headers: {trace: Call-ID, hazard: Max-Forwards}, hazards: ["70"]}
                    liveness: {every: \(every), misses: 2}
                sip: {t1: 50ms, t2: 200ms, t4: 250ms}
                """)
            try edge.command("cert", "issue-dev", "tls")
            try edge.command("allow", "add", "127.0.0.0/8", "--tag", "Council")
            try edge.command("subscriber", "add", "caller@external.advisor", "--password-stdin", input: "s3cret\n")
            try edge.command(
                "expert", "add", "expert-safety@external.advisor", "--name", "Safety", "--organization", "Council",
                "--specialization", "70", "--verified", "--contact", "sip:safety@\(phone.endpoints[0])")
            try await edge.start()
            let baresip = try await Baresip.start(
                account: "<sip:caller@external.advisor;transport=tls>;auth_user=caller;auth_pass=s3cret;regint=0;"
                    + "outbound=\"sip:\(listener.endpoint);transport=tls\"",
                authority: edge.program.path("tls/ca.pem"), in: edge.program.directory)
            try await baresip.command("dial", "sip:expert-safety@external.advisor")
            try await baresip.tells("CALL_ESTABLISHED")
            return (edge, baresip, phone)
        }
    }
}
