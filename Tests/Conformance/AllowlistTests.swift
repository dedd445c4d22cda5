import CoreTypes
import Foundation
import SIPMessage
import TestSupport
import Testing
import Witness

extension Conformance {
    @Suite("The allowlist")
    struct AllowlistTests {
        /// What layer 2 says to OPTIONS for the edge itself: 200 when it lets it go on, by TLS to a challenge.
        private func knock(_ lab: Laboratory, _ way: Way, at door: Endpoint, from source: String) async throws -> Int {
            let wire = try await Wire.connect(
                way.transport, to: door, from: IPAddress(source), tls: way == .tls ? lab.tls : nil)
            let call = CallIdentity("knock")
            wire.send(
                """
                OPTIONS sip:external.advisor SIP/2.0\r
                Via: SIP/2.0/\(way.transport.viaToken) \(wire.local);branch=z9hG4bK\(call.callID);rport\r
                From: <sip:knocker@external.advisor>;tag=\(call.tag)\r
                To: <sip:external.advisor>\r
                Call-ID: \(call.callID)\r
                CSeq: 1 OPTIONS\r
                Max-Forwards: 70\r
                Content-Length: 0\r
                \r

                """)
            let answer = try await wire.mailbox.take("an answer") { $0.callID == call.callID }.sip
            try await wire.close()
            let passed = way == .tls ? 401 : 200
            #expect(answer.status == passed || answer.reasonPhrase == "IP Not Allowlisted")
            return answer.status == passed ? 200 : answer.status ?? 0
        }

        @Test("row 28: IPv4, IPv6, and IPv4 on a socket of both are matched alike")
        func families() async throws {
            let ports = Dictionary(
                uniqueKeysWithValues: try Way.allCases.map { ($0, try FreePort.next()) })
            let both = ports.sorted { $0.key.rawValue < $1.key.rawValue }.map { way, port in
                "  - {transport: \(way.rawValue), address: \"[::]:\(port)\", "
                    + "profile: \(way == .tls ? "experts" : "trunks")}"
            }
            let lab = try await Laboratory(
                listeners: both.joined(separator: "\n"),
                allows: ["127.0.0.1/32", "127.0.1.0/24", "::1/128", "::ffff:127.0.2.0/120"])
            for way in Way.allCases {
                let port = try #require(ports[way])
                let v4 = try lab.address(way)
                let v6 = try lab.addressV6(way)
                let doors = [v4, Endpoint(v4.address, port: port)]
                for door in doors {
                    for source in ["127.0.0.1", "127.0.1.255", "127.0.2.9"] {
                        #expect(try await knock(lab, way, at: door, from: source) == 200, "\(way) \(door) \(source)")
                    }
                    for source in ["127.0.0.2", "127.0.3.1"] {
                        #expect(try await knock(lab, way, at: door, from: source) == 403, "\(way) \(door) \(source)")
                    }
                }
                for door in [v6, Endpoint(v6.address, port: port)] {
                    #expect(try await knock(lab, way, at: door, from: "::1") == 200, "\(way) \(door)")
                }
                try Ledger.note(28, [way.rawValue])
            }
            let denied = try await lab.witnessed(.ipNotAllowlisted) { $0.sourceIP == "127.0.3.1" }
            #expect(denied.text("method") == "OPTIONS")
            try lab.edge.command("allow", "remove", "::1/128", "--group", "2")
            for door in [try lab.addressV6(.udp), Endpoint(try lab.addressV6(.udp).address, port: ports[.udp] ?? 0)] {
                try await eventually("IPv6 is out", within: .seconds(3)) {
                    try await knock(lab, .udp, at: door, from: "::1") == 403
                }
            }
            try await lab.close()
        }

        @Test(
            "row 28: a bad entry changes nothing for the good ones, and a good one works at once",
            .enabled(if: PeerProgram.sqlite3.isInstalled, "\(PeerProgram.sqlite3.howToGetIt)"))
        func badEntry() async throws {
            let lab = try await Laboratory(allows: ["127.0.0.1/32"])
            let door = try lab.address(.udp)
            let database = lab.edge.program.path("var/sallyport.db")
            func sql(_ statement: String) async throws {
                let process = try ChildProcess(
                    "sqlite3", try PeerProgram.sqlite3.require(), ["-cmd", ".timeout 5000", database, statement],
                    in: lab.edge.program.directory)
                #expect(try await process.ends() == 0, "\(process.output)")
            }
            #expect(try await knock(lab, .udp, at: door, from: "127.0.5.1") == 403)
            // Written as somebody in a hurry writes it, past every check.
            try await sql(
                """
                INSERT INTO address (grp, ip_addr, mask, port, tag) VALUES
                    (2, '127.0.5.1', 99, 0, 'bad'), (2, '127.0.5.300', 32, 0, 'bad'), (2, '', 0, 0, 'bad'),
                    (2, '127.0.5.1', 32, 99999, 'bad'), ('two', '127.0.5.1', 32, 0, 'bad'),
                    (2, '127.0.5.1', -1, 0, 'bad'), (2, '127.0.5.1; DROP TABLE address', 32, 0, 'bad'),
                    (2, '127.0.6.1', 32, 0, 'good')
                """)
            try await eventually("the good one among them is in", within: .seconds(3)) {
                try await knock(lab, .udp, at: door, from: "127.0.6.1") == 200
            }
            #expect(try await knock(lab, .udp, at: door, from: "127.0.5.1") == 403)
            #expect(try await knock(lab, .udp, at: door, from: "127.0.0.1") == 200)
            try await eventually("the operator is told") {
                lab.edge.output.components(separatedBy: "is skipped").count > 7
            }
            // The command takes none of that.
            for bad in ["127.0.5.1/99", "127.0.5.300/32", "", "127.0.5.1/-1", "everybody"] {
                #expect(try lab.edge.program.run("allow", "add", bad, "--tag", "bad", "--group", "2").code != 0)
            }
            try lab.edge.command("allow", "add", "127.0.5.0/30", "--tag", "late", "--group", "2")
            let added = ContinuousClock.now
            try await eventually("it is in", within: .seconds(3)) {
                try await knock(lab, .udp, at: door, from: "127.0.5.1") == 200
            }
            try lab.edge.command("allow", "remove", "127.0.5.0/30", "--group", "2")
            try await eventually("it is out", within: .seconds(3)) {
                try await knock(lab, .udp, at: door, from: "127.0.5.1") == 403
            }
            #expect(ContinuousClock.now - added < .seconds(4))
            try await lab.close()
            #expect(try lab.edge.verify().defect == nil)
            try Ledger.note(28, ["udp"])
        }
    }
}
