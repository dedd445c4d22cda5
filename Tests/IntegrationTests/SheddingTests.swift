import CoreTypes
import Foundation
import SIPMessage
import TestSupport
import Testing
import Witness

extension Integration {
    @Suite("Strangers of a flood", .timeLimit(.minutes(1)))
    struct SheddingTests {
        private static let crowd = 2000

        @Test("that fills the receive buffer are not answered, and who is let in comes through behind them")
        func shedding() async throws {
            let listener = try EdgeUnderTest.Listener(.udp, "trunks")
            let caller = try DatagramPeer(IPAddress(v4: 0x7f00_0002))
            let callee = try DatagramPeer(IPAddress(v4: 0x7f00_0003))
            let stranger = try DatagramPeer(IPAddress(v4: 0x7f42_0001))
            let edge = try EdgeUnderTest(
                [listener],
                """
                profiles: {trunks: {source_rate: {requests: 1000000, per: 10s}, call_rate: {calls: 1000000}}}
                routes:
                  - {name: far, match: {}, to: "sip:\(callee.endpoint)"}
                """)
            try edge.command("allow", "add", "127.0.0.0/24", "--tag", "trunk", "--group", "2")
            try await edge.start()

            // It stands still meanwhile: so they wait together, and more than it reads before it looks how many wait.
            let process = try edge.running()
            process.send(SIGSTOP)
            for number in 0..<Self.crowd {
                try stranger.send(invite("stranger-\(number)", from: stranger), to: listener.endpoint)
            }
            try caller.send(invite("caller", from: caller), to: listener.endpoint)
            process.send(SIGCONT)

            #expect(try callee.receive().callID == "caller")
            let shed = try await count(edge, #"sip_dropped_messages_total{reason="flood"}"#)
            let refused = try await count(edge, #"security_rejections_total{layer="ip_allowlist"}"#)
            #expect(shed > 0)
            // Whether answered or not, each is counted.
            #expect(refused == Self.crowd)
            #expect(try await edge.stop() == 0)
            let told = try edge.records().filter { $0.text("reason") == "flood" }.compactMap { $0.number("count") }
            #expect(told.reduce(0, +) == shed)
        }

        private func count(_ edge: EdgeUnderTest, _ series: String) async throws -> Int {
            let line = try await edge.get("/metrics").split(whereSeparator: \.isNewline).first { $0.hasPrefix(series) }
            return line?.split(separator: " ").last.flatMap { Double($0) }.map(Int.init) ?? 0
        }

        private func invite(_ callID: String, from peer: DatagramPeer) -> String {
            [
                "INVITE sip:bob@external.advisor SIP/2.0",
                "Via: SIP/2.0/UDP \(peer.endpoint);branch=z9hG4bK\(callID);rport", "Max-Forwards: 70",
                "From: <sip:alice@external.advisor>;tag=alice-1", "To: <sip:bob@external.advisor>",
                "Call-ID: \(callID)", "CSeq: 1 INVITE", "Contact: <sip:alice@\(peer.endpoint)>", "Content-Length: 0",
            ].joined(separator: "\r\n") + "\r\n\r\n"
        }
    }
}
