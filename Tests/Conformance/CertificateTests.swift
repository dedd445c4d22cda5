import CoreTypes
import Foundation
import NIOCore
import NIOSSL
import SIPMessage
import TestSupport
import Testing
import TransportSecurity
import Witness

extension Conformance {
    /// Peers' certificates against the built edge, and what changes while it runs.
    @Suite("Certificates", .enabled(if: Authority.isThere, "openssl is not installed"))
    struct CertificateTests {
        /// An authority that the edge trusts, with a revocation list.
        private struct Bench {
            let files: Program
            let root: Authority
            let list: String
            let lab: Laboratory

            init(tls more: String = "", revoking names: [String] = [], experts: String = "") async throws {
                files = try Program()
                root = try Authority("partners", in: files.directory)
                list = files.path("partners.crl")
                for name in names { try root.revoke(try root.issue(name)) }
                try root.list(list)
                lab = try await Laboratory(
                    experts: experts, tls: ", revocation: [\(list)]\(more)", trust: [root.certificate])
            }

            func context(_ client: Authority.Issued?, highest: TLSVersion? = nil) throws -> TLSContext {
                let context = try ClientTLS.context(
                    trust: lab.edge.program.path("tls/ca.pem"), certificate: client?.chain, key: client?.key,
                    clock: { Laboratory.now() })
                guard let highest else { return context }
                var configuration = context.ssl.configuration
                configuration.maximumTLSVersion = highest
                return TLSContext(ssl: try NIOSSLContext(configuration: configuration), verifier: context.verifier)
            }

            func reloaded(accepted: Bool = true, after count: Int = 0) async throws {
                try await eventually("a reload") { try reloads(accepted: accepted) > count }
            }

            func reloads(accepted: Bool) throws -> Int {
                try lab.edge.records().filter {
                    $0.kind == SecurityEvent.Kind.configReloaded.rawValue
                        && $0[detail: "accepted"] == .boolean(accepted)
                }.count
            }
        }

        @Test("row 25: each fault of a client certificate fails the handshake and is named in the witness")
        func faults() async throws {
            let bench = try await Bench(revoking: ["revoked"])
            let elsewhere = try Program()
            let strangers = try Authority("partners", in: elsewhere.directory)
            var long = bench.root
            for depth in 1...8 { long = try long.subordinate("between-\(depth)") }
            let wish = Authority.Wish()
            func issue(_ name: String, _ change: (inout Authority.Wish) -> Void) throws -> Authority.Issued {
                try bench.root.issue(name, wish.with(change))
            }
            let cases: [(CertificateFault, Authority.Issued)] = [
                (.revoked, bench.root.issued("revoked")),
                (.expired, try issue("expired") { ($0.from, $0.until) = (-20, -1) }),
                (.notYetValid, try issue("early") { $0.from = 1 }),
                (.wrongUsage, try issue("usage") { $0.purpose = "serverAuth" }),
                (.wrongUsage, try issue("encipherment") { $0.keyUsage = "keyAgreement" }),
                (.weakKey, try issue("weak") { $0.key = ["rsa:1024"] }),
                (.weakSignature, try issue("sha1") { $0.digest = "sha1" }),
                (.unknownIssuer, try strangers.issue("stranger")),
                (.chainTooLong, try long.issue("long")),
            ]
            for version in ["-tls1_2", "-tls1_3"] {
                for (fault, client) in cases {
                    let before = try bench.lab.edge.records().count
                    _ = try await SSLClient.handshake(
                        bench.lab,
                        [
                            // Not to leave before it has been judged, which in TLS 1.3 comes after its part is done.
                            version, "-ign_eof", "-cert", client.leaf, "-cert_chain", client.chain, "-key", client.key,
                            "-cipher",
                            "DEFAULT:@SECLEVEL=0",
                        ])
                    let record = try await bench.lab.witnessed(.securityEvent) {
                        $0.text("failure") == fault.rawValue && $0.sequence > before
                    }
                    #expect(record.text("reason") == "handshake_failed" && record.sourceIP == "127.0.0.1")
                }
                let good = try bench.root.issue("good\(version)")
                // Stays until it has been judged, which s_client does not.
                let wire = try await Wire.connect(
                    .tls, to: try bench.lab.address(.tls),
                    tls: try bench.context(good, highest: version == "-tls1_2" ? .tlsv12 : nil))
                let record = try await bench.lab.witnessed(.tlsConnection) {
                    $0.text("subject") == "CN=good\(version)"
                }
                #expect(record.text("issuer") == "CN=partners")
                #expect(record.text("tls_version") == (version == "-tls1_2" ? "TLSv1.2" : "TLSv1.3"))
                try await wire.close()
            }
            for fault in Set(cases.map(\.0)) {
                let count = try await bench.lab.edge.metric(
                    "tls_validation_failures_total{reason=\"\(fault.rawValue)\"}")
                #expect(count == Double(2 * cases.count { $0.0 == fault }), "\(fault)")
            }
            try await bench.lab.close()
            try Ledger.note(25, ["tls"])
        }

