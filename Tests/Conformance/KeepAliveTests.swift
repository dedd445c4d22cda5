import CoreTypes
import SIPMessage
import TestSupport
import Testing
import Witness

extension Conformance {
    @Suite("Keep-alives (RFC 5626)")
    struct KeepAliveTests {
        /// RFC 5389 section 6, with nothing behind the header.
        private static let stun: [UInt8] = [0, 1, 0, 0, 0x21, 0x12, 0xa4, 0x42] + (1...12).map { UInt8($0) }
        private static let datagrams: [[UInt8]] = [
            [], [13, 10], [13, 10, 13, 10], [0, 0, 0, 0], [0], stun, [13, 10, 13, 10, 13, 10],
        ]

        @Test("row 26: by UDP they are taken for what they are, and count as nothing")
        func datagrams() async throws {
            let lab = try await Laboratory(
                rates: "source_rate: {requests: 5, per: 10s, forget_after: 120s}, call_rate: {calls: 50000, per: 60s}")
            let wire = try await Wire.connect(.udp, to: try lab.address(.udp), from: IPAddress(v4: 0x7f00_001a))
            let records = try lab.edge.records().count
            for index in 0..<50 { wire.send(Self.datagrams[index % Self.datagrams.count]) }
            // Five requests are let in from there, so that none of the fifty has counted.
            let caller = try await lab.caller(.udp, from: IPAddress(v4: 0x7f00_001a))
            for _ in 0..<5 {
                let call = CallIdentity("behind")
                caller.send(caller.request("MESSAGE", call))
                try await lab.downstream.request(Method("MESSAGE"), of: call.callID).answer(200, "OK")
                _ = try await caller.response(200, call)
            }
            let over = CallIdentity("over")
            caller.send(caller.request("MESSAGE", over))
            _ = try await caller.response(503, over)
            #expect(wire.mailbox.everything.isEmpty)
            #expect(try await !lab.edge.get("/metrics").contains("sip_malformed_messages_total{"))
            try await expectSilence(lab, since: records, but: 5)
            try await lab.close()
            try Ledger.note(26, ["udp"])
        }

        @Test("row 26: on streams a double CRLF gets a pong, and nothing else is heard", arguments: [Way.tcp, .tls])
        func streams(way: Way) async throws {
            let lab = try await Laboratory(
                rates: "source_rate: {requests: 5, per: 10s, forget_after: 120s}, call_rate: {calls: 50000, per: 60s}")
            // The connection is one, and by TLS the challenge is another.
            let caller = try await lab.caller(way, from: IPAddress(v4: 0x7f00_001b))
            let records = try lab.edge.records().count
            let before = caller.wire.mailbox.everything.count
            for count in 1...50 {
                try await caller.wire.write([13, 10, 13, 10])
                try await eventually("pong \(count)") {
                    caller.wire.mailbox.everything.dropFirst(before).count { $0.octets == [13, 10] } == count
                }
            }
            try await caller.wire.write([13, 10])
            let passing = way == .tcp ? 4 : 3
            for _ in 0..<passing {
                let call = CallIdentity("behind")
                caller.send(caller.request("MESSAGE", call))
                try await lab.downstream.request(Method("MESSAGE"), of: call.callID).answer(200, "OK")
                _ = try await caller.response(200, call)
            }
            let over = CallIdentity("over")
            caller.send(caller.request("MESSAGE", over))
            _ = try await caller.response(503, over)
            #expect(caller.wire.mailbox.everything.dropFirst(before).count { $0.octets == [13, 10] } == 50)
            #expect(try await !lab.edge.get("/metrics").contains("sip_malformed_messages_total{"))
            try await expectSilence(lab, since: records, but: passing)
            try await lab.close()
            try Ledger.note(26, [way.rawValue])
        }

        /// Nothing is in the witness but the requests that were let in and the one that was too many.
        private func expectSilence(_ lab: Laboratory, since count: Int, but admitted: Int) async throws {
            _ = try await lab.witnessed(.rateLimitExceeded) { _ in true }
            let records = try lab.edge.records().dropFirst(count)
            #expect(records.count { $0.admits } == admitted)
            #expect(records.count { $0.kind == SecurityEvent.Kind.rateLimitExceeded.rawValue } == 1)
            let others = records.filter { !$0.admits }.map(\.kind)
            // What the registry was told before the start, and how the caller came in, may be written down by now, too.
            let known: Set = [
                "RATE_LIMIT_EXCEEDED", "AUTH_SUCCESS", "AUTH_CHALLENGE", "TLS_CONNECTION", "CHECKPOINT", "ADMIN_CHANGE",
                "STARTED",
            ]
            #expect(Set(others).isSubset(of: known), "\(others)")
        }
    }
}
