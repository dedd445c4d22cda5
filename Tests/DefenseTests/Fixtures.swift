import CoreTypes
import Crypto
import Defense
import SIPMessage

let start = Moment(monotonic: 1_000_000_000_000, wall: 1_762_898_400_000)
let stranger = Endpoint(IPAddress(v4: 0xcb00_7107), port: 40_000)
let home = Endpoint(IPAddress(v4: 0xc000_0205), port: 5061)
let elsewhere = Endpoint(IPAddress(v4: 0xc000_0206), port: 5061)
let realm = "external.advisor"
let user = "expert-safety"
let password = "correct horse battery"
let secret = NodeSecret(Array(repeating: 7, count: 32))
let goodTLS = TransportFacts(version: "TLSv1.3", cipherSuite: "TLS_AES_256_GCM_SHA384")

/// A request of the sample expert, with what a test wants different.
struct Request {
    var method = "INVITE"
    var uri = "sip:council@external.advisor"
    var from = "<sip:expert-safety@external.advisor>;tag=1"
    var branch = "z9hG4bKtest"
    var lines: [String] = ["X-IF-Trace-ID: if-trace-1", "X-IF-Hazard: safety"]

    func message() throws -> Message {
        let text =
            [
                "\(method) \(uri) SIP/2.0", "Via: SIP/2.0/TLS 192.0.2.5;branch=\(branch)",
                "To: <sip:council@external.advisor>", "From: \(from)", "Call-ID: call-1@192.0.2.5",
                "CSeq: 1 \(method)", "Max-Forwards: 70",
            ] + lines
        return try Message(parsing: Array((text.joined(separator: "\r\n") + "\r\n\r\n").utf8))
    }

    func approach(
        source: Endpoint = home, transport: TransportKind = .tls, security: TransportFacts? = goodTLS,
        isOwnDomain: Bool = true
    ) throws -> Approach {
        Approach(
            message: try message(), source: source, transport: transport, security: security, isOwnDomain: isOwnDomain)
    }

    /// The same request with an answer to a challenge.
    func answering(
        _ challenge: DigestChallenge, username: String = user, password: String = password, nonceCount: Int = 1,
        uri digestURI: String? = nil, method digestMethod: String? = nil, algorithm: String? = nil
    ) -> Request {
        let digits = String(nonceCount, radix: 16)
        let count = String(repeating: "0", count: 8 - digits.count) + digits
        let digestURI = digestURI ?? uri
        let ha1 = DigestComputation.ha1(
            challenge.algorithm, username: username, realm: challenge.realm, password: password)
        let response = DigestComputation.response(
            challenge.algorithm, ha1: ha1, method: digestMethod ?? method, uri: digestURI, nonce: challenge.nonce,
            nonceCount: count, cnonce: "abc", qop: "auth")
        var answered = self
        answered.lines.append(
            "Authorization: Digest username=\"\(username)\", realm=\"\(challenge.realm)\", "
                + "nonce=\"\(challenge.nonce)\", uri=\"\(digestURI)\", response=\"\(response)\", "
                + "algorithm=\(algorithm ?? challenge.algorithm.rawValue), qop=auth, nc=\(count), cnonce=\"abc\"")
        return answered
    }
}

let subscriber = Subscriber(
    username: user, domain: realm,
    ha1: Dictionary(
        uniqueKeysWithValues: DigestAlgorithm.allCases.map {
            ($0, DigestComputation.ha1($0, username: user, realm: realm, password: password))
        }))

let signingKey = Curve25519.Signing.PrivateKey()

let expert = Expert(
    id: "expert-safety@external.advisor", name: "Safety", organization: "Advisors",
    specializations: ["safety", "alignment"], isVerified: true,
    keys: [ExpertKey(id: "k1", publicKey: Array(signingKey.publicKey.rawRepresentation))])

func directory(experts: [Expert] = [expert], subscribers: [Subscriber] = [subscriber]) throws -> DefenseDirectory {
    DefenseDirectory(
        allowlist: Allowlist([
            AllowlistEntry(network: try IPNetwork(parsing: "192.0.2.0/24"), group: 1, tag: "advisors")
        ]),
        subscribers: SubscriberDirectory(subscribers), experts: ExpertDirectory(experts))
}

let expertsPolicy = DefensePolicy(
    sourceRate: .init(), allowlistGroup: 1, transport: .init(), authentication: .init(realm: realm),
    callRate: .init(), policyGuard: .init())

func passage(_ policy: DefensePolicy = expertsPolicy, _ directory: DefenseDirectory? = nil) throws -> Passage {
    Passage(policy, directory: try directory ?? DefenseTests.directory(), secret: secret, serial: 1)
}

extension Passage {
    mutating func refusal(_ approach: Approach, now: Moment = start, activeCalls: Int = 0) -> Refusal? {
        examine(approach, now: now, activeCalls: { _ in activeCalls }).refusal
    }

    /// Challenges of a fresh refusal, in the order offered.
    mutating func challenges(
        _ request: Request = Request(), source: Endpoint = home, now: Moment = start
    ) throws -> [DigestChallenge] {
        let refusal = refusal(try request.approach(source: source), now: now)
        return (refusal?.answer?.fields ?? []).compactMap { DigestChallenge($0.value) }
    }
}
