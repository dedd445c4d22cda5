import CoreTypes
import SIPMessage
import TestSupport
import Testing
import Transport
import Witness

extension Integration {
    /// An edge on two event loops: everything that meets there comes from sources that belong to different ones.
    @Suite("Two shards", .timeLimit(.minutes(1)))
    struct ShardTests {
        private static let places = PortSharing(index: 0, of: 2)
        private let listener: EdgeUnderTest.Listener
        private let edge: EdgeUnderTest
        private let callee: DatagramPeer
        /// Four of each shard.
        private let callers: [DatagramPeer]

        init() async throws {
            listener = try EdgeUnderTest.Listener(.udp, "trunks")
            callee = try DatagramPeer(IPAddress(v4: 0x7f00_0101))
            var callers: [[DatagramPeer]] = [[], []]
            for last in UInt32(2)..<100 {
                let address = IPAddress(v4: 0x7f00_0000 + last)
                let share = Self.places.share(of: address)
                if callers[share].count < 4 { callers[share].append(try DatagramPeer(address)) }
            }
            self.callers = zip(callers[0], callers[1]).flatMap { [$0, $1] }
            edge = try EdgeUnderTest(
                [listener],
                """
                limits: {shards: 2}
                profiles:
                  trunks:
                    source_rate: {requests: 12, per: 60s}
                    call_rate: {calls: 9, per: 60s}
                routes:
                  - {name: far, match: {}, to: "sip:\(callee.endpoint)"}
                """)
            try edge.command("allow", "add", "127.0.0.0/24", "--tag", "trunk", "--group", "2")
            try await edge.start()
        }

        @Test("calls pass whatever shard caller and callee belong to, and are counted together")
        func calls() async throws {
            for (number, caller) in callers.enumerated() {
                let talk = try answered("call-\(number)", caller)
                // Who hangs up belongs to the call's shard in half of the calls.
                if number % 4 < 2 {
                    try caller.send(bye(talk, by: .caller), to: listener.endpoint)
                    try callee.send(ok(try callee.receive()), to: listener.endpoint)
                    #expect(try caller.receive().status == 200)
                } else {
                    try callee.send(bye(talk, by: .callee), to: listener.endpoint)
                    try caller.send(ok(try caller.receive()), to: listener.endpoint)
                    #expect(try callee.receive().status == 200)
                }
            }
            #expect(try await edge.metric("sip_calls_total") == Double(callers.count))
            #expect(try await edge.metric("sip_active_calls") == 0)
            #expect(try await edge.metric("registry_up") == 1)
            let listed = try edge.command("calls", "--json")
            #expect(callers.indices.allSatisfy { listed.contains("call-\($0)") })

            // Layer 5 has counted the eight together, though each came from an address of its own.
            _ = try answered("call-8", callers[0])
            try callers[1].send(invite("call-9", callers[1]), to: listener.endpoint)
            #expect(try callers[1].receive().status == 429)

            #expect(try await edge.stop() == 0)
            let records = try edge.records()
            #expect(records.count { $0.kind == "CALL_ENDED" } == callers.count + 1)
            #expect(records.count { $0.kind == "STOPPED" } == 1)
            #expect(try edge.verify().defect == nil)
        }

        @Test("a call that is up at one shard is a merged request at the other (RFC 3261 section 8.2.2.2)")
        func merged() throws {
            _ = try answered("merged", callers[0])
            try callers[1].send(invite("merged", callers[1]), to: listener.endpoint)
            #expect(try callers[1].receive().status == 482)
        }

        @Test("a call that comes back from the far side is no merged request, whatever shard that belongs to")
        func spiral() throws {
            for (number, caller) in callers.prefix(2).enumerated() {
                try caller.send(invite("spiral-\(number)", caller), to: listener.endpoint)
                let first = try callee.receive()
                #expect(try caller.receive().status == 100)
                try callers[0].send(returned(first, by: callers[0]), to: listener.endpoint)
                let second = try callee.receive()
                #expect(second.callID == first.callID)
                #expect(second.viaCount == first.viaCount + 2)
                #expect(try callers[0].receive().status == 100)
                try callee.send(ok(second), to: listener.endpoint)
                let answer = try callers[0].receive()
                #expect(answer.status == 200)
                try callers[0].send(withoutTopVia(answer), to: listener.endpoint)
                #expect(try caller.receive().status == 200)
            }
        }

        @Test("who names a shard in a forged cookie is counted where everything else of the same source is")
        func forged() throws {
            let stranger = callers[2]
            var answers: [Int] = []
            for number in 0..<30 {
                let shard = number % 2 == 0 ? "00" : "01"
                let route = "Route: <sip:sp1-\(shard)\(String(repeating: "0", count: 32))@\(listener.endpoint);lr>"
                let text = invite("forged-\(number)", stranger, tag: ";tag=far", [route])
                try stranger.send(text, to: listener.endpoint)
                if let answer = try? stranger.receive(within: answers.last == 503 ? 20 : 5000) {
                    answers.append(answer.status ?? 0)
                }
            }
            // The source's limit, then one 503, then silence.
            #expect(answers == Array(repeating: 481, count: 12) + [503])
        }

