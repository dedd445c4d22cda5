import CoreTypes
import Crypto
import Foundation
import Testing
import TransportSecurity

@Suite struct FileTests {
    @Test("development certificates are what they should be")
    func developmentCertificatesWhatThey() throws {
        let scratch = try Scratch()
        let files = try DevelopmentCertificates.issue(
            into: scratch.file("tls"), names: ["SIP.example.org", "192.0.2.1", "2001:db8::1"], now: now)
        let report = try CertificateInspector.inspect(files.server, key: files.serverKey)
        #expect(report.names == ["sip.example.org", "sip:sip.example.org", "192.0.2.1", "2001:db8::1"])
        #expect(report.keyMatches == true)
        #expect(report.chainLength == 2)
        #expect(report.keyType == "P256")
        #expect(report.issuer.contains("Sallyport development authority"))
        #expect(report.daysLeft(now: now) == 396 || report.daysLeft(now: now) == 397)
        #expect(report.daysLeft(now: report.notAfter + 1) == -1)
        for key in [files.authorityKey, files.serverKey, files.clientKey] {
            let mode = try FileManager.default.attributesOfItem(atPath: key)[.posixPermissions] as? Int
            #expect(mode == 0o600)
        }
        #expect(try FileManager.default.contentsOfDirectory(atPath: scratch.file("tls")).count == 6)
    }

    @Test("certificates that are there are not replaced unless asked")
    func certificatesThereNotReplaced() throws {
        let scratch = try Scratch()
        let files = try DevelopmentCertificates.issue(into: scratch.path, now: now)
        let before = try String(contentsOfFile: files.authority, encoding: .utf8)
        let error = try #require(throws: TLSConfigurationError.self) {
            try DevelopmentCertificates.issue(into: scratch.path, now: now)
        }
        #expect(error.description.contains("ca.pem: is there already"))
        #expect(try String(contentsOfFile: files.authority, encoding: .utf8) == before)
        _ = try DevelopmentCertificates.issue(into: scratch.path, overwrite: true, now: now)
        #expect(try String(contentsOfFile: files.authority, encoding: .utf8) != before)
    }

    @Test("a name that is no host is refused", arguments: ["a b", "", "x/y", "*.example.org"])
    func nameNoHostRefused(name: String) throws {
        let scratch = try Scratch()
        #expect(throws: TLSConfigurationError.self) {
            try DevelopmentCertificates.issue(into: scratch.path, names: [name], now: now)
        }
    }

    @Test(
        "OpenSSL accepts the chain",
        .enabled(if: FileManager.default.isExecutableFile(atPath: "/usr/bin/openssl"), "needs openssl"),
        arguments: ["server", "client"])
    func opensslAcceptsChain(leaf: String) async throws {
        let scratch = try Scratch()
        let files = try DevelopmentCertificates.issue(into: scratch.path, now: now)
        let result = try await openssl(
            [
                "verify", "-x509_strict", "-purpose", "ssl\(leaf)", "-CAfile", files.authority,
                scratch.file("\(leaf).pem"),
            ], scratch: scratch)
        #expect(result.status == 0, "\(result.output)")
    }

    struct Fault: Sendable, CustomTestStringConvertible {
        var says: String
        var arrange: @Sendable (Scratch, inout Files) throws -> Void
        var testDescription: String { says }
    }

    struct Files {
        var certificate: String
        var key: String
        var trust: String
        var now: Int64
    }

    static let faults: [Fault] = [
        Fault(says: "none.pem: does not exist; check the path") { $1.certificate = $0.file("none.pem") },
        Fault(says: "none.pem: does not exist; check the path") { $1.key = $0.file("none.pem") },
        Fault(says: "none.pem: does not exist; check the path") { $1.trust = $0.file("none.pem") },
        Fault(says: "client-key.pem: is not the key of the first certificate in") {
            $1.key = $0.file("client-key.pem")
        },
        Fault(says: "server.pem: holds no private key; it must be PEM") { $1.key = $0.file("server.pem") },
        Fault(says: "server-key.pem: holds no certificate; it must be PEM") {
            $1.certificate = $0.file("server-key.pem")
        },
        Fault(says: "server.pem: the certificate expired on ") { $1.now += 500 * 86_400_000 },
        Fault(says: "server.pem: the certificate is not valid before ") { $1.now -= 500 * 86_400_000 },
        Fault(says: "text.pem: holds no certificate") { $1.certificate = try $0.write("hello", to: "text.pem") },
        Fault(says: "cut.pem: is not a PEM file; copy it again") {
            let whole = try String(contentsOfFile: $1.certificate, encoding: .utf8)
            $1.certificate = try $0.write(String(whole.prefix(200)), to: "cut.pem")
        },
        Fault(says: "bad.pem: certificate 1 of 1 can't be decoded") {
            $1.trust = try $0.write(
                "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", to: "bad.pem")
        },
        Fault(says: "locked.pem: is encrypted with a passphrase; decrypt it") {
            $1.key = try $0.write(
                "-----BEGIN ENCRYPTED PRIVATE KEY-----\nAAAA\n-----END ENCRYPTED PRIVATE KEY-----\n", to: "locked.pem")
        },
    ]

    @Test("a file that won't do is named with its mend", arguments: faults)
    func fileWontDoNamed(fault: Fault) throws {
        let scratch = try Scratch()
        let issued = try DevelopmentCertificates.issue(into: scratch.path, now: now)
        var files = Files(certificate: issued.server, key: issued.serverKey, trust: issued.authority, now: now)
        try fault.arrange(scratch, &files)
        let error = try #require(throws: TLSConfigurationError.self) {
            try ServerTLS.context(
                certificate: files.certificate, key: files.key, trust: files.trust, clientCertificate: .optional,
                clock: { [now = files.now] in now })
        }
        #expect(error.description.contains(fault.says), "\(error)")
    }

    @Test("trust is not read when nobody is asked for a certificate")
    func trustNotReadWhen() throws {
        let scratch = try Scratch()
        let files = try DevelopmentCertificates.issue(into: scratch.path, now: now)
        _ = try ServerTLS.context(
            certificate: files.server, key: files.serverKey, trust: "/nonexistent", clientCertificate: .none,
            clock: { now })
    }

    @Test("a client certificate without its key is refused")
    func clientCertificateWithoutKey() throws {
        #expect(throws: TLSConfigurationError.self) {
            try ClientTLS.context(trust: nil, certificate: "a.pem", key: nil, clock: { now })
        }
    }
}
