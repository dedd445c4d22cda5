import CoreTypes
import SIPMessage
import TestSupport
import Testing

extension Conformance {
    @Suite("Sizes")
    struct SizeTests {
        /// A body in which nothing can be missing unnoticed.
        private func body(_ count: Int) -> String {
            String((0..<count / 8).map { String($0 + 10_000_000) }.joined().prefix(count))
        }

        private func request(_ caller: Caller, _ call: CallIdentity, _ body: String, user: String = "bob") -> String {
            caller.request(
                "MESSAGE", call, uri: "sip:\(user)@external.advisor",
                lines: ["Max-Forwards: 70", "Content-Type: text/plain"], body: body)
        }

        @Test("row 24: above 1,300 octets a UDP server is asked by TCP", arguments: Way.allCases)
        func large(way: Way) async throws {
            try await row(24, way) { lab, caller in
                for (size, transport) in [(200, TransportKind.udp), (2000, .tcp), (200, .udp), (20_000, .tcp)] {
                    let call = CallIdentity("large")
                    let body = body(size)
                    caller.send(request(caller, call, body))
                    let item = try await lab.downstream.request(Method("MESSAGE"), of: call.callID)
                    #expect(item.transport == transport)
                    #expect(try item.sip.topVia.transport == transport.viaToken)
                    #expect(try Array(item.octets.suffix(size)) == Array(body.utf8) && item.sip.body.count == size)
                    try item.answer(200, "OK")
                    _ = try await caller.response(200, call)
                }
            }
        }

        @Test("row 24: a server without TCP gets it by UDP, whole, and 60,000 octets are never cut")
        func withoutTCP() async throws {
            let plain = try await Downstream(IPAddress(v4: 0x7f00_0018), takesTCP: false)
            let lab = try await Laboratory(
                routes: "  - {name: plain, match: {user: plain}, to: \"sip:\(plain.endpoint)\"}",
                servers: ["plain": plain])
            for way in Way.allCases {
                let caller = try await lab.caller(way)
                for size in [2000, 58_000] {
                    let call = CallIdentity("plain")
                    let body = body(size)
                    caller.send(request(caller, call, body, user: "plain"))
                    let item = try await plain.request(Method("MESSAGE"), of: call.callID)
                    #expect(item.transport == .udp)
                    #expect(try item.sip.topVia.transport == "UDP")
                    #expect(Array(item.octets.suffix(size)) == Array(body.utf8))
                    try item.answer(200, "OK")
                    _ = try await caller.response(200, call)
                }
                let call = CallIdentity("huge")
                caller.send(request(caller, call, body(59_000)))
                let item = try await lab.downstream.request(Method("MESSAGE"), of: call.callID)
                #expect(try item.transport == .tcp && item.sip.body.count == 59_000)
                try item.answer(200, "OK")
                _ = try await caller.response(200, call)
                try await caller.wire.close()
                try Ledger.note(24, [way.rawValue])
            }
            #expect(plain.mailbox.everything.allSatisfy { $0.message != nil })
            try await lab.close()
        }

        @Test("row 24: more than the limit is refused, and nothing of it goes on", arguments: Way.allCases)
        func tooLarge(way: Way) async throws {
            let lab = try await Laboratory(limits: ", message_bytes: 10000")
            let caller = try await lab.caller(way)
            let call = CallIdentity("huge")
            caller.send(request(caller, call, body(11_000)))
            if way != .udp {
                try await eventually("an answer or the end") {
                    caller.wire.isClosed || caller.wire.mailbox.count { $0.callID == call.callID } > 0
                }
            }
            try await lab.fence()
            #expect(!lab.downstream.knows(call.callID))
            let answers = caller.wire.mailbox.everything.compactMap(\.message).filter { $0.callID == call.callID }
            #expect(Set(answers.map(\.status)).isSubset(of: [400, 513]))
            try await lab.close()
            try Ledger.note(24, [way.rawValue])
        }
    }
}
