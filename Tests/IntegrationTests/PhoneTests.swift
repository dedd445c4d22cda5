import CoreTypes
import Foundation
import SIPMessage
import TestSupport
import Testing
import UserAgent
import Witness

extension Integration {
    @Suite("A real phone", .needs(.baresip), .timeLimit(.minutes(2)))
    struct PhoneTests {
        @Test("baresip calls an expert over TLS, is let in by seven layers, and hangs up")
        func call() async throws {
            let listener = try EdgeUnderTest.Listener(.tls, "experts")
            let phone = try await Calls.answeringPhone()
            let edge = try EdgeUnderTest(
                [listener],
                """
                tls: {certificate: tls/server.pem, key: tls/server-key.pem, trust: tls/ca.pem}
                profiles:
                  experts:
                    # Its library, libre 1.1, gives up when it is offered anything but MD5.
                    authentication: {realm: external.advisor, algorithms: [MD5]}
                    # This phone can't add headers, so two that it sends stand in for the guard's.
                    guard: {headers: {trace: Call-ID, hazard: Max-Forwards}, hazards: ["70"]}
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
            #expect(try await edge.metric("sip_active_calls") == 1)
            try await baresip.command("hangup")
            try await baresip.tells("CALL_CLOSED")
            let ended = try await edge.witnesses(.callEnded)
            try await baresip.stop()

            let received = phone.received.map(\.message)
            #expect(received.map(\.method) == [.invite, .ack, .bye])
            let invite = try #require(received.first)
            #expect(!invite.has(.authorization) && !invite.has(.proxyAuthorization))
            #expect(try await edge.stop() == 0)

            let passage = try edge.records().map(\.kind)
            let expected = [
                "STARTED", "TLS_CONNECTION", "AUTH_CHALLENGE", "AUTH_SUCCESS", "POLICY_APPROVED", "EXTERNAL_CALL",
                "CALL_ENDED", "STOPPED",
            ]
            #expect(passage.filter { expected.contains($0) } == expected)
            let approved = try #require(try edge.records().first { $0.kind == "POLICY_APPROVED" })
            #expect(approved.traceID == invite.callID && ended.traceID == invite.callID)
            #expect(approved.text("user") == "caller@external.advisor")
            #expect(approved.text("organization") == "Council")
            #expect(approved.text("tls_version") == "TLSv1.3")
            #expect(approved.text("cipher_suite")?.hasPrefix("TLS_") == true)
            #expect(try edge.verify().defect == nil)
            await phone.shutdown()
        }
    }
}
