import CoreTypes
import Defense
import SIPMessage
import Testing

@Suite("Layer 2: allowlist")
struct AllowlistTests {
    private func entry(
        _ network: String, group: Int = 1, port: UInt16 = 0, transport: TransportKind? = nil, tag: String
    ) throws -> AllowlistEntry {
        AllowlistEntry(
            network: try IPNetwork(parsing: network), group: group, port: port, transport: transport, tag: tag)
    }

    @Test("the longest prefix wins")
    func longestPrefix() throws {
        let list = Allowlist([
            try entry("0.0.0.0/0", tag: "world"), try entry("192.0.2.0/24", tag: "net"),
            try entry("192.0.2.5/32", tag: "host"), try entry("2001:db8::/32", tag: "six"),
        ])
        #expect(list.match(home, transport: .tls, group: 1)?.tag == "host")
        #expect(list.match(elsewhere, transport: .tls, group: 1)?.tag == "net")
        #expect(list.match(stranger, transport: .tls, group: 1)?.tag == "world")
        let six = Endpoint(try #require(IPAddress("2001:db8:5::1")), port: 1)
        #expect(list.match(six, transport: .udp, group: 1)?.tag == "six")
        #expect(list.match(home, transport: .tls, group: 2) == nil)
    }

    @Test("an IPv4-mapped peer is the IPv4 peer")
    func mapped() throws {
        let list = Allowlist([try entry("192.0.2.0/24", tag: "net")])
        let mapped = Endpoint(try #require(IPAddress("::ffff:192.0.2.77")), port: 5060)
        #expect(list.match(mapped, transport: .tcp, group: 1)?.tag == "net")
    }

    @Test("port and transport narrow an entry, and a shorter prefix may still match")
    func narrowed() throws {
        let list = Allowlist([
            try entry("192.0.2.5/32", port: 5060, transport: .udp, tag: "narrow"),
            try entry("192.0.2.0/24", transport: .tls, tag: "wide"),
        ])
        #expect(list.match(Endpoint(home.address, port: 5060), transport: .udp, group: 1)?.tag == "narrow")
        #expect(list.match(home, transport: .tls, group: 1)?.tag == "wide")
        #expect(list.match(home, transport: .tcp, group: 1) == nil)
    }

    @Test("a stranger is refused with 403 and an event")
    func refusal() throws {
        var passage = try passage()
        let refusal = try #require(passage.refusal(try Request().approach(source: stranger)))
        #expect(refusal.layer == .allowlist)
        #expect(refusal.answer == .init(403, "IP Not Allowlisted"))
        #expect(refusal.event?.kind == .ipNotAllowlisted)
        #expect(refusal.event?.sourceIP == stranger.address)
    }
}

@Suite("Layer 3: transport security")
struct TransportGuardTests {
    @Test(
        "what is not TLS 1.2 with an AEAD is refused",
        arguments: [
            (nil, "plain_transport"),
            (TransportFacts(version: "TLSv1.1", cipherSuite: "TLS_AES_256_GCM_SHA384"), "weak_transport"),
            (TransportFacts(version: "TLSv1.2", cipherSuite: "TLS_RSA_WITH_AES_128_CBC_SHA"), "weak_transport"),
        ] as [(TransportFacts?, String)])
    func refused(security: TransportFacts?, cause: String) throws {
        var passage = try passage()
        let refusal = try #require(passage.refusal(try Request().approach(security: security)))
        #expect(refusal.layer == .transportSecurity)
        #expect(refusal.cause.rawValue == cause)
        #expect(refusal.answer == .init(403, "TLS Required"))
    }

    @Test(
        "with mutual TLS the certificate must speak for the caller's domain",
        arguments: [
            (nil, Refusal.Cause.certificateMissing), (["other.example"], .certificateMismatch),
            (["external.advisor"], nil),
        ] as [([String]?, Refusal.Cause?)])
    func clientCertificate(identities: [String]?, cause: Refusal.Cause?) throws {
        var policy = expertsPolicy
        policy.transport.clientCertificateRequired = true
        policy.authentication = nil
        policy.policyGuard = nil
        var passage = try passage(policy)
        var security = goodTLS
        security.peer = identities.map { .init(subject: "CN=x", issuer: "CN=ca", identities: $0) }
        #expect(passage.refusal(try Request().approach(security: security))?.cause == cause)
    }
}

@Suite("Layer 3: rules about certificates")
struct CertificateRuleTests {
    @Test(
        "a certificate that no rule is about is refused, and so is none",
        arguments: [
            (nil, Refusal.Cause.certificateMissing), ("CN=sbc-1,O=Partner", nil),
            ("CN=sbc-1,O=Stranger", .certificateNotAccepted),
            ("CN=other,O=Partner", .certificateNotAccepted), ("CN=gateway", nil),
        ] as [(String?, Refusal.Cause?)])
    func rules(subject: String?, cause: Refusal.Cause?) throws {
        var policy = expertsPolicy
        policy.transport.certificates = [
            .init(subject: "CN=sbc-*,O=Partner", issuer: "CN=ca"), .init(subject: "CN=gateway"),
        ]
        policy.authentication = nil
        policy.policyGuard = nil
        var passage = try passage(policy)
        var security = goodTLS
        security.peer = subject.map { .init(subject: $0, issuer: "CN=ca", identities: []) }
        #expect(passage.refusal(try Request().approach(security: security))?.cause == cause)
        // Of another authority, only the rule that names none is about it.
        if subject == "CN=sbc-1,O=Partner" {
            security.peer?.issuer = "CN=another"
            #expect(
                passage.refusal(try Request(branch: "z9hG4bK2").approach(security: security))?.cause
                    == .certificateNotAccepted)
        }
    }
}

@Suite("Layer 5: call rate")
struct CallRateTests {
    @Test("ten calls pass in any minute; the eleventh is told exactly when a place is free")
    func elevenCalls() {
        var rate = CallRate(.init())
        for index in 0..<10 {
            let now = start.advanced(by: .seconds(index))
            #expect(rate.called("a", now: now) == .within(used: index + 1))
        }
        #expect(rate.called("a", now: start.advanced(by: .seconds(10))) == .exceeded(retryAfterSeconds: 50))
        #expect(rate.called("a", now: start.advanced(by: .milliseconds(59_999))) == .exceeded(retryAfterSeconds: 1))
        #expect(rate.called("a", now: start.advanced(by: .seconds(60))) == .within(used: 10))
        #expect(rate.called("a", now: start.advanced(by: .seconds(60))) == .exceeded(retryAfterSeconds: 1))
        #expect(rate.called("b", now: start.advanced(by: .seconds(10))) == .within(used: 1))
    }

