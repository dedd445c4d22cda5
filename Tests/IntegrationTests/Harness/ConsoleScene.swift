import CoreTypes
import Foundation
import SIPMessage
import Synchronization
import TestSupport
import TransportSecurity
import UserAgent

/// An edge with something of all that the console shows: calls that are up and one that is over, refusals by several
/// layers, experts, networks, a ban, and keys.
final class ConsoleScene: Sendable {
    static let domain = "external.advisor"
    /// The trace of a call that the guard refuses, layer 6.
    static let refusedTrace = "c41f-privacy"
    /// The trace of call no. 1.
    static let trace = "7f3a-oversight"

    let edge: EdgeUnderTest
    let experts: EdgeUnderTest.Listener
    let trunks: EdgeUnderTest.Listener
    private let phone: AnsweringPhone
    private let tls: TLSContext
    /// Calls no. 2 and 3, which this process holds; no. 1 is held by `sallyport call`.
    private let held = Mutex<[Task<CallReport, Never>]>([])
    private let first = Mutex<ChildProcess?>(nil)

    /// Starts everything, and returns when three calls are up and the refusals are in the witness.
    init() async throws {
        experts = try EdgeUnderTest.Listener(.tls, "experts")
        trunks = try EdgeUnderTest.Listener(.udp, "trunks")
        let here = Endpoint(IPAddress(v4: 0x7f00_0001), port: 0)
        phone = try await AnsweringPhone(on: [(.udp, here), (.udp, here)], manner: .init(ringsFor: nil))
        edge = try EdgeUnderTest(
            [experts, trunks],
            """
            tls: {certificate: tls/server.pem, key: tls/server-key.pem, trust: tls/ca.pem}
            pools:
              office:
                targets:
                  - {uri: "sip:\(phone.endpoints[0])", priority: 1}
                  - {uri: "sip:\(phone.endpoints[1])", priority: 2}
            routes:
              - {name: experts, match: {user: "expert-*", domain: \(Self.domain)}, to: registry}
              - {name: office, match: {profile: trunks}, to: "pool:office"}
            """,
            controlSettings: "rate: {requests: 1000, per: 1s, burst: 1000}, key_rate: {requests: 100000, per: 60s}")
        try edge.command("cert", "issue-dev", "tls")
        let now = Int64(Date().timeIntervalSince1970 * 1000)
        tls = try ClientTLS.context(trust: edge.program.path("tls/ca.pem"), clock: { now })
        try register()
        try await edge.start()
        try await placeCalls()
        try await provoke()
    }

    private func register() throws {
        try edge.command("allow", "add", "127.0.0.0/24", "--tag", "Council of Advisors")
        try edge.command("allow", "add", "127.0.1.0/24", "--tag", "University Hospital")
        try edge.command("allow", "add", "127.0.2.0/24", "--tag", "Northern Carrier", "--group", "2")
        try edge.command("ban", "add", "203.0.113.9", "--for", "2h", "--reason", "dialed through our numbers")
        let people = [
            ("safety", "Safety Advisor", "Council of Advisors", ["safety", "alignment"]),
            ("ethics", "Ethics Advisor", "Council of Advisors", ["ethics", "bias"]),
            ("security", "Security Advisor", "University Hospital", ["security", "privacy"]),
        ]
        for (user, name, organization, specializations) in people {
            let address = "expert-\(user)@\(Self.domain)"
            try edge.command("subscriber", "add", address, "--password-stdin", input: "s3cret\n")
            let hazards = specializations.flatMap { ["--specialization", $0] }
            let outcome = try edge.program.run(
                [
                    "expert", "add", address, "--name", name, "--organization", organization, "--verified", "--contact",
                    "sip:\(user)@\(phone.endpoints[0])",
                ] + hazards)
            guard outcome.code == 0 else { throw Failure("\(address) can't be added: \(outcome.errors)") }
        }
    }

    /// Three calls that are up, in this order, and one that is over.
    private func placeCalls() async throws {
        let child = try ChildProcess(
            "call", Program.executable,
            [
                "call", "--username", "expert-ethics", "--password", "s3cret", "--hazard", "safety", "--trace-id",
                Self.trace, "--hold", "1h", "--ca", "tls/ca.pem", "--proxy", "\(experts.endpoint)",
                "sip:expert-safety@\(Self.domain)",
            ], in: edge.program.directory)
        first.withLock { $0 = child }
        try await areUp(1)
        try hold(
            plan(from: "expert-security", to: "expert-ethics", hazard: "ethics", trace: "52be-triage"), 0x7f00_0107)
        try await areUp(2)
        try hold(trunkPlan(), 0x7f00_0209)
        try await areUp(3)
        let over = await place(
            try plan(from: "expert-safety", to: "expert-security", hazard: "security", trace: "90d2-access"),
            0x7f00_000b)
        guard over.isAnswered else { throw Failure("the fourth call was not answered: \(over)") }
    }

    private func areUp(_ count: Double) async throws {
        do {
            try await eventually("\(count) calls are up") { try await edge.metric("sip_active_calls") == count }
        } catch {
            throw Failure("\(error)\n\(first.withLock { $0 }?.output ?? "")\n\(edge.output.suffix(2000))")
        }
    }

