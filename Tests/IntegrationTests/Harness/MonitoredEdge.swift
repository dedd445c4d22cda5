import CoreTypes
import Foundation
import SIPMessage
import TestSupport
import Testing
import UserAgent
import Witness

/// An edge that uses nearly all that has metrics: experts by TLS whose calls a policy service is asked about, a trunk to a
/// pool, revocation lists, a forwarder.
final class MonitoredEdge {
    let edge: EdgeUnderTest
    private let experts: EdgeUnderTest.Listener
    private let trunks: EdgeUnderTest.Listener
    private let phone: AnsweringPhone
    private let policy: PolicyServer
    private let collector: Collector
    private let authority: Authority
    private let directory = try? Program()

    init() async throws {
        experts = try EdgeUnderTest.Listener(.tls, "experts")
        trunks = try EdgeUnderTest.Listener(.udp, "trunks")
        phone = try await Calls.answeringPhone()
        collector = try await Collector()
        guard let directory else { throw Failure("no directory for the policy service") }
        policy = try await PolicyServer.start(in: directory.directory)
        authority = try Authority(in: directory.directory)
        let server = try authority.issue(
            "server", Authority.Wish().with { $0.names = "IP:127.0.0.1, URI:sip:external.advisor" })
        try authority.list(directory.path("root.crl"))
        edge = try EdgeUnderTest(
            [experts, trunks],
            """
            tls:
              certificate: \(server.chain)
              key: \(server.key)
              trust: \(authority.certificate)
              revocation: [\(directory.path("root.crl"))]
            profiles:
              experts:
                guard: {webhook: {url: "\(policy.url("allow"))", timeout: 2s}}
                liveness: {every: 300ms, misses: 3}
              trunks:
                call_rate: {calls: 15, per: 60s}
            routes:
              - {name: experts, match: {user: "expert-*"}, to: registry}
              - {name: nowhere, match: {user: nowhere}, to: "sip:nowhere@127.0.0.1:\(try FreePort.next());transport=tcp"}
              - {name: far, match: {}, to: pool:far}
            pools:
              far:
                probe: {every: 500ms}
                targets: [{uri: "sip:far@\(phone.endpoints[0])"}]
            witness:
              forward: [{name: hall, http: "\(collector.url)"}]
            """)
        for group in ["1", "2"] {
            try edge.command("allow", "add", "127.0.0.0/24", "--tag", "council-\(group)", "--group", group)
        }
        try edge.command("subscriber", "add", "caller@external.advisor", "--password-stdin", input: "s3cret\n")
        try edge.command(
            "expert", "add", "expert-safety@external.advisor", "--name", "Safety", "--organization", "Council",
            "--specialization", "safety", "--verified", "--contact", "sip:safety@\(phone.endpoints[0])")
    }

    /// Some of everything: calls that come through, calls over the call rate, wrong passwords, strangers, junk, requests
    /// for others, next hops and a policy service that are not there, and a ban.
    /// - Parameter round: from 1.
    func load(round: Int) async throws {
        let name = "round-\(round)"
        try edge.command("ban", "add", "203.0.113.\(round)", "--reason", "scan")
        try expertCall("\(name)-1", expecting: 200)
        try expertCall("\(name)-2", password: "guess", expecting: 401)
        // Somebody who does not trust the edge's certificate.
        _ = try CurlAnswer.of(["https://\(experts.endpoint)/"])
        try Strangers.call(trunks.endpoint, 0..<30)
        for _ in 0..<10 { _ = try await Calls.place(to: trunks.endpoint, as: nil) }
        _ = try await Calls.place(to: trunks.endpoint, target: "sip:nowhere@external.advisor", as: nil)

        let peer = try DatagramPeer(IPAddress(v4: 0x7f00_0002))
        try peer.send("INVITE sip:far@external.advisor SIP/2.0\r\nVia: junk\r\n\r\n", to: trunks.endpoint)
        try peer.send(
            [
                "OPTIONS sip:far@external.advisor SIP/2.0", "Via: SIP/2.0/UDP \(peer.endpoint);branch=z9hG4bK\(name)",
                "Route: <sip:192.0.2.99;lr>", "Max-Forwards: 70", "From: <sip:peer@external.advisor>;tag=1",
                "To: <sip:far@external.advisor>", "Call-ID: \(name)", "CSeq: 1 OPTIONS", "Content-Length: 0",
            ].joined(separator: "\r\n") + "\r\n\r\n", to: trunks.endpoint)
        #expect([400, 403].contains(try peer.receive().status))

        policy.process.send(SIGSTOP)
        try expertCall("\(name)-3", expecting: 503)
        policy.process.send(SIGCONT)
    }

    private func expertCall(_ trace: String, password: String = "s3cret", expecting status: Int) throws {
        let outcome = try edge.program.run(
            "call", "sip:expert-safety@external.advisor", "--proxy", "\(experts.endpoint)", "--ca",
            authority.certificate, "--username", "caller", "--password", password, "--hazard", "safety", "--trace-id",
            trace, "--hold", "1s", "--json")
        let report = outcome.json as? [String: Any]
        #expect(report?["status"] as? Int == status, "\(outcome)")
    }

    /// By its witness, since its last start.
    func admittedCalls() throws -> Int {
        let records = try edge.records()
        let start = records.lastIndex { $0.kind == "STARTED" } ?? records.startIndex
        return records[start...].filter(\.admits).count
    }

    func end() async throws {
        #expect(try await edge.stop() == 0)
        #expect(try edge.verify().defect == nil)
        await phone.shutdown()
    }
}
