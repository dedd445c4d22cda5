import CoreTypes
import Foundation
import SIPMessage
import TestSupport
import Testing
import UserAgent
import Witness

extension Integration {
    @Suite("A policy service", .needs(.python), .timeLimit(.minutes(5)))
    struct PolicyServiceTests {
        private struct Scene {
            let edge: EdgeUnderTest
            let listener: EdgeUnderTest.Listener
            let phone: AnsweringPhone
            let caller: Caller

            func end() async throws {
                await caller.shutdown()
                await phone.shutdown()
                #expect(try await edge.stop() == 0)
                #expect(try edge.verify().defect == nil)
            }

            /// A call for the expert about safety.
            func call(
                _ trace: String, target: String = "sip:expert-safety@external.advisor",
                patience: Duration = .seconds(32)
            ) async throws -> CallReport {
                guard let target = URI(target), let from = URI("sip:ann@external.advisor") else {
                    throw Failure("these are no URIs")
                }
                var plan = CallPlan(target: target, remote: listener.endpoint, transport: .udp, from: from)
                plan.traceID = trace
                plan.hazard = "safety"
                plan.hold = .milliseconds(20)
                plan.patience = patience
                return await caller.place(plan)
            }
        }

        private func scene(_ url: String, timeout: String = "1s", fail: String = "closed") async throws -> Scene {
            let listener = try EdgeUnderTest.Listener(.udp, "experts")
            let phone = try await Calls.answeringPhone()
            let edge = try EdgeUnderTest(
                [listener],
                """
                profiles:
                  experts:
                    transport_security: off
                    authentication: off
                    source_rate: {requests: 10000}
                    call_rate: {calls: 10000}
                    max_concurrent_calls: 0
                    guard: {webhook: {url: "\(url)", timeout: \(timeout), fail: \(fail)}}
                """)
            try edge.command("allow", "add", "127.0.0.0/8", "--tag", "council")
            try edge.command(
                "expert", "add", "expert-safety@external.advisor", "--name", "Safety", "--organization", "Advisors",
                "--specialization", "safety", "--verified", "--contact", "sip:safety@\(phone.endpoints[0])")
            try await edge.start()
            return Scene(edge: edge, listener: listener, phone: phone, caller: try await Caller())
        }

        @Test("is told what the call is about, and its word counts", arguments: ["allow", "charset", "deny"])
        func word(path: String) async throws {
            let directory = try Program()
            let server = try await PolicyServer.start(in: directory.directory)
            let scene = try await scene(server.url(path))
            let report = try await scene.call("trace-1")
            let question = try #require(server.questions.first)
            #expect(question["method"] as? String == "INVITE" && question["trace_id"] as? String == "trace-1")
            #expect(question["hazard"] as? String == "safety" && question["organization"] as? String == "council")
            #expect(question["expert"] as? String == "expert-safety@external.advisor")
            #expect(question["expert_organization"] as? String == "Advisors")
            #expect(question["from"] as? String == "sip:ann@external.advisor")
            #expect(question["request_uri"] as? String == "sip:expert-safety@external.advisor")
            #expect(question["source_ip"] as? String == "127.0.0.1" && question["transport"] as? String == "udp")
            #expect(question["call_id"] as? String == report.callID)
            if path == "deny" {
                #expect(report.final?.status == 403)
                #expect(report.final?.headers.contains { $0.value.contains("Sunday") } == false)
                let rejected = try await scene.edge.witnesses(.policyRejected)
                #expect(rejected.text("reason") == "policy_denied" && rejected.text("said") == "not on a Sunday")
                #expect(scene.phone.received.isEmpty)
            } else {
                #expect(report.final?.status == 200)
                #expect(try await scene.edge.witnesses(.policyApproved).text("policy_service") == "allow")
            }
            #expect(try scene.edge.records().contains { $0.kind == "DEGRADED" } == false)
            try await scene.end()
        }