        @Test("who names a shard in the branch of a forged Via, as of a spiral, likewise", arguments: ["00", "01"])
        func forgedSpiral(shard: String) throws {
            // Not on the allowlist; one of each shard.
            for share in 0..<2 {
                let addresses = (UInt32(1)..<100).map { IPAddress(v4: 0x7f00_0200 + $0) }
                let stranger = try DatagramPeer(try #require(addresses.first { Self.places.share(of: $0) == share }))
                let branch = "z9hG4bK\(shard)\(String(repeating: "a", count: 16)).\(String(repeating: "b", count: 16))"
                var answers: [Int] = []
                for number in 0..<30 {
                    let via = "Via: SIP/2.0/UDP \(listener.endpoint);branch=\(branch)"
                    try stranger.send(invite("spiral-\(share)-\(number)", stranger, [via]), to: listener.endpoint)
                    if let answer = try? stranger.receive(within: answers.last == 503 ? 20 : 5000) {
                        answers.append(answer.status ?? 0)
                    }
                }
                #expect(answers == Array(repeating: 403, count: 12) + [503])
            }
        }

        // MARK: Messages

        private struct Talk {
            /// As the callee has received it, and the answer as the caller has.
            var invite: Message
            var answer: Message
            var caller: DatagramPeer
        }

        private enum Side {
            case caller
            case callee
        }

        /// Sets a call up.
        private func answered(_ callID: String, _ caller: DatagramPeer) throws -> Talk {
            try caller.send(invite(callID, caller), to: listener.endpoint)
            let received = try callee.receive()
            #expect(received.callID == callID)
            try callee.send(ok(received), to: listener.endpoint)
            #expect(try caller.receive().status == 100)
            let answer = try caller.receive()
            #expect(answer.status == 200)
            let talk = Talk(invite: received, answer: answer, caller: caller)
            try caller.send(inDialog("ACK", talk, by: .caller, sequence: 1), to: listener.endpoint)
            #expect(try callee.receive().method == .ack)
            return talk
        }

        private func invite(
            _ callID: String, _ from: DatagramPeer, tag: String = "", _ more: [String] = []
        ) -> String {
            text(
                [
                    "INVITE sip:bob@external.advisor SIP/2.0",
                    "Via: SIP/2.0/UDP \(from.endpoint);branch=z9hG4bK\(callID);rport", "Max-Forwards: 70",
                    "From: <sip:alice@external.advisor>;tag=alice", "To: <sip:bob@external.advisor>\(tag)",
                    "Call-ID: \(callID)", "CSeq: 1 INVITE", "Contact: <sip:alice@\(from.endpoint)>",
                ] + more)
        }

        private func text(_ lines: [String]) -> String {
            (lines + ["Content-Length: 0"]).joined(separator: "\r\n") + "\r\n\r\n"
        }

        private func lines(_ name: HeaderName, of message: Message) -> [String] {
            message.fields.filter { $0.name == name }.map { "\(name.canonical): \(message.text($0.value))" }
        }

        private func ok(_ request: Message) -> String {
            var to = lines(.to, of: request)[0]
            if request.toTag == nil { to += ";tag=bob" }
            return text(
                ["SIP/2.0 200 OK"] + lines(.via, of: request) + lines(.recordRoute, of: request)
                    + lines(.from, of: request) + [to] + lines(.callID, of: request) + lines(.cSeq, of: request)
                    + ["Contact: <sip:bob@\(callee.endpoint)>"])
        }

        private func bye(_ talk: Talk, by side: Side) -> String { inDialog("BYE", talk, by: side, sequence: 2) }

        private func inDialog(_ method: String, _ talk: Talk, by side: Side, sequence: Int) -> String {
            let from = side == .caller ? talk.caller : callee
            let target = side == .caller ? "sip:bob@\(callee.endpoint)" : "sip:alice@\(talk.caller.endpoint)"
            let parties =
                side == .caller
                ? lines(.from, of: talk.answer) + lines(.to, of: talk.answer)
                : lines(.to, of: talk.answer).map { "From" + $0.dropFirst(2) }
                    + lines(.from, of: talk.answer).map { "To" + $0.dropFirst(4) }
            let routes = lines(.recordRoute, of: talk.answer).map { "Route" + $0.dropFirst("Record-Route".count) }
            return text(
                [
                    "\(method) \(target) SIP/2.0",
                    "Via: SIP/2.0/UDP \(from.endpoint);branch=z9hG4bK\(method)\(talk.invite.callID);rport",
                    "Max-Forwards: 70",
                ] + routes + parties + ["Call-ID: \(talk.invite.callID)", "CSeq: \(sequence) \(method)"])
        }

        /// The same INVITE as another proxy sends it on, for somebody else.
        private func returned(_ request: Message, by proxy: DatagramPeer) -> String {
            text(
                [
                    "INVITE sip:carol@external.advisor SIP/2.0",
                    "Via: SIP/2.0/UDP \(proxy.endpoint);branch=z9hG4bKreturned\(request.callID);rport",
                ] + lines(.via, of: request) + ["Max-Forwards: 60"] + lines(.recordRoute, of: request)
                    + lines(.from, of: request) + lines(.to, of: request) + lines(.callID, of: request)
                    + lines(.cSeq, of: request) + lines(.contact, of: request))
        }

        private func withoutTopVia(_ response: Message) -> String {
            text(
                ["SIP/2.0 200 OK"] + lines(.via, of: response).dropFirst() + lines(.recordRoute, of: response)
                    + lines(.from, of: response) + lines(.to, of: response) + lines(.callID, of: response)
                    + lines(.cSeq, of: response) + lines(.contact, of: response))
        }
    }
}
