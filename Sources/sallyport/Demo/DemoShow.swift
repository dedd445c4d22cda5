import SallyportConfiguration
import CoreTypes
import Crypto
import Defense
import Foundation
import SIPMessage
import UserAgent
import Witness

/// The demonstration itself: what is tried, what should happen, what did.
struct DemoShow {
    private let stage: DemoStage
    private(set) var steps = 0
    private(set) var failures = 0

    init(_ stage: DemoStage) {
        self.stage = stage
    }

    mutating func run() async {
        say("Sallyport: a call through seven layers, and what each layer refuses")
        say("  edge     tls \(stage.secureEndpoint) (profile experts), certificates and registry in \(stage.folder)")
        say("  experts  \(stage.experts.map(\.address).joined(separator: ", "))")
        say("  allowed  \(DemoStage.network); everybody else is a stranger")
        await theCall()
        await plainSIP()
        await strangersAddress()
        await flood()
        await wrongCredentials()
        await replayedNonce()
        await eleventhCall()
        await wrongHazard()
        await forgedSignature()
        await bridge()
        witness()
    }

    // MARK: The main job

    private mutating func theCall() async {
        heading("A call by TLS: \(stage.ethics.address) calls \(stage.safety.address) about safety, signed")
        let trace = "demo-call"
        var plan = plan(to: stage.safety, as: stage.ethics, trace: trace, hazard: "safety")
        plan.signer = .init(keyID: "demo", privateKey: Array(stage.ethics.key.rawRepresentation))
        plan.hold = .milliseconds(100)
        let report = await place(plan, from: 1) { answer in
            Terminal.print("    \(Self.milliseconds(answer.after))  \(answer.status) \(answer.reason)")
        }
        let approved = await record("POLICY_APPROVED", trace: trace)
        if let approved, case .strings(let passage)? = approved[detail: "passage"] {
            say(
                "    its passage, as the witness has it (record \(approved.sequence), on disk before the call went on):"
            )
            for (number, layer) in passage.enumerated() { say("      \(number + 1)  \(layer)") }
            say("      over \(text(approved, "tls_version")) with \(text(approved, "cipher_suite"))")
        }
        let ended = await record("CALL_ENDED", trace: trace)
        conclude(
            "answered, talked, hung up",
            report.isAnswered && report.ending == .hungUp && approved != nil && ended != nil,
            "ended after \(ended.map { text($0, "duration_ms") } ?? "?") ms")
    }

    // MARK: Layer by layer

    private mutating func plainSIP() async {
        heading("Layer 3, transport security: the same call without TLS")
        var plan = plan(to: stage.safety, as: stage.ethics, trace: "demo-plain", hazard: "safety")
        plan.remote = stage.plainEndpoint
        plan.transport = .udp
        plan.serverName = nil
        let report = await place(plan, from: 2, secure: false)
        await expect(report, 403, "TLS Required", event: "SECURITY_EVENT", trace: "demo-plain")
    }

    private mutating func strangersAddress() async {
        heading("Layer 2, allowlist: a call from \(DemoStage.stranger), with the right password")
        let plan = plan(to: stage.safety, as: stage.ethics, trace: "demo-stranger", hazard: "safety")
        let report = await place(plan, source: DemoStage.stranger)
        await expect(report, 403, "IP Not Allowlisted", event: "IP_NOT_ALLOWLISTED", trace: "demo-stranger")
    }

    private mutating func flood() async {
        heading("Layer 1, source rate: a flood from one address")
        var answers: [Int] = []
        for number in 1...31 {
            var plan = plan(to: stage.safety, as: stage.ethics, trace: "demo-flood", hazard: "safety")
            plan.username = nil
            plan.patience = .milliseconds(300)
            plan.remote = stage.plainEndpoint
            plan.transport = .udp
            plan.serverName = nil
            let report = await place(plan, from: 3, secure: false)
            answers.append(report.final?.status ?? 0)
            if number == 31 {
                await expect(report, 503, nil, event: "RATE_LIMIT_EXCEEDED", trace: nil)
            }
        }
        say("    30 got \(Set(answers.dropLast()).map(String.init).joined(separator: ", ")), the 31st \(answers[30])")
    }

    private mutating func wrongCredentials() async {
        heading("Layer 4, authentication: a wrong password, and a user who does not exist")
        var wrong = plan(to: stage.safety, as: stage.ethics, trace: "demo-password", hazard: "safety")
        wrong.password = "guess"
        let first = await place(wrong, from: 4)
        await expect(first, 401, nil, event: "AUTH_FAILED", trace: "demo-password")
        var unknown = wrong
        unknown.username = "expert-nobody"
        unknown.traceID = "demo-nobody"
        let second = await place(unknown, from: 4)
        await expect(second, 401, nil, event: "AUTH_FAILED", trace: "demo-nobody")
        conclude(
            "nobody learns whether a user exists", Self.shape(first) == Self.shape(second), "the two answers are alike")
    }