    /// What each layer refuses.
    private func provoke() async throws {
        try await wrongPassword()
        _ = await place(
            try plan(from: "expert-ethics", to: "expert-safety", hazard: "privacy", trace: Self.refusedTrace),
            0x7f00_000b)
        _ = try await edge.witnesses(.policyRejected)
        try stranger(3)
        _ = try await edge.witnesses(.ipNotAllowlisted)
        try malformed()
        _ = try await edge.witnesses(.malformedMessage)
        let insistent = try await Caller(tls: tls, source: IPAddress(v4: 0x7f00_000c))
        for _ in 1...11 {
            _ = await insistent.place(
                try plan(from: "expert-safety", to: "expert-ethics", hazard: "ethics", trace: "b017-again"))
        }
        await insistent.shutdown()
        _ = try await edge.witnesses(.rateLimitExceeded)
    }

    func wrongPassword() async throws {
        var guess = try plan(from: "expert-ethics", to: "expert-safety", hazard: "safety", trace: "0000-guess")
        guess.password = "guess"
        _ = await place(guess, 0x7f00_000d)
        _ = try await edge.witnesses(.authFailed)
    }

    /// Somebody whom no network covers calls: 127.1.0.NUMBER.
    func stranger(_ number: Int) throws {
        try Strangers.call(trunks.endpoint, number..<number + 1)
    }

    private func malformed() throws {
        let peer = try DatagramPeer(IPAddress(v4: 0x7f00_024d))
        try peer.send(
            "INVITE sip:office@\(Self.domain) SIP/2.0\r\nVia: SIP/2.0/UDP \(peer.endpoint);branch=z9hG4bKbroken\r\n"
                + "From: <sip:trunk@127.0.2.77>;tag=1\r\nTo: <sip:office@\(Self.domain)>\r\nCall-ID: broken\r\n"
                + "CSeq: many INVITE\r\nMax-Forwards: 70\r\nContent-Length: 0\r\n\r\n", to: trunks.endpoint)
    }

    // MARK: Calls

    func plan(from: String, to: String, hazard: String, trace: String) throws -> CallPlan {
        guard let target = URI("sip:\(to)@\(Self.domain)"), let caller = URI("sip:\(from)@\(Self.domain)") else {
            throw Failure("\(from) or \(to) is no user")
        }
        var plan = CallPlan(target: target, remote: experts.endpoint, transport: .tls, from: caller)
        plan.username = from
        plan.password = "s3cret"
        plan.hazard = hazard
        plan.traceID = trace
        plan.hold = .milliseconds(20)
        return plan
    }

    func trunkPlan() throws -> CallPlan {
        guard let target = URI("sip:+15550100@\(Self.domain)"), let caller = URI("sip:+15550199@carrier.example") else {
            throw Failure("no URI")
        }
        var plan = CallPlan(target: target, remote: trunks.endpoint, transport: .udp, from: caller)
        plan.hold = .milliseconds(20)
        return plan
    }

    /// Places a call from an address of 127.0.0.0/8 and sees it through.
    func place(_ plan: CallPlan, _ source: UInt32) async -> CallReport {
        do {
            let caller = try await Caller(tls: tls, source: IPAddress(v4: source))
            let report = await caller.place(plan)
            await caller.shutdown()
            return report
        } catch {
            return CallReport()
        }
    }

    private func hold(_ plan: CallPlan, _ source: UInt32) throws {
        var plan = plan
        plan.hold = .seconds(3600)
        let task = Task { [plan] in await self.place(plan, source) }
        held.withLock { $0.append(task) }
    }

    /// How call no. 3 ended; waits until it is over.
    func third() async -> CallReport { await held.withLock { $0[1] }.value }

    func calls(_ arguments: String...) throws -> [[String: Any]] {
        let outcome = try edge.program.run(["calls"] + arguments + ["--json"])
        return outcome.json as? [[String: Any]] ?? []
    }

    /// Hangs up, and stops the edge.
    /// - Returns: its exit code.
    func strike() async throws -> Int32 {
        for call in try calls("--active") {
            if let id = call["id"] as? String { _ = try edge.program.run("calls", "end", id) }
        }
        for task in held.withLock({ $0 }) { _ = await task.value }
        let code = try await edge.stop()
        await phone.shutdown()
        return code
    }
}

extension ConsoleScene {
    /// Calls and refusals of all kinds, more and fewer, so that there is something to see over time.
    func goOn(for duration: Duration) async throws {
        let end = ContinuousClock.now + duration
        var round = 0
        while ContinuousClock.now < end {
            round += 1
            for number in 0..<(round * 7 % 5) { try stranger(20 + number) }
            for _ in 0..<(round * 5 % 4) { _ = await place(try trunkPlan(), 0x7f00_0209) }
            if round % 2 == 0 {
                _ = await place(
                    try plan(from: "expert-security", to: "expert-safety", hazard: "safety", trace: "11a\(round)-ward"),
                    0x7f00_0107)
            }
            if round % 5 == 0 { try await wrongPassword() }
            if round % 7 == 0 {
                _ = await place(
                    try plan(from: "expert-security", to: "expert-safety", hazard: "bias", trace: "3e\(round)-wrong"),
                    0x7f00_0107)
            }
            try await Task.sleep(for: .seconds(6))
        }
    }
}
