import CoreTypes
import Crypto
import Defense
import Foundation
import SIPMessage
import Testing

@Suite("Layer 6: guard")
struct GuardTests {
    private static var policy: DefensePolicy {
        DefensePolicy(
            sourceRate: nil, allowlistGroup: nil, transport: .init(requirement: .off), authentication: nil,
            callRate: nil, policyGuard: .init())
    }

    private func cause(
        _ request: Request, experts: [Expert] = [expert], policy: DefensePolicy = policy, activeCalls: Int = 0
    ) throws -> Refusal.Cause? {
        var passage = try passage(policy, directory(experts: experts))
        return passage.refusal(try request.approach(), activeCalls: activeCalls)?.cause
    }

    private let toExpert = Request(uri: "sip:expert-safety@external.advisor")

    @Test("a call to a registered, verified expert for one of their hazards passes")
    func passes() throws {
        #expect(try cause(toExpert) == nil)
    }

    @Test(
        "headers that are missing, malformed or doubled are 400",
        arguments: [
            (["X-IF-Hazard: safety"], Refusal.Cause.missingHeader),
            (["X-IF-Trace-ID: if-trace-1"], .missingHeader),
            (["X-IF-Trace-ID: has space", "X-IF-Hazard: safety"], .malformedHeader),
            (["X-IF-Trace-ID: " + String(repeating: "a", count: 129), "X-IF-Hazard: safety"], .malformedHeader),
            (["X-IF-Trace-ID: ", "X-IF-Hazard: safety"], .malformedHeader),
            (["X-IF-Trace-ID: a", "X-IF-Trace-ID: b", "X-IF-Hazard: safety"], .malformedHeader),
            (["X-IF-Trace-ID: a", "X-IF-Hazard: fun"], .unknownHazard),
            (["X-IF-Trace-ID: a", "X-IF-Hazard: safety, privacy"], .unknownHazard),
        ])
    func headers(lines: [String], expected: Refusal.Cause) throws {
        var request = toExpert
        request.lines = lines
        var passage = try passage(Self.policy)
        let refusal = try #require(passage.refusal(try request.approach()))
        #expect(refusal.cause == expected)
        #expect(refusal.answer?.status == 400)
        #expect(refusal.event?.kind == .policyRejected)
    }

    @Test("unknown, unverified and unspecialized experts are refused alike")
    func experts() throws {
        var unverified = expert
        unverified.isVerified = false
        var other = expert
        other.specializations = ["privacy"]
        var answers: Set<String> = []
        for (experts, expected) in [
            ([], Refusal.Cause.unknownExpert), ([unverified], .unverifiedExpert), ([other], .hazardNotCovered),
        ] {
            var passage = try passage(Self.policy, directory(experts: experts))
            let refusal = try #require(passage.refusal(try toExpert.approach()))
            #expect(refusal.cause == expected)
            answers.insert("\(String(describing: refusal.answer))")
        }
        #expect(answers.count == 1)
    }

    @Test("the number of concurrent calls is limited")
    func concurrent() throws {
        #expect(try cause(toExpert, activeCalls: 4) == nil)
        #expect(try cause(toExpert, activeCalls: 5) == .tooManyCalls)
    }

    private func signed(
        _ request: Request, date: Int64 = start.wall, keyID: String = "k1", hazard: String = "safety",
        key: Curve25519.Signing.PrivateKey = signingKey
    ) throws -> Request {
        let text = CallSignature.signedText(
            traceID: "if-trace-1", hazard: hazard, from: "expert-safety@external.advisor",
            requestURI: "sip:expert-safety@external.advisor", callID: "call-1@192.0.2.5",
            date: CivilTime(millisecondsSince1970: date).sipDate)
        let value = try #require(CallSignature.sign(text, keyID: keyID, privateKey: Array(key.rawRepresentation)))
        var result = request
        result.lines += ["Date: " + CivilTime(millisecondsSince1970: date).sipDate, "X-IF-Signature: " + value]
        return result
    }

    @Test("a right signature passes once")
    func signature() throws {
        var passage = try passage(Self.policy)
        let request = try signed(toExpert)
        #expect(passage.refusal(try request.approach()) == nil)
        #expect(passage.refusal(try request.approach())?.cause == .signatureReplayed)
    }

    @Test("what identities do is remembered together by the passages that share a ledger, and by no others")
    func ledger() throws {
        var policy = Self.policy
        policy.allowlistGroup = 1
        policy.callRate = .init(calls: 2)
        let ledger = CommonLedger(policy)
        let directory = try directory()
        func passage(_ ledger: CommonLedger?) -> Passage {
            Passage(policy, directory: directory, secret: secret, serial: 1, ledger: ledger)
        }
        var (first, second, other) = (passage(ledger), passage(ledger), passage(nil))
        let request = try signed(toExpert)
        #expect(first.refusal(try request.approach()) == nil)
        #expect(second.refusal(try request.approach())?.cause == .signatureReplayed)
        #expect(other.refusal(try request.approach()) == nil)
        #expect(first.refusal(try request.approach())?.cause == .rateExceeded)
        #expect(second.refusal(try request.approach())?.cause == .rateExceeded)
        #expect(other.refusal(try request.approach())?.cause == .signatureReplayed)
    }

