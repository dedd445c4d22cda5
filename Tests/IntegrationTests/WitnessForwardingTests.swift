import CoreTypes
import Foundation
import TestSupport
import Testing
import UserAgent
import Witness

extension Integration {
    @Suite(
        "Forwarding by the program", .needs(.rsyslogd, .python), .timeLimit(.minutes(3)))
    struct WitnessForwardingTests {
        @Test(
            "every record of an edge reaches its syslog server and its collector, through a crash and a stop of the edge"
        )
        func forwarding() async throws {
            let (server, collector) = (try await Rsyslog(), try await Collector())
            let listener = try EdgeUnderTest.Listener(.udp, "trunks")
            let phone = try await Calls.answeringPhone()
            let edge = try EdgeUnderTest(
                [listener],
                """
                routes:
                  - {name: far, match: {}, to: "sip:far@\(phone.endpoints[0])"}
                witness:
                  rotate: {bytes: 8KiB, every: 24h}
                  forward:
                    - {name: siem, syslog: "tcp://127.0.0.1:\(server.port)", settle: 500ms}
                    - {name: hall, http: "\(collector.url)", token: "file:token"}
                """)
            try edge.program.write("token", "a-token\n")
            try edge.command("allow", "add", "127.0.0.0/8", "--tag", "trunk", "--group", "2")
            try await edge.start()
            for _ in 0..<20 { #expect(try await Calls.place(to: listener.endpoint, as: nil).isAnswered) }
            try await eventually("something has arrived") { try server.messages().count > 10 }
            // Neither receiver is there, and calls don't notice.
            try await server.kill()
            try await collector.kill()
            for _ in 0..<10 { #expect(try await Calls.place(to: listener.endpoint, as: nil).isAnswered) }
            _ = try await edge.witnesses(.degraded) { $0.text("component") == "forwarder:siem" }
            _ = try await edge.witnesses(.degraded) { $0.text("component") == "forwarder:hall" }
            #expect(try await edge.get("/readyz").hasPrefix("HTTP/1.1 200"))
            #expect(try await edge.get("/metrics").contains("witness_forward_up{forwarder=\"siem\"} 0"))
            try await edge.crash()
            try await server.start()
            try await collector.start()
            try await edge.start()
            for _ in 0..<10 { #expect(try await Calls.place(to: listener.endpoint, as: nil).isAnswered) }
            #expect(try await edge.stop() == 0)
            // What was written in the very last moments goes with the next start.
            try await edge.start()
            let last = try #require(try edge.records().last?.sequence)
            try await eventually("all records have come", within: .seconds(60)) {
                let texts = try server.messages().compactMap { WitnessRecord(line: Array($0.text.utf8))?.sequence }
                let posted = try collector.batches().flatMap(\.sequences)
                return Set(texts).isSuperset(of: 1...last) && Set(posted).isSuperset(of: 1...last)
            }
            #expect(try collector.batches().allSatisfy { $0.token == "Bearer a-token" })
            #expect(try await edge.stop() == 0)
            #expect(try edge.verify().defect == nil)
            await phone.shutdown()
        }
    }
}