    private mutating func replayedNonce() async {
        heading("Layer 4, authentication: an overheard answer to a challenge, sent again")
        var plan = plan(to: stage.safety, as: stage.ethics, trace: "demo-replay", hazard: "safety")
        plan.username = nil
        let challenged = await place(plan, from: 5)
        guard let field = challenged.final?.header("WWW-Authenticate"), let challenge = DigestChallenge(field) else {
            conclude("a challenge to answer", false, "none came")
            return
        }
        plan.headers = [("Authorization", Self.answer(challenge, as: stage.ethics, uri: plan.target.text))]
        let first = await place(plan, from: 5)
        conclude("the answer is good once", first.isAnswered, Self.text(first))
        let second = await place(plan, from: 5)
        await expect(second, 401, nil, event: "AUTH_FAILED", trace: "demo-replay")
    }

    private mutating func eleventhCall() async {
        heading("Layer 5, call rate: eleven calls in a minute")
        var plan = plan(to: stage.security, as: stage.security, trace: "demo-rate", hazard: "privacy")
        plan.hold = .zero
        let reports = await place(plan, times: 11, from: 6)
        let statuses = reports.map { $0.final?.status ?? 0 }
        guard let last = reports.last else { return }
        conclude(
            "ten calls pass", statuses.dropLast().allSatisfy { $0 == 200 }, "\(statuses.count { $0 == 200 }) got 200")
        await expect(last, 429, "Too Many Requests", event: "RATE_LIMIT_EXCEEDED", trace: "demo-rate")
        say("    Retry-After: \(last.final?.header("Retry-After") ?? "none")")
    }

    private mutating func wrongHazard() async {
        heading(
            "Layer 6, guard: a call about privacy to an expert for \(stage.safety.specializations.joined(separator: ", "))"
        )
        let report = await place(
            plan(to: stage.safety, as: stage.ethics, trace: "demo-hazard", hazard: "privacy"), from: 7)
        await expect(report, 403, "Forbidden", event: "POLICY_REJECTED", trace: "demo-hazard")
    }

    private mutating func forgedSignature() async {
        heading("Layer 6, guard: a signature made with another key")
        var plan = plan(to: stage.safety, as: stage.ethics, trace: "demo-forged", hazard: "safety")
        plan.signer = .init(keyID: "demo", privateKey: Array(Curve25519.Signing.PrivateKey().rawRepresentation))
        let report = await place(plan, from: 8)
        await expect(report, 403, "Forbidden", event: "POLICY_REJECTED", trace: "demo-forged")
    }

    private mutating func bridge() async {
        heading("Routes: a call for the council goes to the H.323 bridge")
        var plan = plan(to: stage.ethics, as: stage.ethics, trace: "demo-bridge", hazard: "ethics")
        if let council = URI("sip:council@\(DemoStage.domain)") { plan.target = council }
        plan.hold = .zero
        let report = await place(plan, from: 9)
        let bridged = await record("H323_BRIDGE", trace: "demo-bridge")
        let invite = stage.gateway.received.first { $0.message.method == .invite }?.message
        let headers = ["X-IF-Source", "X-IF-Bridge-Mode", "X-IF-Authenticated-User"].map { name in
            "\(name): \(invite?.all(named: name).first.map { invite?.text($0.value) ?? "" } ?? "missing")"
        }
        conclude(
            "the bridge answers and is told who calls",
            report.isAnswered && bridged != nil && !headers.contains { $0.hasSuffix("missing") },
            headers.joined(separator: ", "))
    }

    // MARK: Layer 7

    private mutating func witness() {
        heading("Layer 7, witness: the log of all this, and a copy that somebody has edited")
        do {
            let keys = try WitnessPublicKey.load(fromFile: stage.configuration.stateDirectory + "/node.pub")
            let report = try WitnessVerifier(directory: stage.configuration.witnessDirectory, keys: keys).verify()
            conclude(
                "it verifies", report.defect == nil, "\(report.records) records, \(report.checkpoints) checkpoints")
            let copy = stage.folder + "/tampered"
            try DemoTampering.copy(stage.configuration.witnessDirectory, to: copy)
            let tampered = try WitnessVerifier(directory: copy, keys: keys).verify()
            conclude(
                "the edit is found", tampered.defect != nil,
                tampered.defect.map { "\($0)" } ?? "nothing was noticed")
        } catch {
            conclude("it verifies", false, "\(error)")
        }
    }

    static func invitation(_ stage: DemoStage) -> String {
        let person = stage.ethics
        return """

            The edge stays up. Call it from another terminal:
              cd \(stage.folder)
              sallyport call sip:\(stage.safety.address) --proxy \(stage.secureEndpoint) --username \(person.username) --password \(person.password) \\
                --from \(person.address) --hazard safety --trace-id my-first-call --ca tls/ca.pem --count 11
              sallyport witness tail
              curl http://\(stage.configuration.control.listen)/metrics
            Ctrl-C ends it.
            """
    }

    // MARK: Calls