    @Test("what is signed wrongly, too early, too late or by another key is refused")
    func wrongSignatures() throws {
        #expect(try cause(signed(toExpert, hazard: "privacy")) == .signatureInvalid)
        #expect(try cause(signed(toExpert, key: .init())) == .signatureInvalid)
        #expect(try cause(signed(toExpert, keyID: "k2")) == .signatureInvalid)
        #expect(try cause(signed(toExpert, date: start.wall - 301_000)) == .signatureInvalid)
        #expect(try cause(signed(toExpert, date: start.wall + 301_000)) == .signatureInvalid)
        var expired = expert
        expired.keys[0].notAfter = start.wall - 1
        #expect(try cause(signed(toExpert), experts: [expired]) == .signatureInvalid)
        var request = toExpert
        request.lines.append("X-IF-Signature: k1:AAAA")
        #expect(try cause(request) == .malformedHeader)
    }

    @Test("a signature is demanded of whoever has a key, when the profile says so")
    func requiredSignature() throws {
        var policy = Self.policy
        policy.policyGuard?.signature = .required
        #expect(try cause(toExpert, policy: policy) == .signatureMissing)
        #expect(try cause(signed(toExpert), policy: policy) == nil)
        var keyless = expert
        keyless.keys = []
        #expect(try cause(toExpert, experts: [keyless], policy: policy) == nil)
    }
}

@Suite("Passage")
struct PassageTests {
    @Test("the layers stand in the order of the product's table")
    func order() throws {
        #expect(
            Layer.allCases == [
                .sourceRate, .allowlist, .transportSecurity, .authentication, .callRate, .policyGuard, .witness,
            ])
        var passage = try passage()
        let challenge = try passage.challenges()[0]
        let report = passage.examine(
            try Request().answering(challenge).approach(), now: start, activeCalls: { _ in 0 })
        #expect(report.steps.map(\.layer) == Layer.allCases)
    }

    @Test("the first refusal ends the walk")
    func firstRefusal() throws {
        var passage = try passage()
        let report = passage.examine(
            try Request().approach(source: stranger, security: nil), now: start, activeCalls: { _ in 0 })
        #expect(report.steps.map(\.layer) == [.sourceRate, .allowlist])
    }

    @Test("a refusal's event names the layer that refused")
    func namedLayer() throws {
        var passage = try passage()
        let cases: [(Approach, Layer)] = [
            (try Request().approach(source: stranger), .allowlist),
            (try Request().approach(security: nil), .transportSecurity),
            (try Request().approach(), .authentication),
        ]
        for (approach, layer) in cases {
            let refusal = try #require(passage.examine(approach, now: start, activeCalls: { _ in 0 }).refusal)
            #expect(refusal.layer == layer)
            #expect(refusal.event?.details.contains(.init("layer", .string(layer.rawValue))) == true, "\(layer)")
        }
    }

    @Test("a claim to be in a dialog meets the first three layers only")
    func stray() throws {
        var passage = try passage()
        #expect(passage.examineStray(try Request().approach(), now: start).refusal == nil)
        #expect(passage.examineStray(try Request().approach(security: nil), now: start).refusal?.answer?.status == 403)
    }
}

@Suite("Event collapser")
struct EventCollapserTests {
    @Test("the first few pass, the rest are counted, and the counts add up")
    func counts() {
        var collapser = EventCollapser(interval: .seconds(10), capacity: 4)
        var total = 0
        func note(_ events: [SecurityEvent]) {
            for event in events {
                let count = event.details.first { $0.name == "count" }?.value
                if case .integer(let number)? = count { total += number } else { total += 1 }
            }
        }
        for index in 0..<1000 {
            let event = SecurityEvent(
                .authFailed, .warning, sourceIP: IPAddress(v4: UInt32(index % 7)), details: [])
            let now = start.advanced(by: .milliseconds(index * 100))
            let written = collapser.add(
                from: IPAddress(v4: UInt32(index % 7)), .authFailed, .warning, cause: "x", now: now
            ) { event }
            note([written.event, written.evicted].compactMap { $0 })
            note(collapser.due(now: now))
        }
        note(collapser.flush())
        #expect(total == 1000)
    }

    @Test("one flood leaves a handful of records an interval")
    func flood() {
        var collapser = EventCollapser(interval: .seconds(10))
        let event = SecurityEvent(.rateLimitExceeded, .warning, sourceIP: stranger.address)
        var written = 0
        for index in 0..<10_000 {
            let now = start.advanced(by: .milliseconds(index * 3))
            let step = collapser.add(
                from: stranger.address, .rateLimitExceeded, .warning, cause: "rate", now: now
            ) { event }
            written += [step.event, step.evicted].compactMap { $0 }.count
            written += collapser.due(now: now).count
        }
        #expect(written <= 4 * (5 + 1))
    }
}