        @Test(
            "row 25: a certificate revoked while the edge runs loses its connection, and its session can't be resumed",
            .enabled(if: PeerProgram.python.isInstalled, "needs python3"), arguments: ["1.2", "1.3"])
        func revokedMeanwhile(version: String) async throws {
            let bench = try await Bench()
            let client = try bench.root.issue("partner")
            try bench.files.write("resume.py", Self.resume)
            let edge = try bench.lab.address(.tls)
            let resumer = try ChildProcess(
                "resume", try PeerProgram.python.require(),
                ["resume.py", "\(edge.port)", client.chain, client.key, version], in: bench.files.directory)
            let wire = try await Wire.connect(.tls, to: edge, tls: try bench.context(client))
            let other = try await Wire.connect(.tls, to: edge, tls: try bench.context(try bench.root.issue("other")))
            try await resumer.prints("second: resumed SIP/2.0 ")
            #expect(resumer.output.contains("first: fresh SIP/2.0 "))
            #expect(!wire.isClosed)

            try bench.root.revoke(client)
            try bench.root.list(bench.list)
            try bench.files.write("go", "")
            try await bench.reloaded()
            try await eventually("the end of the revoked one's connection") { wire.isClosed }
            let cut = try await bench.lab.witnessed(.securityEvent) { $0.text("reason") == "peer_refused" }
            #expect(cut.text("failure") == "certificate_revoked" && cut.text("subject") == "CN=partner")
            try bench.files.write("gone", "")
            try await resumer.prints("third: refused")
            #expect(!other.isClosed)
            try await other.close()
            try await bench.lab.close()
            try Ledger.note(25, ["tls"])
        }

