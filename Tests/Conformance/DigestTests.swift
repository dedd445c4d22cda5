import CoreTypes
import Defense
import SIPMessage
import TestSupport
import Testing
import Witness

/// A caller by TLS who makes each part of the credentials as a test wants it.
private struct Prover {
    let lab: Laboratory
    let caller: Caller

    struct Proof {
        var method = "MESSAGE"
        var uri = "sip:bob@external.advisor"
        var count = 1
        var algorithm: DigestAlgorithm?
        /// What the response is computed with, when it is something else.
        var hashedMethod: String?
        var hashedURI: String?
        var password = Caller.password
        var qop: String? = "auth"
        var body = ""
        var user = Caller.user
    }

    /// The challenges that a request without credentials gets, in their order.
    func challenges() async throws -> [DigestChallenge] {
        let call = CallIdentity("challenge")
        caller.send(caller.request("MESSAGE", call, authenticates: false))
        return Self.challenges(try await caller.response(401, call))
    }

    static func challenges(_ answer: Message) -> [DigestChallenge] {
        answer.all(.wwwAuthenticate).compactMap { DigestChallenge(answer.text($0.value)) }
    }

    static func field(_ challenge: DigestChallenge, _ proof: Proof) -> String {
        let algorithm = proof.algorithm ?? challenge.algorithm
        let count = String(proof.count, radix: 16)
        let padded = String(repeating: "0", count: 8 - count.count) + count
        let response = DigestComputation.response(
            algorithm,
            ha1: DigestComputation.ha1(
                algorithm, username: proof.user, realm: Caller.realm, password: proof.password),
            method: proof.hashedMethod ?? proof.method, uri: proof.hashedURI ?? proof.uri, nonce: challenge.nonce,
            nonceCount: padded, cnonce: "c0ffee", qop: proof.qop ?? "auth", body: Array(proof.body.utf8))
        let qop = proof.qop.map { ", qop=\($0), cnonce=\"c0ffee\", nc=\(padded)" } ?? ""
        return
            "Authorization: Digest username=\"\(proof.user)\", realm=\"\(Caller.realm)\", "
            + "nonce=\"\(challenge.nonce)\", uri=\"\(proof.hashedURI ?? proof.uri)\", response=\"\(response)\", "
            + "algorithm=\(algorithm.rawValue)\(qop)"
    }

    func send(_ challenge: DigestChallenge, _ proof: Proof = .init()) -> CallIdentity {
        let call = CallIdentity("digest")
        caller.send(
            caller.request(
                proof.method, call, uri: proof.uri,
                lines: ["Max-Forwards: 70", Self.field(challenge, proof)] + Caller.guardLines(call),
                authenticates: false))
        return call
    }

    /// Passes, and its credentials stay here.
    func passes(_ challenge: DigestChallenge, _ proof: Proof = .init()) async throws {
        let call = send(challenge, proof)
        let item = try await lab.downstream.request(Method(proof.method), of: call.callID)
        #expect(try !item.sip.has(.authorization) && item.sip.has(.pAssertedIdentity))
        try item.answer(200, "OK")
        _ = try await caller.response(200, call)
    }

    /// Is challenged again and goes nowhere.
    /// - Parameter stale: what the new challenges say.
    func fails(
        _ what: String, _ challenge: DigestChallenge, _ proof: Proof = .init(), stale: Bool = false
    ) async throws {
        let call = send(challenge, proof)
        let answer = try await caller.response(call)
        #expect(answer.status == 401, "\(what)")
        #expect(Self.challenges(answer).allSatisfy { $0.stale == stale }, "\(what)")
        #expect(Self.challenges(answer).first?.nonce != challenge.nonce, "\(what)")
        #expect(!lab.downstream.knows(call.callID), "\(what)")
    }
}

extension Conformance {
    @Suite("Digest")
    struct DigestTests {
        private func prove(_ lab: Laboratory, _ body: (Prover) async throws -> Void) async throws {
            // From an address of its own: wrong passwords block the user from where they come.
            let caller = try await lab.caller(.tls, from: IPAddress(v4: 0x7f00_0013))
            try await body(Prover(lab: lab, caller: caller))
            try await caller.wire.close()
            try Ledger.note(19, ["tls"])
        }

        @Test("row 19: the right response, by each algorithm, the strongest offered first")
        func right() async throws {
            try await prove(try await Laboratory.shared()) { prover in
                let challenges = try await prover.challenges()
                #expect(challenges.map(\.algorithm) == [.sha256, .sha512_256, .md5])
                #expect(challenges.allSatisfy { $0.qop.contains("auth") && !$0.stale })
                for (index, challenge) in challenges.enumerated() {
                    try await prover.passes(challenge, .init(count: index + 1))
                }
                // Overtaken on the way: lower than the highest so far, and new all the same.
                let fresh = try #require(try await prover.challenges().first)
                for count in [9, 3, 4] { try await prover.passes(fresh, .init(count: count)) }
            }
        }