    private func plan(to callee: DemoStage.Person, as caller: DemoStage.Person, trace: String, hazard: String)
        -> CallPlan
    {
        var plan = CallPlan(target: callee.uri, remote: stage.secureEndpoint, transport: .tls, from: caller.uri)
        plan.serverName = DemoStage.domain
        plan.username = caller.username
        plan.password = caller.password
        plan.traceID = trace
        plan.hazard = hazard
        plan.hold = .milliseconds(10)
        plan.patience = .seconds(10)
        return plan
    }

    private func place(
        _ plan: CallPlan, from host: UInt32 = 1, source: IPAddress? = nil, secure: Bool = true,
        onAnswer: @escaping @Sendable (CallAnswer) -> Void = { _ in }
    ) async -> CallReport {
        await place(plan, times: 1, from: host, source: source, secure: secure, onAnswer: onAnswer)[0]
    }

    /// Calls one after the other over one connection. Each step calls from an address of its own, so that the source
    /// rate of one does not spoil another.
    private func place(
        _ plan: CallPlan, times: Int, from host: UInt32, source: IPAddress? = nil, secure: Bool = true,
        onAnswer: @escaping @Sendable (CallAnswer) -> Void = { _ in }
    ) async -> [CallReport] {
        do {
            let caller = try await Caller(
                tls: secure ? stage.clientTLS : nil, source: source ?? IPAddress(v4: 0x7f00_0000 + host))
            var reports: [CallReport] = []
            for _ in 0..<times { reports.append(await caller.place(plan, onAnswer: onAnswer)) }
            await caller.shutdown()
            return reports
        } catch {
            var report = CallReport()
            report.ending = .failed("\(error)")
            return [report]
        }
    }

    private static func answer(_ challenge: DigestChallenge, as person: DemoStage.Person, uri: String) -> String {
        let ha1 = DigestComputation.ha1(
            challenge.algorithm, username: person.username, realm: challenge.realm, password: person.password)
        let response = DigestComputation.response(
            challenge.algorithm, ha1: ha1, method: "INVITE", uri: uri, nonce: challenge.nonce, nonceCount: "00000001",
            cnonce: "demo", qop: "auth")
        return "Digest username=\"\(person.username)\", realm=\"\(challenge.realm)\", nonce=\"\(challenge.nonce)\", "
            + "uri=\"\(uri)\", response=\"\(response)\", algorithm=\(challenge.algorithm.rawValue), qop=auth, "
            + "nc=00000001, cnonce=\"demo\""
    }

    // MARK: Telling

    private mutating func expect(
        _ report: CallReport, _ status: Int, _ reason: String?, event: String, trace: String?
    ) async {
        let found = await record(event, trace: trace)
        let isRight = report.final?.status == status && (reason == nil || report.final?.reason == reason)
        conclude(
            "\(status) and \(event)", isRight && found != nil,
            Self.text(report) + (found.map { "; record \($0.sequence): \(event)" } ?? "; no \(event) in the witness"))
    }

    /// The latest record of a kind, once it is there; nil if it does not come within two seconds.
    private mutating func record(_ kind: String, trace: String?) async -> WitnessRecord? {
        let deadline = ContinuousClock.now + .seconds(2)
        repeat {
            var reader = WitnessReader(directory: stage.configuration.witnessDirectory)
            let records = (try? reader.tail(400)) ?? []
            if let found = records.last(where: { $0.kind == kind && (trace == nil || $0.traceID == trace) }) {
                return found
            }
            try? await Task.sleep(for: .milliseconds(10))
        } while ContinuousClock.now < deadline
        return nil
    }

    private mutating func conclude(_ expectation: String, _ isRight: Bool, _ what: String) {
        steps += 1
        if !isRight { failures += 1 }
        say("  \(isRight ? "ok  " : "FAIL") \(expectation): \(JSONText.escaped(what))")
    }

    private func heading(_ text: String) { say("\n\(text)") }

    private func say(_ text: String) { Terminal.print(text) }

    private func text(_ record: WitnessRecord, _ detail: String) -> String {
        switch record[detail: detail] {
        case .string(let text)?: text
        case .integer(let number)?: String(number)
        default: "?"
        }
    }

    private static func text(_ report: CallReport) -> String {
        report.final.map { "\($0.status) \($0.reason)" } ?? "\(report.ending)"
    }

    /// An answer without what differs between any two: tags, branches, nonces, identifiers.
    private static func shape(_ report: CallReport) -> [String] {
        let names = ["www-authenticate", "retry-after", "warning", "reason"]
        let fields = (report.final?.headers ?? []).map { field in
            names.contains(field.name.lowercased())
                ? field.name + ": " + field.value.replacing(/nonce="[^"]*"/, with: "") : field.name
        }
        return [Self.text(report)] + fields
    }

    private static func milliseconds(_ duration: Duration) -> String {
        let text = String(format: "%.1f", duration.inSeconds * 1000)
        return String(repeating: " ", count: max(0, 7 - text.count)) + text + " ms"
    }
}
