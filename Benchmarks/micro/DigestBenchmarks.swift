import CoreTypes
import Defense
import SIPMessage

/// Digest authentication (RFC 7616), each time a whole walk through layers 1 to 5.
enum DigestBenchmarks {
    private static let now = Moment(monotonic: 1_000_000_000_000, wall: 1_762_898_400_000)
    private static let secret = NodeSecret(Array(repeating: 7, count: 32))
    private static let password = "correct horse battery"
    /// The requests of one benchmark, each good once.
    private static let answers = 2000
    private static let operations = 200

    static func all() throws -> [Benchmark] {
        try [
            challenge(),
            credentials("digest.md5", .md5, count: answers),
            credentials("digest.sha-256", .sha256, count: answers),
            foreignNonce(),
        ]
    }

    /// Credentials that are right.
    private static func credentials(_ name: String, _ algorithm: DigestAlgorithm, count: Int) throws -> Benchmark {
        var passage = try passage(algorithm)
        let challenge = try challenge(of: &passage)
        let answers = try (1...count).map { try answer(challenge, nonceCount: $0) }
        return Benchmark(name, operations) { number in
            guard number < answers.count else { throw BenchmarkError("\(name): there are too few requests") }
            return passage.examine(answers[number], now: now, activeCalls: { _ in 0 }).refusal == nil
        }
    }

    /// No credentials: a nonce is made.
    private static func challenge() throws -> Benchmark {
        var passage = try passage(.md5)
        let request = try approach(lines: [])
        return Benchmark("digest.challenge", operations) { _ in
            passage.examine(request, now: now, activeCalls: { _ in 0 }).refusal?.kind == .challenged
        }
    }

    /// A nonce that was made with another secret is recognized before anything is hashed for it.
    private static func foreignNonce() throws -> Benchmark {
        var passage = try passage(.md5)
        var other = try self.passage(.md5, secret: NodeSecret(Array(repeating: 8, count: 32)))
        let request = try answer(try challenge(of: &other), nonceCount: 1)
        return Benchmark("digest.foreign-nonce", operations) { _ in
            passage.examine(request, now: now, activeCalls: { _ in 0 }).refusal?.cause == .foreignNonce
        }
    }

    private static func passage(_ algorithm: DigestAlgorithm, secret: NodeSecret = secret) throws -> Passage {
        let subscriber = Subscriber(
            username: Messages.user, domain: Messages.realm,
            ha1: [
                algorithm: DigestComputation.ha1(
                    algorithm, username: Messages.user, realm: Messages.realm, password: password)
            ])
        let network = try IPNetwork(parsing: "192.0.2.0/24")
        return Passage(
            DefensePolicy(
                sourceRate: .init(requests: 1_000_000), allowlistGroup: 1, transport: .init(requirement: .off),
                authentication: .init(realm: Messages.realm, algorithms: [algorithm]),
                callRate: .init(calls: 1_000_000), policyGuard: nil),
            directory: DefenseDirectory(
                allowlist: Allowlist([AllowlistEntry(network: network, group: 1, tag: "advisors")]),
                subscribers: SubscriberDirectory([subscriber]), experts: nil),
            secret: secret, serial: 1)
    }

    private static func approach(lines: [String]) throws -> Approach {
        Approach(
            message: try Message(parsing: Messages.invite(lines: lines)), source: Messages.caller, transport: .udp,
            security: nil, isOwnDomain: true)
    }

    private static func challenge(of passage: inout Passage) throws -> DigestChallenge {
        let refusal = passage.examine(try approach(lines: []), now: now, activeCalls: { _ in 0 }).refusal
        guard let challenge = refusal?.answer?.fields.first.flatMap({ DigestChallenge($0.value) }) else {
            throw BenchmarkError("digest: no challenge came")
        }
        return challenge
    }

    private static func answer(_ challenge: DigestChallenge, nonceCount: Int) throws -> Approach {
        let digits = String(nonceCount, radix: 16)
        let count = String(repeating: "0", count: 8 - digits.count) + digits
        let uri = "sip:council@\(Messages.realm)"
        let response = DigestComputation.response(
            challenge.algorithm,
            ha1: DigestComputation.ha1(
                challenge.algorithm, username: Messages.user, realm: Messages.realm, password: password),
            method: "INVITE", uri: uri, nonce: challenge.nonce, nonceCount: count, cnonce: "abc", qop: "auth")
        return try approach(lines: [
            "Authorization: Digest username=\"\(Messages.user)\", realm=\"\(Messages.realm)\", "
                + "nonce=\"\(challenge.nonce)\", uri=\"\(uri)\", response=\"\(response)\", "
                + "algorithm=\(challenge.algorithm.rawValue), qop=auth, nc=\(count), cnonce=\"abc\""
        ])
    }
}
