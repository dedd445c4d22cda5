import CoreTypes
import Foundation
import NIOSSL
import SIPMessage
import TestSupport
import Testing
import TransportSecurity
import Witness

extension Conformance {
    /// That a server with another's name gets nothing is tried in row 8, with the dead servers.
    @Suite("TLS")
    struct TLSTests {
        @Test("row 25: old versions and weak suites end in the handshake", SSLClient.isThere)
        func weak() async throws {
            let lab = try await Laboratory.shared()
            for options in [
                ["-tls1", "-cipher", "ALL:@SECLEVEL=0"], ["-tls1_1", "-cipher", "ALL:@SECLEVEL=0"],
                ["-tls1_2", "-cipher", "AES128-SHA:@SECLEVEL=0"],
                ["-tls1_2", "-cipher", "ECDHE-RSA-AES128-SHA:ECDHE-ECDSA-AES128-SHA:@SECLEVEL=0"],
                ["-tls1_2", "-cipher", "ECDHE-ECDSA-AES256-SHA384:@SECLEVEL=0"],
                ["-tls1_2", "-cipher", "aNULL:@SECLEVEL=0"],
            ] {
                let result = try await SSLClient.handshake(lab, options)
                #expect(!result.succeeds, "\(options): \(result.output)")
            }
            // It is not the client that fails.
            for options in [["-tls1_2", "-cipher", "ECDHE-ECDSA-AES128-GCM-SHA256"], ["-tls1_3"]] {
                let result = try await SSLClient.handshake(lab, options)
                #expect(result.succeeds, "\(options): \(result.output)")
            }
            let failed = try await lab.witnessed(.securityEvent) { $0.text("reason") == "handshake_failed" }
            #expect(failed.sourceIP == "127.0.0.1")
            try await lab.fence(.tls)
            try Ledger.note(25, ["tls"])
        }

        @Test("row 25: who must show a certificate and has none, or a stranger's, is not let in")
        func clientCertificate() async throws {
            let strangers = try Program()
            _ = try strangers.run("cert", "issue-dev", "tls")
            let lab = try await Laboratory(tls: ", client_certificate: required")
            let authority = lab.edge.program.path("tls/ca.pem")
            let now = Laboratory.now()
            func attempt(_ certificate: String?, _ key: String?) async throws -> Wire {
                let context = try ClientTLS.context(
                    trust: authority, certificate: certificate, key: key, clock: { now })
                return try await Wire.connect(.tls, to: try lab.address(.tls), tls: context)
            }
            for (certificate, key) in [
                (nil, nil), (strangers.path("tls/client.pem"), strangers.path("tls/client-key.pem")),
            ] {
                let wire = try await attempt(certificate, key)
                try await eventually("the end") { wire.isClosed }
                #expect(wire.mailbox.everything.isEmpty)
            }
            for _ in 0..<2 {
                _ = try await lab.witnessed(.securityEvent) { $0.text("reason") == "handshake_failed" }
            }
            let friend = try await attempt(
                lab.edge.program.path("tls/client.pem"), lab.edge.program.path("tls/client-key.pem"))
            _ = try await lab.witnessed(.tlsConnection) { $0.text("subject") != nil }
            #expect(!friend.isClosed)
            try await friend.close()
            try await lab.close()
            try Ledger.note(25, ["tls"])
        }

        @Test("row 25: an expired certificate is no start")
        func expired() async throws {
            let listener = try EdgeUnderTest.Listener(.tls, "experts")
            let edge = try EdgeUnderTest(
                [listener],
                """
                tls: {certificate: tls/server.pem, key: tls/server-key.pem, trust: tls/ca.pem}
                routes:
                  - {name: far, match: {}, to: "sip:far@127.0.0.1:9"}
                """)
            // They are good for 397 days.
            let longAgo = Laboratory.now() - 400 * 86_400_000
            _ = try DevelopmentCertificates.issue(into: edge.program.path("tls"), now: longAgo)
            for command in ["check", "serve"] {
                let process = try ChildProcess(command, Program.executable, [command], in: edge.program.directory)
                #expect(try await process.ends() != 0)
                let told = process.output
                #expect(told.contains("expired on") && told.contains("server.pem"), "\(told)")
            }
            try Ledger.note(25, ["tls"])
        }

        @Test("row 25: sips stays on TLS")
        func sips() async throws {
            let certificates = try Program()
            _ = try certificates.run("cert", "issue-dev", "far", "--name", "127.0.0.25")
            let secure = try await Downstream(
                IPAddress(v4: 0x7f00_0019),
                tls: try ServerTLS.context(
                    certificate: certificates.path("far/server.pem"), key: certificates.path("far/server-key.pem"),
                    trust: certificates.path("far/ca.pem"), clientCertificate: .none, clock: { Laboratory.now() }))
            let target = try #require(secure.secure)
            let lab = try await Laboratory(
                routes: "  - {name: secure, match: {user: secure}, to: \"sip:\(target);transport=tls\"}",
                trust: [certificates.path("far/ca.pem")], servers: ["secure": secure])
            for way in Way.allCases {
                let caller = try await lab.caller(way)
                let plain = CallIdentity("plain")
                caller.send(caller.request("INVITE", plain, uri: "sips:bob@external.advisor"))
                let answer = try await caller.response(480, plain)
                #expect(answer.text(.warning)?.contains("SIPS Not Allowed") == true)
                try await lab.fence()
                #expect(!lab.downstream.knows(plain.callID))

                let call = CallIdentity("sips")
                caller.send(caller.request("INVITE", call, uri: "sips:secure@external.advisor"))
                let invite = try await secure.request(.invite, of: call.callID)
                #expect(try invite.transport == .tls && invite.sip.requestURI?.scheme == .sips)
                try invite.answer(486, "Busy Here")
                _ = try await caller.response(486, call)
                try await caller.wire.close()
                try Ledger.note(25, [way.rawValue])
            }
            try await lab.close()
        }

