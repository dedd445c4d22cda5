import CoreTypes
import Foundation
import SIPMessage
import TestSupport
import Testing
import UserAgent
import Witness

extension Integration {
    @Suite("Rules of the guard", .timeLimit(.minutes(2)))
    struct GuardRuleTests {
        private struct Scene {
            let edge: EdgeUnderTest
            let listener: EdgeUnderTest.Listener
            let caller: Caller

            func call(_ target: String, from source: String = "ann", hold: Duration = .milliseconds(20)) async throws
                -> CallReport
            {
                guard let target = URI(target), let from = URI("sip:\(source)@external.advisor") else {
                    throw Failure("these are no URIs")
                }
                var plan = CallPlan(target: target, remote: listener.endpoint, transport: .udp, from: from)
                plan.traceID = "trace-1"
                plan.hazard = "safety"
                plan.hold = hold
                return await caller.place(plan)
            }

            func end() async throws {
                await caller.shutdown()
                #expect(try await edge.stop() == 0)
            }
        }

        /// An edge with experts, each with a phone, and a guard.
        private func scene(_ rules: String, experts: [(name: String, phone: AnsweringPhone)]) async throws -> Scene {
            let listener = try EdgeUnderTest.Listener(.udp, "experts")
            let edge = try EdgeUnderTest(
                [listener],
                """
                profiles:
                  experts:
                    transport_security: off
                    authentication: off
                    guard:
                      signature: if_present
                \(rules.split(separator: "\n").map { "      " + $0 }.joined(separator: "\n"))
                """)
            try edge.command("allow", "add", "127.0.0.0/8", "--tag", "council")
            for (name, phone) in experts {
                try edge.command(
                    "expert", "add", "\(name)@external.advisor", "--name", name, "--organization", "Advisors",
                    "--specialization", "safety", "--verified", "--contact", "sip:\(name)@\(phone.endpoints[0])")
            }
            try await edge.start()
            return Scene(edge: edge, listener: listener, caller: try await Caller())
        }

        @Test("a call for a hazard reaches an expert who has no call up")
        func hazard() async throws {
            let (first, second) = (try await Calls.answeringPhone(), try await Calls.answeringPhone())
            let scene = try await scene("", experts: [("expert-b", second), ("expert-a", first)])
            async let long = scene.call("sip:hazard-safety@external.advisor", hold: .seconds(2))
            try await eventually("the first expert is called") { !first.received.isEmpty }
            #expect(first.received[0].message.requestURI?.user == "expert-a")
            let short = try await scene.call("sip:hazard-safety@external.advisor", from: "bob")
            #expect(short.final?.status == 200)
            #expect(second.received.first?.message.requestURI?.user == "expert-b")
            #expect(try await long.final?.status == 200)
            let third = try await scene.call("sip:hazard-privacy@external.advisor", from: "cid")
            #expect(third.final?.status == 403)
            let approved = try await scene.edge.witnesses(.policyApproved) {
                $0.text("expert") == "expert-b@external.advisor"
            }
            #expect(approved.text("destination") == "sip:expert-b@external.advisor")
            #expect(approved.text("request_uri") == "sip:hazard-safety@external.advisor")
            try await scene.end()
            await first.shutdown()
            await second.shutdown()
        }

        @Test("calls pass in their hours and to their destinations only, and the operator is told why not")
        func rules() async throws {
            let phone = try await Calls.answeringPhone()
            // Six hours that began an hour ago, and six that begin in six hours.
            let hour = CivilTime(millisecondsSince1970: SystemClock.now().wall).hour
            func window(_ start: Int) -> String {
                func text(_ hour: Int) -> String { "\"\(String(100 + hour % 24).suffix(2)):00\"" }
                return "from: \(text(start)), to: \(text(start + 6))"
            }
            for (rules, reason) in [
                ("hours: [{zone: UTC, \(window(hour + 23))}]", nil),
                ("hours: [{zone: UTC, \(window(hour + 6))}]", "outside_hours"),
                ("hours: [{organization: others, \(window(hour + 6))}]", nil),
                ("destinations: [{organization: council, allow: [\"expert-*@external.advisor\"]}]", nil),
                ("destinations: [{allow: [\"council@external.advisor\"]}]", "destination_not_allowed"),
            ] as [(String, String?)] {
                let scene = try await scene(rules, experts: [("expert-a", phone)])
                let report = try await scene.call("sip:expert-a@external.advisor")
                #expect(report.final?.status == (reason == nil ? 200 : 403), "\(rules)")
                if let reason {
                    #expect(try await scene.edge.witnesses(.policyRejected).text("reason") == reason)
                    #expect(report.final?.headers.contains { $0.value.contains(reason) } == false)
                }
                try await scene.end()
            }
            await phone.shutdown()
        }
    }
}
