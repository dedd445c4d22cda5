import CoreTypes
import SIPMessage
import TestSupport
import Testing

extension Conformance {
    @Suite("Streams")
    struct StreamTests {
        private static let ways = [Way.tcp, .tls]

        /// OPTIONS for the edge itself, which it answers at once, by TLS with a challenge, and from which the order of
        /// answers shows.
        private func options(_ caller: Caller, _ call: CallIdentity, cSeq: Int, lines: [String] = []) -> String {
            caller.request(
                "OPTIONS", call, uri: "sip:\(caller.wire.remote)", cSeq: cSeq,
                lines: ["Max-Forwards: 70"] + lines, authenticates: false)
        }

        private func answers(_ caller: Caller, _ call: CallIdentity) -> [UInt32] {
            caller.wire.mailbox.everything.compactMap(\.message)
                .filter { $0.callID == call.callID && $0.status == (caller.way == .tls ? 401 : 200) }.map(\.cSeq.number)
        }

        @Test("row 23: ten requests in one write", arguments: ways)
        func pipelined(way: Way) async throws {
            try await row(23, way) { lab, caller in
                let call = CallIdentity("pipeline")
                caller.send((1...10).map { options(caller, call, cSeq: $0) }.joined())
                try await eventually("ten answers") { answers(caller, call).count == 10 }
                #expect(answers(caller, call) == Array(1...10))

                let calls = (1...10).map { _ in CallIdentity("pipeline") }
                caller.send(calls.map { caller.request("MESSAGE", $0) }.joined())
                for call in calls {
                    try await lab.downstream.request(Method("MESSAGE"), of: call.callID).answer(200, "OK")
                    _ = try await caller.response(200, call)
                }
                // The edge may have sent some of them twice by now.
                var order = lab.downstream.mailbox.everything.compactMap(\.message?.callID)
                    .filter { id in calls.contains { $0.callID == id } }
                var seen: Set<String> = []
                order.removeAll { !seen.insert($0).inserted }
                #expect(order == calls.map(\.callID))
            }
        }

        @Test("row 23: one octet at a time", arguments: ways)
        func drop(way: Way) async throws {
            try await row(23, way) { lab, caller in
                let call = CallIdentity("octets")
                for octet in options(caller, call, cSeq: 1).utf8 {
                    try await caller.wire.write([octet])
                }
                _ = try await caller.response(way == .tls ? 401 : 200, call)
            }
        }

        @Test("row 23: split in two at every octet", arguments: ways)
        func split(way: Way) async throws {
            try await row(23, way) { lab, caller in
                let call = CallIdentity("split")
                let length = Array(options(caller, call, cSeq: 1001, lines: ["Subject: of some length"]).utf8).count
                var rest: [UInt8] = []
                for point in 1..<length {
                    let octets = Array(
                        options(caller, call, cSeq: 1000 + point, lines: ["Subject: of some length"]).utf8)
                    // The end of the one and the beginning of the next.
                    try await caller.wire.write(rest + octets[..<point])
                    rest = Array(octets[point...])
                }
                try await caller.wire.write(rest)
                try await eventually("an answer for each") { answers(caller, call).count == length - 1 }
                #expect(answers(caller, call) == (1001..<1000 + UInt32(length)).map { $0 })
            }
        }

        @Test("row 23: line ends between messages", arguments: ways)
        func lineEnds(way: Way) async throws {
            try await row(23, way) { lab, caller in
                let call = CallIdentity("lines")
                caller.send(
                    "\r\n" + options(caller, call, cSeq: 1) + "\r\n\r\n\r\n" + options(caller, call, cSeq: 2) + "\r\n")
                caller.send(options(caller, call, cSeq: 3))
                try await eventually("three answers") { answers(caller, call).count == 3 }
                #expect(answers(caller, call) == [1, 2, 3] && !caller.wire.isClosed)
            }
        }

        @Test("row 23: without Content-Length nobody knows what is next", arguments: ways)
        func noLength(way: Way) async throws {
            try await row(23, way) { lab, caller in
                let (call, next) = (CallIdentity("nolength"), CallIdentity("behind"))
                caller.send(
                    caller.request("MESSAGE", call).replacing("Content-Length: 0\r\n", with: "")
                        + caller.request("MESSAGE", next))
                _ = try await caller.response(400, call)
                try await eventually("the end") { caller.wire.isClosed }
                try await lab.fence()
                #expect(!lab.downstream.knows(call.callID) && !lab.downstream.knows(next.callID))
            }
        }

        @Test("row 23: a header of 200 kB", arguments: ways)
        func endless(way: Way) async throws {
            try await row(23, way) { lab, caller in
                for padding in [
                    "X-Long: " + String(repeating: "x", count: 200_000),
                    String(repeating: "X-Many: y\r\n", count: 18_000) + "X-Last: y",
                ] {
                    let sender = try await lab.caller(way)
                    let call = CallIdentity("long")
                    sender.send(sender.request("MESSAGE", call, lines: ["Max-Forwards: 70", padding]))
                    try await eventually("an answer or the end") {
                        sender.wire.isClosed || sender.wire.mailbox.count { $0.callID == call.callID } > 0
                    }
                    let statuses = sender.wire.mailbox.everything.compactMap(\.message)
                        .filter { $0.callID == call.callID }.map { $0.status ?? 0 }
                    #expect(Set(statuses).isSubset(of: [400, 413, 513]), "\(statuses)")
                    try await lab.fence()
                    #expect(!lab.downstream.knows(call.callID))
                    try await sender.wire.close()
                }
            }
        }

        @Test("row 23: junk", arguments: ways)
        func junk(way: Way) async throws {
            try await row(23, way) { lab, _ in
                for octets in [
                    Array("\u{1}\u{2}\u{3}\u{4}".utf8), [UInt8](repeating: 0, count: 600), [0xff, 0xfe, 0xc0, 0x80],
                    Array("GET / HTTP/1.1\r\nHost: x\r\n\r\n".utf8), Array("\n\n".utf8),
                    Array("hello\r\n\r\n".utf8), [0x16, 3, 1, 0, 5, 1, 0, 0, 1, 3],
                ] as [[UInt8]] {
                    let sender = try await lab.caller(way)
                    let before = sender.wire.mailbox.everything.count
                    sender.wire.send(octets)
                    try await eventually("the end after \(octets.prefix(12))") { sender.wire.isClosed }
                    #expect(sender.wire.mailbox.everything.count == before, "\(octets.prefix(12))")
                }
                try await lab.fence(way)
            }
        }
    }
}
