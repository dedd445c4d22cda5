import CoreTypes
import Defense
import SIPMessage
import Testing

@Suite("Layer 4: digest authentication")
struct AuthenticationTests {
    @Test("a request without credentials is challenged, strongest algorithm first, in the field for its domain")
    func challenged() throws {
        var passage = try passage()
        let own = try #require(passage.refusal(try Request().approach()))
        #expect(own.answer?.status == 401)
        #expect(own.kind == .challenged)
        #expect(own.answer?.fields.allSatisfy { $0.name == "WWW-Authenticate" } == true)
        let foreign = try #require(passage.refusal(try Request().approach(isOwnDomain: false)))
        #expect(foreign.answer?.status == 407)
        #expect(foreign.answer?.fields.allSatisfy { $0.name == "Proxy-Authenticate" } == true)
        #expect(try passage.challenges().map(\.algorithm) == [.sha256, .sha512_256, .md5])
    }

    @Test("a right answer passes with any algorithm offered", arguments: DigestAlgorithm.allCases)
    func accepted(algorithm: DigestAlgorithm) throws {
        var passage = try passage()
        let challenge = try #require(try passage.challenges().first { $0.algorithm == algorithm })
        let report = passage.examine(
            try Request().answering(challenge).approach(), now: start, activeCalls: { _ in 0 })
        #expect(report.refusal == nil)
        #expect(report.facts.authenticatedUser == "expert-safety@external.advisor")
        #expect(report.facts.events.first?.kind == .authSuccess)
    }

