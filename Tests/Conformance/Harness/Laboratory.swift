import CoreTypes
import Foundation
import NIOSSL
import SIPMessage
import TestSupport
import TransportSecurity
import Witness

/// The built edge between callers and recording servers, with short timers. Most rows share one; those that need
/// settings of their own start another.
final class Laboratory: Sendable {
    let edge: EdgeUnderTest
    let downstream: Downstream
    /// More servers, by the name that routes lead to them by.
    let others: [String: Downstream]
    let tls: TLSContext
    private let listeners: [Way: Endpoint]
    private let listenersV6: [Way: Endpoint]

    static let t1 = Duration.milliseconds(50)
    /// 64 * T1.
    static let timeout = Duration.milliseconds(3200)

    private static let common = Task { try await Laboratory() }

    /// The one that tests share.
    static func shared() async throws -> Laboratory { try await common.value }

    /// Rates that no test meets.
    static let wide =
        "source_rate: {requests: 1000000, per: 10s, forget_after: 120s}, call_rate: {calls: 50000, per: 60s}"

    /// - Parameters:
    ///   - listeners: more of them, each a line of YAML.
    ///   - settings: more of the configuration, in YAML.
    ///   - rates: of both profiles, in YAML.
    ///   - tls: more of the TLS settings, in YAML.
    ///   - allows: the networks that are let in, in both groups.
    init(
        listeners more: String = "", settings: String = "", routes extra: String = "", pools: String = "",
        sip: String = "", rates: String = Laboratory.wide, experts: String = "", trunks: String = "",
        limits: String = "", tls security: String = "", trust: [String] = [],
        allows: [String] = ["127.0.0.0/8", "::1/128"], servers: [String: Downstream] = [:]
    ) async throws {
        var listeners: [EdgeUnderTest.Listener] = []
        for way in Way.allCases {
            listeners.append(try .init(way.transport, way == .tls ? "experts" : "trunks"))
        }
        self.listeners = Dictionary(uniqueKeysWithValues: zip(Way.allCases, listeners.map(\.endpoint)))
        let loopback = IPAddress(v6High: 0, low: 1)
        listenersV6 = self.listeners.mapValues { Endpoint(loopback, port: $0.port) }

        downstream = try await Downstream(IPAddress(v4: 0x7f00_0003))
        others = servers
        edge = try EdgeUnderTest(
            listeners,
            """
              - {transport: udp, address: "[::1]:\(listeners[0].port)", profile: trunks}
              - {transport: tcp, address: "[::1]:\(listeners[1].port)", profile: trunks}
              - {transport: tls, address: "[::1]:\(listeners[2].port)", profile: experts}
            \(more)
            tls: {certificate: tls/server.pem, key: tls/server-key.pem, trust: tls/trust.pem\(security)}
            sip: {t1: 50ms, t2: 200ms, t4: 100ms\(sip)}
            limits: {connections_per_source: 1000\(limits)}
            profiles:
              experts: {\(rates), max_concurrent_calls: 0\(experts)}
              trunks: {\(rates)\(trunks)}
            routes:
            \(extra)
              - {name: rest, match: {}, to: "sip:\(downstream.endpoint)"}
            \(pools.isEmpty ? "" : "pools:\n\(pools)")
            \(settings)
            """)
        try edge.command("cert", "issue-dev", "tls")
        let authorities = try ([edge.program.path("tls/ca.pem")] + trust).map {
            try String(contentsOfFile: $0, encoding: .utf8)
        }
        try edge.program.write("tls/trust.pem", authorities.joined(separator: "\n"))
        for group in ["1", "2"] {
            for network in allows { try edge.command("allow", "add", network, "--tag", "lab", "--group", group) }
        }
        try edge.command(
            "subscriber", "add", "\(Caller.user)@external.advisor", "--password-stdin", input: Caller.password + "\n")
        try edge.command(
            "expert", "add", "\(Caller.user)@external.advisor", "--name", "Caller", "--organization", "Lab",
            "--specialization", "safety", "--verified")
        tls = try ClientTLS.context(trust: edge.program.path("tls/ca.pem"), clock: { Self.now() })
        try await edge.start()
    }

    static func now() -> Int64 { Int64(Date().timeIntervalSince1970 * 1000) }

    func close() async throws {
        _ = try await edge.stop()
        await downstream.close()
        for other in others.values { await other.close() }
    }

    func address(_ way: Way) throws -> Endpoint {
        guard let endpoint = listeners[way] else { throw Failure("no listener for \(way)") }
        return endpoint
    }

    func addressV6(_ way: Way) throws -> Endpoint {
        guard let endpoint = listenersV6[way] else { throw Failure("no listener for \(way)") }
        return endpoint
    }

    func caller(_ way: Way, from source: IPAddress? = nil) async throws -> Caller {
        try await Caller(way, to: try address(way), from: source, tls: tls)
    }

    // MARK: Whole calls

    /// A call that is up.
    struct Established: Sendable {
        let call: CallIdentity
        let invite: Message
        let answer: Message
        let branch: String
    }

    func connect(_ caller: Caller, contact: String? = nil, lines: [String] = []) async throws -> Established {
        let call = CallIdentity()
        let branch = caller.nextBranch()
        caller.send(caller.request("INVITE", call, branch: branch))
        let invite = try await downstream.request(.invite, of: call.callID)
        try invite.answer(200, "OK", contact: contact ?? "sip:bob@\(downstream.endpoint)", lines: lines)
        let answer = try await caller.response(200, call)
        caller.send(caller.inDialog("ACK", call, answer, cSeq: 1))
        _ = try await downstream.request(.ack, of: call.callID)
        return Established(call: call, invite: try invite.sip, answer: answer, branch: branch)
    }

    func hangUp(_ caller: Caller, _ established: Established, cSeq: Int = 9) async throws {
        caller.send(caller.inDialog("BYE", established.call, established.answer, cSeq: cSeq))
        try await downstream.request(.bye, of: established.call.callID).answer(200, "OK")
        _ = try await caller.response(200, established.call, method: .bye)
    }

    /// Returns when all that was sent to the edge before has been dealt with and has arrived: what has not come by then,
    /// the edge did not send.
    func fence(_ way: Way = .udp) async throws {
        let caller = try await caller(way)
        let call = CallIdentity("fence")
        caller.send(caller.request("MESSAGE", call))
        try await downstream.request(Method("MESSAGE"), of: call.callID).answer(200, "OK")
        _ = try await caller.response(200, call)
        try await caller.wire.close()
    }

    // MARK: Witness

    /// Waits for the refusal or event of a kind about a detail.
    func witnessed(
        _ kind: SecurityEvent.Kind, where fits: (WitnessRecord) -> Bool
    ) async throws -> WitnessRecord {
        try await edge.witnesses(kind, where: fits)
    }
}

extension Laboratory {
    /// Lets time pass where the row is about time itself: what must not happen within it.
    func passes(_ duration: Duration) async throws { try await Task.sleep(for: duration) }
}