        @Test("row 19: what was made for another request, or by somebody else")
        func wrong() async throws {
            try await prove(try await Laboratory.shared()) { prover in
                let challenge = try #require(try await prover.challenges().first)
                try await prover.passes(challenge)
                try await prover.fails("a replayed nc", challenge)
                try await prover.fails(
                    "another uri", challenge, .init(count: 2, hashedURI: "sip:carol@external.advisor"))
                try await prover.fails("another method", challenge, .init(count: 3, hashedMethod: "INVITE"))
                try await prover.fails("a wrong password", challenge, .init(count: 4, password: "wrong"))
                try await prover.fails("no qop", challenge, .init(count: 5, qop: nil))
                var forged = challenge
                forged.nonce = String(challenge.nonce.reversed())
                try await prover.fails("a made-up nonce", forged, .init(count: 6))
                // None of this has used up the count or locked the user out.
                try await prover.passes(challenge, .init(count: 7))
                // From another address, even with the right password.
                let other = try await prover.lab.caller(.tls, from: IPAddress(v4: 0x7f00_0014))
                try await Prover(lab: prover.lab, caller: other).fails("of another source", challenge, .init(count: 8))
                try await other.wire.close()
                try await prover.passes(challenge, .init(count: 8))
            }
        }

        @Test("row 19: an old nonce is stale whatever the response, and what is not offered is no way in")
        func oldAndWeak() async throws {
            let lab = try await Laboratory(
                experts: ", authentication: {realm: external.advisor, algorithms: [SHA-256], nonce_lifetime: 1s}")
            try await prove(lab) { prover in
                let challenges = try await prover.challenges()
                #expect(challenges.map(\.algorithm) == [.sha256])
                let challenge = try #require(challenges.first)
                try await prover.fails("MD5", challenge, .init(count: 1, algorithm: .md5))
                try await prover.fails("SHA-512-256", challenge, .init(count: 1, algorithm: .sha512_256))
                try await prover.passes(try #require(try await prover.challenges().first))
                try await lab.passes(.milliseconds(1100))
                try await prover.fails("an old nonce", challenge, .init(count: 9), stale: true)
                // Else staleness would tell a guesser that the password was right.
                try await prover.fails(
                    "an old nonce and a wrong password", challenge, .init(count: 10, password: "wrong"), stale: true)
                try await prover.passes(try #require(try await prover.challenges().first))
            }
            try await lab.close()
        }

        @Test("row 19: ACK and CANCEL are never challenged")
        func neverChallenged() async throws {
            let lab = try await Laboratory.shared()
            try await prove(lab) { prover in
                let caller = prover.caller
                let stray = CallIdentity("stray")
                caller.send(caller.request("ACK", stray, authenticates: false))
                caller.send(caller.request("CANCEL", stray, authenticates: false))
                _ = try await caller.response(481, stray, method: .cancel)

                let call = CallIdentity("cancelled")
                let branch = caller.nextBranch()
                caller.send(caller.request("INVITE", call, branch: branch))
                let invite = try await lab.downstream.request(.invite, of: call.callID)
                try invite.answer(180, "Ringing")
                _ = try await caller.response(180, call)
                caller.send(caller.request("CANCEL", call, branch: branch, authenticates: false))
                _ = try await caller.response(200, call, method: .cancel)
                try await lab.downstream.request(.cancel, of: call.callID).answer(200, "OK")
                try invite.answer(487, "Request Terminated")
                let terminated = try await caller.response(487, call)
                caller.send(
                    caller.request(
                        "ACK", call, branch: branch, to: "<sip:bob@external.advisor>;tag=\(terminated.toTag ?? "")",
                        authenticates: false))
                try await lab.fence()
                #expect(caller.count(401, call) + caller.count(407, call) == 0)
                #expect(caller.count(401, stray) + caller.count(407, stray) == 0)
            }
        }

        @Test("row 19: every method is challenged, and passes with credentials")
        func everyMethod() async throws {
            let lab = try await Laboratory.shared()
            try await prove(lab) { prover in
                for method in [
                    "REGISTER", "MESSAGE", "SUBSCRIBE", "NOTIFY", "PUBLISH", "REFER", "OPTIONS", "INFO", "X",
                ] {
                    let call = CallIdentity("method")
                    prover.caller.send(prover.caller.request(method, call, authenticates: false))
                    _ = try await prover.caller.response(401, call)
                    #expect(!lab.downstream.knows(call.callID), "\(method)")
                    try await prover.passes(
                        try #require(try await prover.challenges().first), .init(method: method))
                }
                // What the edge answers by itself.
                let ping = CallIdentity("ping")
                let caller = prover.caller
                caller.send(
                    caller.request("OPTIONS", ping, uri: "sip:external.advisor", authenticates: false))
                _ = try await caller.response(401, ping)
                caller.send(caller.request("OPTIONS", ping, uri: "sip:external.advisor", cSeq: 2))
                #expect(try await caller.response(200, ping).has(.allow))
            }
        }

        @Test("row 19: a nonce of one node is good on another that shares the secret, and on no other")
        func nodes() async throws {
            let keys = try Program()
            try keys.write("keys", String(repeating: "0c", count: 32) + "\n")
            let shared = "node_secret: file:\(keys.path("keys"))"
            let first = try await Laboratory(settings: shared)
            let second = try await Laboratory(settings: shared)
            try await prove(first) { one in
                let challenge = try #require(try await one.challenges().first)
                try await prove(second) { try await $0.passes(challenge) }
                try await prove(try await Laboratory.shared()) { try await $0.fails("another's", challenge) }
            }
            try await first.close()
            try await second.close()
        }

        @Test("one password on forty users")
        func spraying() async throws {
            let lab = try await Laboratory()
            let known = try await lab.caller(.tls, from: IPAddress(v4: 0x7f00_0015))
            let caller = try await lab.caller(.tls, from: IPAddress(v4: 0x7f00_0015))
            let sprayer = Prover(lab: lab, caller: caller)
            // Has been here before, and is not touched by what comes.
            let before = CallIdentity("before")
            known.send(known.request("MESSAGE", before))
            try await lab.downstream.request(Method("MESSAGE"), of: before.callID).answer(200, "OK")
            _ = try await known.response(200, before)
            var statuses: [Int] = []
            for index in 1...40 {
                let challenge = try #require(try await sprayer.challenges().first)
                let call = sprayer.send(challenge, .init(password: "Summer2026", user: "user-\(index)"))
                statuses.append(try await caller.response(call).status ?? 0)
            }
            #expect(statuses == Array(repeating: 401, count: 10) + Array(repeating: 403, count: 30))
            let alert = try await lab.witnessed(.authFailed) { $0.severity == "ALERT" }
            #expect(alert.number("users_failed") == 10 && alert.sourceIP == "127.0.0.21")
            let after = CallIdentity("after")
            known.send(known.request("MESSAGE", after))
            try await lab.downstream.request(Method("MESSAGE"), of: after.callID).answer(200, "OK")
            _ = try await known.response(200, after)
            // And somebody new elsewhere.
            let other = try await lab.caller(.tls, from: IPAddress(v4: 0x7f00_0016))
            let elsewhere = Prover(lab: lab, caller: other)
            try await elsewhere.passes(try #require(try await elsewhere.challenges().first))
            for one in [known, caller, other] { try await one.wire.close() }
            try await lab.close()
        }

        @Test("row 19: auth-int is accepted, and covers the body")
        func integrity() async throws {
            let lab = try await Laboratory.shared()
            try await prove(lab) { prover in
                let challenge = try #require(try await prover.challenges().first)
                func message(_ body: String, hashed: String, count: Int) -> CallIdentity {
                    let call = CallIdentity("integrity")
                    prover.caller.send(
                        prover.caller.request(
                            "MESSAGE", call,
                            lines: [
                                "Max-Forwards: 70",
                                Prover.field(challenge, .init(count: count, qop: "auth-int", body: hashed)),
                            ] + Caller.guardLines(call), body: body, authenticates: false))
                    return call
                }
                let good = message("all is well", hashed: "all is well", count: 1)
                try await lab.downstream.request(Method("MESSAGE"), of: good.callID).answer(200, "OK")
                _ = try await prover.caller.response(200, good)
                let changed = message("all is hell", hashed: "all is well", count: 2)
                _ = try await prover.caller.response(401, changed)
                #expect(!lab.downstream.knows(changed.callID))
            }
        }

        @Test(
            "row 19: the node's secret may be replaced while it runs: nonces of the old one are good until it is dropped"
        )
        func keyReplaced() async throws {
            let (old, new) = (String(repeating: "0a", count: 32), String(repeating: "0b", count: 32))
            let keys = try Program()
            try keys.write("keys", old + "\n")
            let lab = try await Laboratory(settings: "node_secret: file:\(keys.path("keys"))")
            func replace(_ text: String, reloads: Int) async throws {
                try keys.write("keys", text)
                try await eventually("a reload") {
                    try lab.edge.records().count { $0.kind == SecurityEvent.Kind.configReloaded.rawValue } == reloads
                }
            }
            try await prove(lab) { prover in
                let challenge = try #require(try await prover.challenges().first)
                try await prover.passes(challenge)
                try await replace("\(new)\n\(old)\n", reloads: 1)
                try await prover.passes(challenge, .init(count: 2))
                let fresh = try #require(try await prover.challenges().first)
                try await replace("nonsense\n", reloads: 2)
                try await prover.passes(challenge, .init(count: 3))
                try await replace(new + "\n", reloads: 3)
                try await prover.fails("a nonce of a key that is gone", challenge, .init(count: 4))
                try await prover.passes(fresh)
            }
            try await lab.close()
        }
    }
}