        /// Two connections of one session, and a third one once it is told to go on.
        private static let resume = #"""
            import os, socket, ssl, sys, time
            port, certificate, key, version = sys.argv[1:]
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
            context.load_cert_chain(certificate, key)
            if version == "1.2":
                context.maximum_version = ssl.TLSVersion.TLSv1_2
            request = "\r\n".join([
                "OPTIONS sip:external.advisor SIP/2.0",
                "Via: SIP/2.0/TLS 127.0.0.1:9;branch=z9hG4bK%d;rport",
                "From: <sip:a@external.advisor>;tag=%d", "To: <sip:external.advisor>", "Call-ID: resume-%d",
                "CSeq: 1 OPTIONS", "Max-Forwards: 70", "Content-Length: 0", "", ""])
            def connect(number, session):
                with socket.create_connection(("127.0.0.1", int(port)), timeout=20) as plain:
                    with context.wrap_socket(plain, session=session, server_hostname="localhost") as secure:
                        secure.sendall((request % (number, number, number)).encode())
                        answer = secure.recv(4096).split(b"\r\n")[0].decode()
                        if not answer:
                            raise OSError("closed")
                        return secure.session, ("resumed " if secure.session_reused else "fresh ") + answer
            session, told = connect(1, None)
            print("first:", told, flush=True)
            session, told = connect(2, session)
            print("second:", told, flush=True)
            while not os.path.exists("gone"):
                time.sleep(0.01)
            try:
                print("third:", connect(3, session)[1], flush=True)
            except OSError as error:
                print("third: refused", error, flush=True)
            """#

        @Test("a changed file is read without a signal, a bad one is refused and the old one stays")
        func changedFiles() async throws {
            let bench = try await Bench()
            let edge = bench.lab.edge.program
            func serial() async throws -> String {
                let wire = try await Wire.connect(
                    .tls, to: try bench.lab.address(.tls), tls: try bench.context(nil))
                defer { wire.channel.close(promise: nil) }
                return try await wire.serverCertificate().serialNumber
            }
            let first = try await serial()
            try edge.write("tls/server.pem", "-----BEGIN CERTIFICATE-----\nno\n-----END CERTIFICATE-----\n")
            try await bench.reloaded(accepted: false)
            let refused = try await bench.lab.witnessed(.configReloaded) { $0[detail: "accepted"] == .boolean(false) }
            #expect(refused.severity == "ALERT" && refused.text("reason")?.contains("server.pem") == true)
            #expect(try await serial() == first)

            _ = try DevelopmentCertificates.issue(into: edge.path("tls"), overwrite: true, now: Laboratory.now())
            try await bench.reloaded()
            #expect(try await serial() != first)
            try await bench.lab.close()
        }

        @Test("own, authorities' and peers' certificates that end soon are told of, and lists that are late")
        func expiring() async throws {
            let bench = try await Bench(tls: ", warn_before_expiry: 500d")
            // Development certificates are good for 397 days.
            let own = try await bench.lab.witnessed(.certificateExpiring) { $0.text("role") == "own" }
            #expect(own.number("days_left") == 396 && own.text("file")?.hasSuffix("server.pem") == true)
            let soon = try bench.root.issue("soon", Authority.Wish().with { $0.until = 3.5 })
            for count in 1...2 {
                let wire = try await Wire.connect(
                    .tls, to: try bench.lab.address(.tls), tls: try bench.context(soon))
                try await eventually("connection \(count)") {
                    try bench.lab.edge.records().count {
                        $0.kind == "TLS_CONNECTION" && $0.text("subject") == "CN=soon"
                    }
                        == count
                }
                try await wire.close()
            }
            let peer = try await bench.lab.witnessed(.certificateExpiring) { $0.text("role") == "peer" }
            #expect(peer.number("days_left") == 3 && peer.text("subject") == "CN=soon" && peer.severity == "ALERT")
            let left = try await bench.lab.edge.metric(
                "tls_certificate_expiry_seconds{role=\"own\",subject=\"CN=localhost\"}")
            #expect((396 * 86_400...397 * 86_400).contains(Int(left)))

            try bench.root.list(bench.list, from: -3, until: -1)
            let late = try await bench.lab.witnessed(.degraded) { $0.text("component") == "revocation" }
            #expect(late.severity == "ALERT")
            let check = try bench.lab.edge.program.run("cert", "check")
            #expect(check.code == 2 && check.output.contains("was due at"), "\(check.output)")
            try bench.root.list(bench.list)
            _ = try await bench.lab.witnessed(.recovered) { $0.text("component") == "revocation" }
            let told = try bench.lab.edge.records().filter {
                $0.kind == SecurityEvent.Kind.certificateExpiring.rawValue && $0.text("role") == "peer"
            }
            #expect(told.count == 1)
            try await bench.lab.close()
        }

        /// The reason of the first answer to a request of a client with this certificate.
        private func answer(_ bench: Bench, _ client: Authority.Issued?) async throws -> String? {
            let wire = try await Wire.connect(.tls, to: try bench.lab.address(.tls), tls: try bench.context(client))
            let call = CallIdentity("rule")
            wire.send(
                """
                MESSAGE sip:bob@external.advisor SIP/2.0\r
                Via: SIP/2.0/TLS \(wire.local);branch=z9hG4bK\(call.callID);rport\r
                From: <sip:caller@external.advisor>;tag=\(call.tag)\r
                To: <sip:bob@external.advisor>\r
                Call-ID: \(call.callID)\r
                CSeq: 1 MESSAGE\r
                Max-Forwards: 70\r
                Content-Length: 0\r
                \r

