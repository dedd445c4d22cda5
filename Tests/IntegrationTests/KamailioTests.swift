import CoreTypes
import Foundation
import SIPMessage
import TestSupport
import Testing
import UserAgent
import Witness

extension Integration {
    @Suite("Kamailio's database", .needs(.kamailioSchema, .sqlite3), .timeLimit(.minutes(2)))
    struct KamailioTests {
        /// MD5 of `alice:external.advisor:wonderland`, as `kamctl add` computes it.
        private let ha1 = "87696da9d26ee8fa660f52089ad1cb66"

        @Test("tables that Kamailio made are the registry as they are, and stay as they are")
        func tables() async throws {
            let listener = try EdgeUnderTest.Listener(.udp, "kamailio")
            let phone = try await Calls.answeringPhone()
            let edge = try EdgeUnderTest(
                [listener],
                """
                database: sqlite:kamailio.sqlite
                profiles:
                  kamailio:
                    like: trunks
                    allowlist: {group: 1}
                    authentication: {realm: external.advisor}
                routes:
                  - {name: far, match: {}, to: "sip:far@\(phone.endpoints[0])"}
                """)
            let file = edge.program.path("var/kamailio.sqlite")
            try FileManager.default.createDirectory(
                atPath: edge.program.path("var"), withIntermediateDirectories: true)
            let schema = try PeerProgram.kamailioSchema.require()
            for table in ["standard", "auth_db", "permissions"] {
                try sqlite(file, ".read \(schema)/\(table)-create.sql")
            }
            try sqlite(
                file,
                """
                INSERT INTO subscriber (username, domain, password, ha1, ha1b)
                VALUES ('alice', 'external.advisor', '', '\(ha1)', '');
                INSERT INTO address (grp, ip_addr, mask, port, tag) VALUES (1, '127.0.0.0', 8, 0, 'Wonderland');
                """)
            let before = try sqlite(file, ".dump subscriber address")

            try await edge.start()
            let report = try await Calls.place(to: listener.endpoint, as: ("alice", "wonderland"))
            #expect(report.isAnswered, "\(report.answers.map(\.status))")
            #expect(report.algorithm == .md5)
            let wrong = try await Calls.place(to: listener.endpoint, as: ("alice", "looking-glass"))
            #expect(wrong.ending == .refused)
            let success = try await edge.witnesses(.authSuccess)
            #expect(success.expertID == "alice@external.advisor")
            _ = try await edge.witnesses(.authFailed)
            let admitted = try #require(try edge.records().first(where: \.admits))
            #expect(admitted.text("organization") == "Wonderland")

            #expect(try edge.command("subscriber", "list").contains("alice@external.advisor"))
            #expect(try await edge.stop() == 0)
            let after = try sqlite(file, ".dump subscriber address")
            #expect(after == before)
            await phone.shutdown()
        }

        @discardableResult
        private func sqlite(_ file: String, _ command: String) throws -> String {
            let outcome = try Child.run(
                try PeerProgram.sqlite3.require(), ["-batch", "-bail", file, command], in: "/")
            guard outcome.code == 0 else { throw Failure("sqlite3 \(command): \(outcome.errors)") }
            return outcome.output
        }
    }
}
