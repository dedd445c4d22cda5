import Foundation
import TestSupport
import Testing
import TransportSecurity

/// Certificates with one fault each, made by OpenSSL and shown in a real handshake.
@Suite(.enabled(if: Authority.isThere, "needs openssl"))
struct PeerVerifierTests {
    /// A server with an authority, and clients that it judges.
    private struct Bench {
        let scratch: Scratch
        let root: Authority
        let server: Authority.Issued

        init() throws {
            scratch = try Scratch()
            root = try Authority(in: scratch.path)
            server = try root.issue("server")
        }

        func handshake(
            _ client: Authority.Issued, trust: String? = nil, lists: [String] = []
        ) async throws -> Handshake {
            let trust = trust ?? root.certificate
            let context = try ServerTLS.context(
                certificate: server.chain, key: server.key, trust: trust, clientCertificate: .optional,
                revocation: RevocationLists(lists, trust: trust, now: wallClock()), clock: wallClock)
            // The client may show what it would not show by itself: expired, of another's key usage.
            let plain = try ClientTLS.context(trust: root.certificate, clock: wallClock)
            return try await Handshake(server: context, client: plain.showing(client))
        }
    }

    struct Fault: Sendable, CustomTestStringConvertible {
        var testDescription: String
        var expected: CertificateFault?
        var change: @Sendable (inout Authority.Wish) -> Void = { _ in }
    }

    @Test(
        "a certificate with a fault is refused for it",
        arguments: [
            Fault(testDescription: "none", expected: nil),
            Fault(testDescription: "expired", expected: .expired) { ($0.from, $0.until) = (-20, -1) },
            Fault(testDescription: "not yet valid", expected: .notYetValid) { $0.from = 1 },
            Fault(testDescription: "for servers", expected: .wrongUsage) { $0.purpose = "serverAuth" },
            Fault(testDescription: "for SIP, by RFC 5924", expected: nil) { $0.purpose = "1.3.6.1.5.5.7.3.20" },
            Fault(testDescription: "for any purpose", expected: nil) { $0.purpose = "critical, anyExtendedKeyUsage" },
            Fault(testDescription: "RSA 1024", expected: .weakKey) { $0.key = ["rsa:1024"] },
            Fault(testDescription: "RSA 2048", expected: nil) { $0.key = ["rsa:2048"] },
            Fault(testDescription: "SHA-1", expected: .weakSignature) { $0.digest = "sha1" },
        ])
    func faults(fault: Fault) async throws {
        let bench = try Bench()
        let client = try bench.root.issue("client", Authority.Wish().with(fault.change))
        let handshake = try await bench.handshake(client)
        #expect(handshake.serversFault == fault.expected)
        #expect(handshake.failed == (fault.expected != nil))
        if fault.expected == nil { #expect(handshake.serverSawPeer?.subject == "CN=client") }
    }

    @Test("an unknown issuer is one, whatever its name")
    func unknownIssuer() async throws {
        let bench = try Bench()
        let elsewhere = try Scratch()
        let stranger = try Authority(in: elsewhere.path)
        let handshake = try await bench.handshake(try stranger.issue("client"))
        #expect(handshake.serversFault == .unknownIssuer)
    }

    @Test("a path over intermediate authorities is found, up to eight certificates")
    func longChain() async throws {
        let bench = try Bench()
        var authority = bench.root
        for depth in 1...9 {
            authority = try authority.subordinate("between-\(depth)")
            guard [1, 7, 8, 9].contains(depth) else { continue }
            let handshake = try await bench.handshake(try authority.issue("client-\(depth)"))
            #expect(handshake.serversFault == (depth <= 7 ? nil : .chainTooLong), "\(depth)")
        }
    }

    @Test("a leaf can't issue certificates, nor an authority that may not sign")
    func noAuthority() async throws {
        let bench = try Bench()
        let pretender = try bench.root.subordinate("pretender", Authority.Wish().with { $0.keyUsage = "cRLSign" })
        let handshake = try await bench.handshake(try pretender.issue("client"))
        #expect(handshake.serversFault == .wrongUsage)
    }

    @Test("an expired authority between root and leaf counts as expired")
    func expiredBetween() async throws {
        let bench = try Bench()
        let old = try bench.root.subordinate("old", Authority.Wish().with { ($0.from, $0.until) = (-20, -1) })
        let handshake = try await bench.handshake(try old.issue("client"))
        #expect(handshake.serversFault == .expired)
    }

    @Test("a server's certificate is judged alike", arguments: [true, false])
    func serverJudged(isExpired: Bool) async throws {
        let bench = try Bench()
        let other = try bench.root.issue(
            "other", Authority.Wish().with { $0.purpose = isExpired ? "serverAuth" : "clientAuth" })
        let context = try ServerTLS.context(
            certificate: other.chain, key: other.key, trust: bench.root.certificate, clientCertificate: .none,
            clock: wallClock)
        let days: Int64 = isExpired ? 100 : 0
        let client = try ClientTLS.context(
            trust: bench.root.certificate, clock: { wallClock() + days * 86_400_000 })
        let handshake = try await Handshake(server: context, client: client)
        #expect(handshake.failed)
        #expect(handshake.clientsFault == (isExpired ? .expired : .wrongUsage))
    }

    // MARK: Revocation

    @Test("a revoked certificate is refused, others of the authority are not", arguments: [true, false])
    func revoked(isDER: Bool) async throws {
        let bench = try Bench()
        let (bad, good) = (try bench.root.issue("bad"), try bench.root.issue("good"))
        let file = bench.scratch.file("list.crl")
        try bench.root.list(file, der: isDER)
        #expect(try await bench.handshake(bad, lists: [file]).serversFault == nil)
        try bench.root.revoke(bad)
        try bench.root.list(file, der: isDER)
        #expect(try await bench.handshake(bad, lists: [file]).serversFault == .revoked)
        #expect(try await bench.handshake(good, lists: [file]).serversFault == nil)
    }

    @Test("a revoked authority takes its certificates along")
    func revokedAuthority() async throws {
        let bench = try Bench()
        let between = try bench.root.subordinate("between")
        let client = try between.issue("client")
        try bench.root.revoke(between)
        let file = bench.scratch.file("list.crl")
        try bench.root.list(file)
        #expect(try await bench.handshake(client, lists: [file]).serversFault == .revoked)
    }

    @Test("what a stale list revokes stays revoked, and the report says that it is stale")
    func stale() async throws {
        let bench = try Bench()
        let (bad, good) = (try bench.root.issue("bad"), try bench.root.issue("good"))
        try bench.root.revoke(bad)
        let file = bench.scratch.file("list.crl")
        try bench.root.list(file, from: -9, until: -2)
        let report = try #require(
            try RevocationLists([file], trust: bench.root.certificate, now: wallClock()).reports.first)
        #expect(report.isStale(now: wallClock()) && report.count == 1)
        #expect(try await bench.handshake(bad, lists: [file]).serversFault == .revoked)
        #expect(try await bench.handshake(good, lists: [file]).serversFault == nil)
    }