    @Test("an unknown user, a disabled one and a wrong password get the same answer")
    func sameAnswer() throws {
        var disabled = subscriber
        disabled.isEnabled = false
        disabled.addressOfRecord = "gone@external.advisor"
        let strangers: [(String, String)] = [(user, "wrong"), ("nobody", "wrong"), ("gone", password)]
        var shapes: Set<String> = []
        for (name, secretWord) in strangers {
            var passage = try passage(expertsPolicy, directory(subscribers: [subscriber, disabled]))
            let challenge = try passage.challenges()[0]
            let refusal = try #require(
                passage.refusal(try Request().answering(challenge, username: name, password: secretWord).approach()))
            let answer = try #require(refusal.answer)
            let fields = answer.fields.map { field in
                "\(field.name): \(field.value.replacing(/nonce="[0-9a-f]+"/, with: "nonce"))"
            }
            shapes.insert("\(answer.status) \(answer.reason) \(fields)")
            #expect(refusal.event?.kind == .authFailed)
        }
        #expect(shapes.count == 1)
    }

    @Test("a nonce is good for the address it was given to, and for no other")
    func boundToSource() throws {
        var passage = try passage()
        let challenge = try passage.challenges()[0]
        let refusal = try #require(
            passage.refusal(try Request().answering(challenge).approach(source: elsewhere)))
        #expect(refusal.cause == .foreignNonce)
    }

    @Test("an old nonce is stale, whatever the response was; nothing else is")
    func stale() throws {
        for secretWord in [password, "wrong"] {
            var passage = try passage()
            let challenge = try passage.challenges()[0]
            let refusal = try #require(
                passage.refusal(
                    try Request().answering(challenge, password: secretWord).approach(),
                    now: start.advanced(by: .seconds(301))))
            #expect(refusal.cause == .staleNonce)
            #expect(refusal.answer?.fields.allSatisfy { $0.value.contains("stale=true") } == true)
        }
        var passage = try passage()
        let forged = DigestChallenge(realm: realm, nonce: String(repeating: "ab", count: 28), algorithm: .md5)
        let refusal = try #require(passage.refusal(try Request().answering(forged).approach()))
        #expect(refusal.cause == .foreignNonce)
        #expect(refusal.answer?.fields.contains { $0.value.contains("stale") } == false)
    }

    @Test("a nonce count is good once; later ones pass, also out of order")
    func nonceCounts() throws {
        var passage = try passage()
        let challenge = try passage.challenges()[0]
        func cause(_ count: Int) throws -> Refusal.Cause? {
            passage.refusal(try Request().answering(challenge, nonceCount: count).approach())?.cause
        }
        #expect(try cause(1) == nil)
        #expect(try cause(1) == .replayedNonce)
        #expect(try cause(5) == nil)
        #expect(try cause(3) == nil)
        #expect(try cause(3) == .replayedNonce)
        #expect(try cause(0x80) == nil)
        #expect(try cause(5) == .replayedNonce)
    }

    @Test("five failures block the user from that source, and only there")
    func blocked() throws {
        var policy = expertsPolicy
        policy.sourceRate = nil
        var passage = try passage(policy)
        for _ in 0..<5 {
            let challenge = try passage.challenges()[0]
            let refusal = passage.refusal(try Request().answering(challenge, password: "wrong").approach())
            #expect(refusal?.cause == .wrongCredentials)
        }
        let challenge = try passage.challenges()[0]
        let refusal = try #require(passage.refusal(try Request().answering(challenge).approach()))
        #expect(refusal.answer?.status == 403)
        #expect(refusal.cause == .blocked)

        let other = try passage.challenges(source: elsewhere)[0]
        #expect(passage.refusal(try Request().answering(other).approach(source: elsewhere)) == nil)

        let later = start.advanced(by: .seconds(301))
        let fresh = try passage.challenges(now: later)[0]
        #expect(passage.refusal(try Request().answering(fresh).approach(), now: later) == nil)
    }

    @Test("failures without an echoed nonce of ours block nobody")
    func forgedFailures() throws {
        var policy = expertsPolicy
        policy.sourceRate = nil
        var passage = try passage(policy)
        let forged = DigestChallenge(realm: realm, nonce: String(repeating: "00", count: 28), algorithm: .md5)
        for _ in 0..<50 { _ = passage.refusal(try Request().answering(forged, password: "x").approach()) }
        let challenge = try passage.challenges()[0]
        #expect(passage.refusal(try Request().answering(challenge).approach()) == nil)
    }

    @Test("a digest made for another URI or method, or an algorithm not offered, is not accepted")
    func mismatches() throws {
        var passage = try passage()
        let md5 = try #require(try passage.challenges().last)
        #expect(
            passage.refusal(try Request().answering(md5, uri: "sip:other@external.advisor").approach())?.cause
                == .unusableCredentials)
        #expect(
            passage.refusal(try Request().answering(md5, method: "BYE").approach())?.cause == .wrongCredentials)
        var strict = expertsPolicy
        strict.authentication?.algorithms = [.sha256]
        passage = try DefenseTests.passage(strict)
        var challenge = try passage.challenges()[0]
        challenge.algorithm = .md5
        #expect(passage.refusal(try Request().answering(challenge).approach())?.cause == .unusableCredentials)
    }

    @Test(
        "From and P-Preferred-Identity must belong to the user",
        arguments: [
            ("<sip:expert-ethics@external.advisor>;tag=1", nil), ("<sip:expert-safety@evil.example>;tag=1", nil),
            (
                "<sip:expert-safety@external.advisor>;tag=1",
                "P-Preferred-Identity: <sip:expert-ethics@external.advisor>"
            ),
            ("<tel:+4930123456>;tag=1", nil),
        ] as [(String, String?)])
    func identity(from: String, line: String?) throws {
        var passage = try passage()
        var request = Request(from: from)
        if let line { request.lines.append(line) }
        let challenge = try passage.challenges()[0]
        let refusal = try #require(passage.refusal(try request.answering(challenge).approach()))
        #expect(refusal.cause == .identityMismatch)
        #expect(refusal.answer == .init(403, "Forbidden"))
    }

    @Test("an algorithm that an enabled subscriber has no hash for is not offered")
    func offered() throws {
        let old = Subscriber(username: "old", domain: realm, ha1: [.md5: "00"])
        var passage = try passage(expertsPolicy, directory(subscribers: [subscriber, old]))
        #expect(try passage.challenges().map(\.algorithm) == [.md5])
        var disabled = old
        disabled.isEnabled = false
        passage = try DefenseTests.passage(expertsPolicy, directory(subscribers: [subscriber, disabled]))
        #expect(try passage.challenges().count == 3)
    }

    @Test("without a registry the fault is ours: 503, and nobody's failure")
    func noRegistry() throws {
        var missing = try directory()
        missing.subscribers = nil
        var passage = try passage(expertsPolicy, missing)
        let refusal = try #require(passage.refusal(try Request().approach()))
        #expect(refusal.answer?.status == 503)
        #expect(refusal.cause == .registryUnavailable)
    }

    @Test("the vectors of RFC 7616 section 3.9.1 come out")
    func vectors() {
        for (algorithm, expected) in [
            (DigestAlgorithm.md5, "8ca523f5e9506fed4657c9700eebdbec"),
            (.sha256, "753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1"),
        ] {
            let ha1 = DigestComputation.ha1(
                algorithm, username: "Mufasa", realm: "http-auth@example.org", password: "Circle of Life")
            let response = DigestComputation.response(
                algorithm, ha1: ha1, method: "GET", uri: "/dir/index.html",
                nonce: "7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v", nonceCount: "00000001",
                cnonce: "f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ", qop: "auth")
            #expect(response == expected)
        }
    }
}