        @Test("row 25: plain SIP to a TLS listener")
        func plain() async throws {
            let lab = try await Laboratory.shared()
            let caller = try await Caller(.tcp, to: try lab.address(.tls), tls: nil)
            for method in ["INVITE", "OPTIONS"] {
                let call = CallIdentity("plain")
                caller.send(caller.request(method, call))
                let answer = try await caller.response(403, call)
                #expect(answer.reasonPhrase == "TLS Required")
                #expect(!lab.downstream.knows(call.callID))
            }
            try await caller.wire.close()
            try Ledger.note(25, ["tls"])
        }

        /// In turn a certificate, another one, and one that is no good.
        private static func change(_ lab: Laboratory, turn: Int) throws {
            let directory = lab.edge.program
            guard turn % 3 < 2 else {
                return try directory.write("tls/server.pem", "-----BEGIN CERTIFICATE-----\nhalf\n")
            }
            for name in ["server.pem", "server-key.pem"] {
                let text = try String(
                    contentsOfFile: directory.path("\(turn % 3 == 0 ? "tls" : "other")-kept/\(name)"), encoding: .utf8)
                try directory.write("tls/\(name)", text)
            }
        }

        @Test("row 25: certificates change every 100 ms while calls go on, good ones and bad ones")
        func reload() async throws {
            let isLong = ProcessInfo.processInfo.environment["SALLYPORT_LONG_TESTS"] == "1"
            let lab = try await Laboratory()
            let process = try lab.edge.running()
            let root = try Authority("second", in: lab.edge.program.directory)
            let other = try root.issue("other")
            for (name, chain, key) in [
                ("tls", "tls/server.pem", "tls/server-key.pem"), ("other", other.chain, other.key),
            ] {
                try FileManager.default.createDirectory(
                    atPath: lab.edge.program.path(name + "-kept"), withIntermediateDirectories: true)
                for (path, copy) in [(chain, "server.pem"), (key, "server-key.pem")] {
                    try FileManager.default.copyItem(
                        atPath: path.hasPrefix("/") ? path : lab.edge.program.path(path),
                        toPath: lab.edge.program.path("\(name)-kept/\(copy)"))
                }
            }
            // Whoever calls trusts both.
            let trust = try [lab.edge.program.path("tls/ca.pem"), root.certificate].map {
                try String(contentsOfFile: $0, encoding: .utf8)
            }
            try lab.edge.program.write("both.pem", trust.joined(separator: "\n"))
            let context = try ClientTLS.context(
                trust: lab.edge.program.path("both.pem"), clock: { Laboratory.now() })
            func caller() async throws -> Caller {
                try await Caller(.tls, to: try lab.address(.tls), tls: context)
            }
            let callers = [try await caller(), try await caller(), try await lab.caller(.tcp)]
            let standing = try await lab.connect(callers[0])
            let deadline = ContinuousClock.now + .seconds(isLong ? 60 : 5)
            let hangups = Task {
                var count = 0
                while ContinuousClock.now < deadline {
                    try Self.change(lab, turn: count)
                    process.send(SIGHUP)
                    count += 1
                    try await Task.sleep(for: .milliseconds(100))
                }
                return count
            }
            var calls = 0
            while ContinuousClock.now < deadline {
                for caller in callers {
                    try await lab.hangUp(caller, try await lab.connect(caller))
                    calls += 1
                }
                // A new connection each round meets whatever certificate is there by now.
                let fresh = try await caller()
                try await lab.hangUp(fresh, try await lab.connect(fresh))
                try await fresh.wire.close()
            }
            let count = try await hangups.value
            #expect(count >= (isLong ? 300 : 20) && calls > 50)
            #expect(callers.allSatisfy { !$0.wire.isClosed })
            try await lab.hangUp(callers[0], standing)
            let reloads = try lab.edge.records().filter { $0.kind == SecurityEvent.Kind.configReloaded.rawValue }
            #expect(reloads.count >= count / 2)
            let good = reloads.count { $0[detail: "accepted"] == .boolean(true) }
            #expect(good >= reloads.count / 3 && good < reloads.count)
            print("row 25: \(calls) calls on standing connections, \(reloads.count) reloads, \(good) of them accepted")
            try await lab.close()
            try Ledger.note(25, ["tls", "tcp"])
        }
    }
}