        @Test(
            "that gives no usable answer refuses as a fault of ours, or lets pass loudly, as the profile says",
            arguments: [
                "slow", "failed", "forbidden", "maybe", "list", "broken", "page", "empty", "huge", "redirect", "hangup",
            ])
        func faults(path: String) async throws {
            let directory = try Program()
            let server = try await PolicyServer.start(in: directory.directory)
            for fail in ["closed", "open"] {
                let scene = try await scene(server.url(path), timeout: "300ms", fail: fail)
                let report = try await scene.call("trace-1")
                if fail == "closed" {
                    #expect(report.final?.status == 503 && report.final?.header("Retry-After") == "5")
                    let refused = try await scene.edge.witnesses(.securityRejected)
                    #expect(refused.text("reason") == "policy_unavailable" && refused.severity == "ALERT")
                    #expect(scene.phone.received.isEmpty)
                } else {
                    #expect(report.final?.status == 200)
                    let alert = try await scene.edge.witnesses(.securityEvent) {
                        $0.text("reason") == "policy_service_unavailable"
                    }
                    #expect(alert.severity == "ALERT" && alert.traceID == "trace-1")
                    let admitted = try await scene.edge.witnesses(.policyApproved)
                    #expect(admitted.text("policy_service") == "unavailable")
                }
                let degraded = try await scene.edge.witnesses(.degraded)
                #expect(degraded.text("component") == "webhook" && degraded.text("reason")?.isEmpty == false)
                try await scene.end()
                // Nobody's failure.
                #expect(try scene.edge.records().contains { $0.kind == "POLICY_REJECTED" } == false)
            }
            // A redirection is not followed.
            #expect(!server.process.output.contains("/allow "))
        }

        @Test("that is dead is noticed at once, and so is that it is back")
        func dead() async throws {
            let directory = try Program()
            let port = try FreePort.next()
            let scene = try await scene("http://127.0.0.1:\(port)/allow", timeout: "20s")
            let start = ContinuousClock.now
            #expect(try await scene.call("trace-1").final?.status == 503)
            #expect(ContinuousClock.now - start < .seconds(5))
            #expect(try await scene.edge.witnesses(.degraded).text("component") == "webhook")
            let server = try await PolicyServer.start(port: port, in: directory.directory)
            #expect(try await scene.call("trace-2").final?.status == 200)
            #expect(try await scene.edge.witnesses(.recovered).text("component") == "webhook")
            try await server.process.kill()
            #expect(try await scene.call("trace-3").final?.status == 503)
            try await eventually("it is noted again") {
                try scene.edge.records().count { $0.kind == "DEGRADED" } == 2
            }
            try await scene.end()
        }

        @Test("that thinks holds up nobody but who waits for it")
        func noBlocking() async throws {
            let directory = try Program()
            let server = try await PolicyServer.start(in: directory.directory)
            let scene = try await scene(server.url("slow"), timeout: "3s")
            async let slow = scene.call("trace-slow")
            try await eventually("it is being asked") { !server.questions.isEmpty }
            // Meanwhile the edge answers others at once.
            let start = ContinuousClock.now
            for _ in 0..<20 {
                let unknown = try await scene.call("trace-2", target: "sip:nobody@external.advisor")
                #expect(unknown.final?.status == 403)
            }
            #expect(ContinuousClock.now - start < .seconds(2))
            // The INVITE was repeated, and its transaction took that: one question, one answer.
            #expect(try await slow.final?.status == 503)
            #expect(server.questions.count == 1)
            try await scene.end()
        }

        @Test("whose word comes when the caller has given up lets nothing pass")
        func tooLate() async throws {
            let directory = try Program()
            let server = try await PolicyServer.start(in: directory.directory)
            let scene = try await scene(server.url("late"), timeout: "5s")
            let report = try await scene.call("trace-1", patience: .milliseconds(150))
            #expect(report.isAnswered == false)
            try await eventually("the service has answered") {
                try await scene.edge.get("/metrics").contains("sip_policy_service_answers_total{answer=\"allow\"} 1")
            }
            #expect(scene.phone.received.isEmpty)
            #expect(try scene.edge.records().contains(where: \.admits) == false)
            try await scene.end()
        }

        @Test("is asked for many at once, each in its own time")
        func many() async throws {
            let directory = try Program()
            let server = try await PolicyServer.start(in: directory.directory)
            let scene = try await scene(server.url("late"), timeout: "10s")
            let start = ContinuousClock.now
            let statuses = try await withThrowingTaskGroup(of: Int?.self) { group in
                for index in 0..<40 { group.addTask { try await scene.call("trace-\(index)").final?.status } }
                return try await group.reduce(into: [Int?]()) { $0.append($1) }
            }
            #expect(statuses.count == 40 && statuses.allSatisfy { $0 == 200 })
            // Half a second each.
            #expect(ContinuousClock.now - start < .seconds(10))
            try await scene.end()
        }
    }
}
