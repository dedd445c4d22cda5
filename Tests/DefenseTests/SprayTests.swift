import CoreTypes
import Defense
import SIPMessage
import Testing

@Suite("Layer 4: one password on many users, and keys of more than one node")
struct SprayTests {
    private var policy: DefensePolicy {
        var policy = expertsPolicy
        policy.sourceRate = nil
        policy.policyGuard = nil
        policy.callRate = nil
        return policy
    }

    /// Answers a fresh challenge.
    private func attempt(
        _ passage: inout Passage, _ username: String, _ word: String, from source: Endpoint = home,
        at now: Moment = start
    ) throws -> Refusal? {
        let challenge = try passage.challenges(source: source, now: now)[0]
        return passage.refusal(
            try Request().answering(challenge, username: username, password: word).approach(source: source), now: now)
    }

    @Test("one password tried on forty users blocks its source at the tenth")
    func forty() throws {
        var passage = try passage(policy)
        var causes: [Refusal.Cause] = []
        for index in 1...40 {
            let refusal = try #require(try attempt(&passage, "user-\(index)", "Summer2026"))
            causes.append(refusal.cause)
            #expect((refusal.event?.severity == .alert) == (index == 10))
        }
        #expect(causes == Array(repeating: .wrongCredentials, count: 10) + Array(repeating: .sourceBlocked, count: 30))
    }

    @Test("a block of a source touches neither who is known there nor anybody elsewhere, and ends")
    func noWeapon() throws {
        var passage = try passage(policy)
        #expect(try attempt(&passage, user, password) == nil)
        for index in 1...10 { _ = try attempt(&passage, "user-\(index)", "Summer2026") }
        let blocked = try #require(try attempt(&passage, "newcomer", "x"))
        #expect(blocked.cause == .sourceBlocked && blocked.answer?.status == 403)
        #expect(blocked.answer?.fields.map(\.value) == ["300"])
        #expect(try attempt(&passage, user, password) == nil)
        #expect(try attempt(&passage, "newcomer", "x", from: elsewhere)?.cause == .wrongCredentials)
        let later = start.advanced(by: .seconds(301))
        #expect(try attempt(&passage, "newcomer", "x", at: later)?.cause == .wrongCredentials)
    }

    @Test("a real user who is new at a blocked source is let in elsewhere, and there after the block")
    func realUser() throws {
        var passage = try passage(policy)
        for index in 1...10 { _ = try attempt(&passage, "user-\(index)", "Summer2026") }
        #expect(try attempt(&passage, user, password)?.cause == .sourceBlocked)
        #expect(try attempt(&passage, user, password, from: elsewhere) == nil)
        #expect(try attempt(&passage, user, password, at: start.advanced(by: .seconds(301))) == nil)
    }

    @Test("one user's many failures are that user's alone, and slow tries over more than the window are none")
    func notSpraying() throws {
        var passage = try passage(policy)
        for _ in 1...20 { _ = try attempt(&passage, "user-1", "x") }
        #expect(try attempt(&passage, user, password) == nil)
        for index in 1...20 {
            let now = start.advanced(by: .seconds(60 * index))
            #expect(try attempt(&passage, "slow-\(index)", "x", at: now)?.cause == .wrongCredentials)
        }
    }

    @Test("0 never blocks a source")
    func off() throws {
        var policy = policy
        policy.authentication?.failingUsers = 0
        var passage = try passage(policy)
        for index in 1...40 {
            #expect(try attempt(&passage, "user-\(index)", "x")?.cause == .wrongCredentials)
        }
    }

    // MARK: Keys

    @Test("a nonce is good on every node with the key, and while the key is being replaced")
    func keys() throws {
        let old = Array(repeating: UInt8(7), count: 32)
        let new = Array(repeating: UInt8(8), count: 32)
        func node(_ secret: NodeSecret) throws -> Passage {
            Passage(policy, directory: try directory(), secret: secret, serial: 9)
        }
        var first = try node(NodeSecret(old))
        let challenge = try first.challenges()[0]
        let answer = try Request().answering(challenge).approach()
        var second = try node(NodeSecret(old))
        #expect(second.refusal(answer) == nil)
        var rotated = try node(NodeSecret(old))
        rotated.replace(secret: NodeSecret(new, earlier: [old]))
        #expect(rotated.refusal(answer) == nil)
        let fresh = try Request().answering(try rotated.challenges()[0], nonceCount: 1).approach()
        var done = try node(NodeSecret(new))
        #expect(done.refusal(answer)?.cause == .foreignNonce)
        #expect(done.refusal(fresh) == nil)
    }

    @Test("keys stand in lines of 64 hexadecimal digits, and nothing else is taken for one")
    func lines() throws {
        let one = String(repeating: "0a", count: 32)
        let two = String(repeating: "Fb", count: 32)
        func hash(_ secret: NodeSecret?) -> KeyedHash.Value? {
            var state = secret?.begin("x")
            state?.absorb(1)
            return state?.finish()
        }
        let both = NodeSecret(lines: "\(one)\n\(two)\r\n")
        #expect(
            both?.recognizes(try #require(hash(NodeSecret(Array(repeating: 0xfb, count: 32)))), "x") { $0.absorb(1) }
                == true)
        #expect(hash(both) == hash(NodeSecret(Array(repeating: 10, count: 32))))
        for text in ["", "\n", "0a", one + "0", one + "\nxyz", one + " " + two, String(repeating: "0", count: 62)] {
            #expect(NodeSecret(lines: text).map { _ in text } == nil)
        }
    }
}