                """)
            let answer = try await wire.mailbox.take("an answer") { $0.callID == call.callID }.sip
            try await wire.close()
            return answer.reasonPhrase
        }

        @Test("a profile may say whose certificates it accepts")
        func rules() async throws {
            let bench = try await Bench(experts: ", certificates: [{subject: \"CN=good-*\", issuer: CN=partners}]")
            #expect(try await answer(bench, nil) == "Client Certificate Required")
            #expect(try await answer(bench, try bench.root.issue("other")) == "Certificate Not Accepted")
            #expect(try await answer(bench, try bench.root.issue("good-1")) == "Unauthorized")
            let refused = try await bench.lab.witnessed(.securityEvent) {
                $0.text("reason") == "certificate_not_accepted"
            }
            #expect(refused.sourceIP == "127.0.0.1")
            try await bench.lab.close()
        }

        @Test("row 25: where certificates are required, one of another domain speaks for nobody here")
        func wrongDomain() async throws {
            let bench = try await Bench(tls: ", client_certificate: required")
            for (name, names) in [
                ("other", "URI:sip:other.example"), ("parent", "DNS:advisor"), ("wildcard", "DNS:*.advisor"),
                ("user", "URI:sip:caller@external.advisor"),
            ] {
                let client = try bench.root.issue(name, Authority.Wish().with { $0.names = names })
                #expect(try await answer(bench, client) == "Certificate Does Not Cover Domain", "\(names)")
            }
            #expect(try await answer(bench, try bench.root.issue("good")) == "Unauthorized")
            _ = try await bench.lab.witnessed(.securityEvent) { $0.text("reason") == "certificate_mismatch" }
            try await bench.lab.close()
            try Ledger.note(25, ["tls"])
        }

        @Test("a server that asks who calls is shown the edge's certificate")
        func outbound() async throws {
            let certificates = try Program()
            _ = try certificates.run("cert", "issue-dev", "far", "--name", "127.0.0.25")
            // The far side trusts the edge's authority, which is only there once the laboratory is.
            let trust = certificates.path("trust.pem")
            try FileManager.default.copyItem(atPath: certificates.path("far/ca.pem"), toPath: trust)
            func context() throws -> TLSContext {
                try ServerTLS.context(
                    certificate: certificates.path("far/server.pem"), key: certificates.path("far/server-key.pem"),
                    trust: trust, clientCertificate: .required, clock: { Laboratory.now() })
            }
            let far = try await Downstream(IPAddress(v4: 0x7f00_0019), tls: try context())
            let target = try #require(far.secure)
            let lab = try await Laboratory(
                routes: "  - {name: far, match: {user: far}, to: \"sip:\(target);transport=tls\"}",
                trust: [certificates.path("far/ca.pem")], servers: ["far": far])
            let caller = try await lab.caller(.tls)
            let refused = CallIdentity("refused")
            caller.send(caller.request("MESSAGE", refused, uri: "sip:far@external.advisor"))
            // It is not trusted there yet.
            _ = try await caller.response(408, refused)
            try await lab.close()
            await far.close()

            try FileManager.default.removeItem(atPath: trust)
            try FileManager.default.copyItem(atPath: lab.edge.program.path("tls/ca.pem"), toPath: trust)
            let trusting = try await Downstream(IPAddress(v4: 0x7f00_0019), tls: try context())
            let again = try #require(trusting.secure)
            try lab.edge.program.write(
                "sallyport.yaml",
                try String(contentsOfFile: lab.edge.program.path("sallyport.yaml"), encoding: .utf8)
                    .replacingOccurrences(of: "\(target)", with: "\(again)"))
            try await lab.edge.start()
            let second = try await lab.caller(.tls)
            let call = CallIdentity("taken")
            second.send(second.request("MESSAGE", call, uri: "sip:far@external.advisor"))
            try await trusting.request(Method("MESSAGE"), of: call.callID).answer(200, "OK")
            _ = try await second.response(200, call)
            try await second.wire.close()
            _ = try await lab.edge.stop()
            await trusting.close()
        }
    }
}
