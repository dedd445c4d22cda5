import CoreTypes
import Foundation
import TestSupport
import Testing
import UserAgent
import Witness

extension Integration {
    @Suite("Scanners", .needs(.svwar, .svcrack), .timeLimit(.minutes(5)))
    struct ScannerTests {
        private static let settings = """
            profiles:
              phones:
                like: trunks
                # Not what is tried here: without this the scanners would not get as far as a password.
                source_rate: {requests: 100000, per: 10s, forget_after: 120s}
                authentication: {realm: external.advisor, algorithms: [MD5]}
            """

        private func edge(_ listener: EdgeUnderTest.Listener, far: Endpoint) throws -> EdgeUnderTest {
            let edge = try EdgeUnderTest(
                [listener], Self.settings + "\nroutes:\n  - {name: far, match: {}, to: \"sip:far@\(far)\"}")
            try edge.command("allow", "add", "127.0.0.0/8", "--tag", "strangers", "--group", "2")
            for (user, password) in [("1003", "correct-horse"), ("1007", "first-guess")] {
                try edge.command(
                    "subscriber", "add", "\(user)@external.advisor", "--password-stdin", input: password + "\n")
            }
            return edge
        }

        @Test("svwar finds no user among those who are there and those who are not", arguments: ["REGISTER", "INVITE"])
        func svwar(method: String) async throws {
            let listener = try EdgeUnderTest.Listener(.udp, "phones")
            let phone = try await Calls.answeringPhone()
            let edge = try edge(listener, far: phone.endpoints[0])
            try await edge.start()
            for isForced in [false, true] {
                let scan = try ChildProcess(
                    "svwar-\(isForced)", try PeerProgram.svwar.require(),
                    [
                        "-e", "1000-1010", "-m", method, "--domain", "external.advisor", "-p", "\(listener.port)",
                        "--maximumtime", "3", "127.0.0.1",
                    ] + (isForced ? ["--force"] : []), in: edge.program.directory)
                try await scan.ends(within: .seconds(60))
                let output = scan.output
                // Whom it has found it lists in a table.
                #expect(!output.contains("| 100") && output.contains("found nothing"), "\(output)")
            }
            // What it would have to see, and more than it looks at: the answers differ in nothing but random values.
            let known = try await wrongPassword("1003", listener)
            let unknown = try await wrongPassword("1004", listener)
            #expect(known == unknown)
            #expect(known.count == 2)
            #expect(phone.received.isEmpty)
            #expect(try await edge.stop() == 0)
            await phone.shutdown()
            try Ledger.note(20, ["udp"])
        }

        /// The answers that somebody with a wrong password gets, without their random values and the name.
        private func wrongPassword(_ user: String, _ listener: EdgeUnderTest.Listener) async throws -> [String] {
            try await Calls.place(to: listener.endpoint, as: (user, "wrong")).answers.map { answer in
                (["\(answer.status) \(answer.reason)"] + answer.headers.map { "\($0.name): \($0.value)" })
                    .joined(separator: "\n")
                    .replacing(/(nonce="|tag=|branch=|rport=|Call-ID: |127.0.0.1:)[^";\n]*/) { "\($0.output.1)" }
                    .replacing(user, with: "USER")
            }
        }

        @Test("svcrack is blocked before it comes to the right password")
        func svcrack() async throws {
            let listener = try EdgeUnderTest.Listener(.udp, "phones")
            let phone = try await Calls.answeringPhone()
            let edge = try edge(listener, far: phone.endpoints[0])
            try await edge.start()

            // It does know how to get in here: the first guess is right.
            let lucky = try await crack("1007", ["first-guess"], listener, edge)
            #expect(lucky.contains("first-guess"), "\(lucky)")

            let guesses = (1...20).map { "guess-\($0)" } + ["correct-horse"] + (21...40).map { "guess-\($0)" }
            let output = try await crack("1003", guesses, listener, edge)
            #expect(!output.contains("correct-horse"), "\(output)")
            let blocked = try await edge.witnesses(.authFailed) { $0.text("reason") == "blocked" }
            #expect(blocked.expertID == "1003@external.advisor")
            #expect(try await edge.stop() == 0)
            await phone.shutdown()
            try Ledger.note(20, ["udp"])
        }

        private func crack(
            _ user: String, _ guesses: [String], _ listener: EdgeUnderTest.Listener, _ edge: EdgeUnderTest
        ) async throws -> String {
            // Each from a port of its own: what answers the one must not mislead the other.
            try edge.program.write("\(user).txt", guesses.map { $0 + "\n" }.joined())
            let attack = try ChildProcess(
                "svcrack-\(user)", try PeerProgram.svcrack.require(),
                [
                    "-u", user, "-d", "\(user).txt", "-m", "INVITE", "--domain", "external.advisor",
                    "-p", "\(listener.port)", "-P", "\(FreePort.next())", "--maximumtime", "3", "127.0.0.1",
                ], in: edge.program.directory)
            try await attack.ends(within: .seconds(60))
            return attack.output
        }
    }
}