    @Test("against a plain list of times, in random steps")
    func againstModel() {
        var rate = CallRate(.init(calls: 3, per: .seconds(5)))
        var model: [UInt64] = []
        var now = start
        for _ in 0..<5000 {
            now = now.advanced(by: .milliseconds(Int.random(in: 0..<3000)))
            model.removeAll { now.monotonic - $0 >= 5_000_000_000 }
            let expected = model.count < 3
            if expected { model.append(now.monotonic) }
            if case .within = rate.called("x", now: now) {
                #expect(expected)
            } else {
                #expect(!expected)
            }
        }
    }

    @Test("ten in any sixty seconds, for several callers in any order, and Retry-After to the second")
    func exact() {
        var rate = CallRate(.init())
        var model: [String: [UInt64]] = [:]
        var now = start
        for _ in 0..<50_000 {
            now.monotonic += UInt64.random(in: 0..<4_000_000_000)
            let caller = ["a", "b", "c"][Int.random(in: 0..<3)]
            var times = model[caller] ?? []
            times.removeAll { now.monotonic - $0 >= 60_000_000_000 }
            switch rate.called(caller, now: now) {
            case .within(let used):
                times.append(now.monotonic)
                #expect(times.count <= 10 && used == times.count)
            case .exceeded(let seconds):
                #expect(times.count == 10)
                let free = times[0] + 60_000_000_000
                let promised = now.monotonic + UInt64(seconds) * 1_000_000_000
                // At that second a place is free, and a second before it is not.
                #expect(promised >= free && promised - 1_000_000_000 < free && seconds >= 1)
            }
            model[caller] = times
        }
    }

    @Test("at the second that Retry-After names the call passes, a second before it does not")
    func retry() {
        for late in [0, 1, 999, 30_500, 59_999] {
            var rate = CallRate(.init())
            for _ in 0..<10 { _ = rate.called("a", now: start) }
            let now = start.advanced(by: .milliseconds(late))
            guard case .exceeded(let seconds) = rate.called("a", now: now) else {
                Issue.record("the eleventh call passed after \(late) ms")
                continue
            }
            var early = rate
            if seconds > 1 {
                #expect(early.called("a", now: now.advanced(by: .seconds(seconds - 1))) != .within(used: 1))
            }
            #expect(rate.called("a", now: now.advanced(by: .seconds(seconds))) == .within(used: 1))
        }
    }
}