    @Test("of two lists of an authority the later one counts")
    func later() async throws {
        let bench = try Bench()
        let client = try bench.root.issue("client")
        let (old, new) = (bench.scratch.file("old.crl"), bench.scratch.file("new.crl"))
        try bench.root.list(old, from: -2)
        try bench.root.revoke(client)
        try bench.root.list(new, from: -1)
        for files in [[old, new], [new, old]] {
            #expect(try await bench.handshake(client, lists: files).serversFault == .revoked)
        }
    }

    @Test("a list that is forged, early, damaged or none is refused, with what to do")
    func badLists() throws {
        let bench = try Bench()
        let elsewhere = try Scratch()
        let namesake = try Authority(in: elsewhere.path)
        let file = bench.scratch.file("list.crl")
        func refusal(_ expected: String) throws {
            let error = #expect(throws: TLSConfigurationError.self) {
                try RevocationLists([file], trust: bench.root.certificate, now: wallClock())
            }
            #expect(error?.file == file && error?.what.contains(expected) == true, "\(String(describing: error))")
            #expect(error?.mend.isEmpty == false)
        }
        try refusal("does not exist")
        // Another authority of the same name.
        try namesake.list(file)
        try refusal("not signed by an authority")
        try bench.root.list(file, from: 1, until: 2)
        try refusal("still to come")
        try bench.root.list(file, der: true)
        var octets = try Data(contentsOf: URL(fileURLWithPath: file))
        octets[octets.count - 1] ^= 1
        try octets.write(to: URL(fileURLWithPath: file))
        try refusal("not signed by an authority")
        try octets.prefix(40).write(to: URL(fileURLWithPath: file))
        try refusal("can't be decoded")
        try Data("no list\n".utf8).write(to: URL(fileURLWithPath: file))
        try refusal("holds no revocation list")
        try FileManager.default.removeItem(atPath: file)
        try FileManager.default.copyItem(atPath: bench.server.chain, toPath: file)
        try refusal("holds no revocation list")
    }

    @Test("an authority that may not sign lists signs none")
    func mayNotSign() throws {
        let bench = try Bench()
        let mute = try bench.root.subordinate("mute", Authority.Wish().with { $0.keyUsage = "keyCertSign" })
        let trust = try bench.scratch.write(
            try String(contentsOfFile: mute.certificate, encoding: .utf8), to: "trust.pem")
        let file = bench.scratch.file("list.crl")
        try mute.list(file)
        #expect(throws: TLSConfigurationError.self) { try RevocationLists([file], trust: trust, now: wallClock()) }
    }

    @Test("cut or changed at any octet, a list is refused or read, never trapped on")
    func everyOctet() throws {
        let bench = try Bench()
        try bench.root.revoke(try bench.root.issue("bad"))
        let file = bench.scratch.file("list.crl")
        try bench.root.list(file, der: true)
        let whole = try Data(contentsOf: URL(fileURLWithPath: file))
        for index in whole.indices {
            var changed = whole
            changed[index] ^= 0xff
            for octets in [whole.prefix(index), changed] {
                try Data(octets).write(to: URL(fileURLWithPath: file))
                #expect(throws: TLSConfigurationError.self, "\(index)") {
                    try RevocationLists([file], trust: bench.root.certificate, now: wallClock())
                }
            }
        }
    }
}
