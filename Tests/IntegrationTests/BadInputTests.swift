import CoreTypes
import Foundation
import GRDB
import TestSupport
import Testing

extension Integration {
    @Suite("What can't be started", .timeLimit(.minutes(2)))
    struct BadInputTests {
        /// Something wrong with an edge that would start otherwise, and what the error must name.
        struct Fault: Sendable, CustomTestStringConvertible {
            let testDescription: String
            var settings = ""
            let breaks: @Sendable (Program) throws -> Void
            let names: [String]

            init(
                _ description: String, settings: String = "", names: [String],
                breaks: @escaping @Sendable (Program) throws -> Void = { _ in }
            ) {
                testDescription = description
                self.settings = settings
                self.names = names
                self.breaks = breaks
            }
        }

        private static let faults = [
            Fault("a certificate that is not there", names: ["tls/server.pem", "does not exist"]) {
                try FileManager.default.removeItem(atPath: $0.path("tls/server.pem"))
            },
            Fault("a certificate that is none", names: ["tls/server.pem"]) {
                try $0.write("tls/server.pem", "hello\n")
            },
            Fault("a certificate that is a directory", names: ["tls/server.pem"]) {
                try FileManager.default.removeItem(atPath: $0.path("tls/server.pem"))
                try FileManager.default.createDirectory(
                    atPath: $0.path("tls/server.pem"), withIntermediateDirectories: false)
            },
            Fault("a key that is not there", names: ["tls/server-key.pem"]) {
                try FileManager.default.removeItem(atPath: $0.path("tls/server-key.pem"))
            },
            Fault("a key of another certificate", names: ["tls/server-key.pem", "certificate"]) {
                try FileManager.default.removeItem(atPath: $0.path("tls/server-key.pem"))
                try FileManager.default.copyItem(
                    atPath: $0.path("tls/client-key.pem"), toPath: $0.path("tls/server-key.pem"))
            },
            Fault("trust that is not there", names: ["tls/ca.pem"]) {
                try FileManager.default.removeItem(atPath: $0.path("tls/ca.pem"))
            },
            Fault("a database that is none", names: ["var/sallyport.db"]) {
                try FileManager.default.createDirectory(atPath: $0.path("var"), withIntermediateDirectories: true)
                try $0.write("var/sallyport.db", String(repeating: "this is no database ", count: 500))
            },
            Fault(
                "a key that the configuration does not have", settings: "witnes: {durability: sync}",
                names: ["sallyport.yaml:7", "witnes", "witness"]),
            Fault(
                "a value of the wrong kind", settings: "limits: {headers: many}",
                names: ["sallyport.yaml:7", "headers"]),
            Fault(
                "a route to a pool that is not there",
                settings: "routes:\n  - {name: far, match: {}, to: \"pool:nowhere\"}", names: ["nowhere"]),
        ]

        @Test("serve and check refuse to start and name what is wrong", arguments: faults)
        func refused(fault: Fault) async throws {
            let edge = try EdgeUnderTest(
                [EdgeUnderTest.Listener(.tls, "experts")],
                "tls: {certificate: tls/server.pem, key: tls/server-key.pem, trust: tls/ca.pem, client_certificate: required}\n"
                    + fault.settings)
            try edge.program.run("cert", "issue-dev", "tls").requireSuccess()
            try fault.breaks(edge.program)
            for command in ["serve", "check"] {
                let (code, output) = try await run(command, edge)
                #expect(code == 1, "\(command): \(output)")
                for name in fault.names { #expect(output.contains(name), "\(command) names \(name)") }
            }
        }

        /// Runs what should end by itself, and does not wait for it when it doesn't.
        private func run(_ command: String, _ edge: EdgeUnderTest) async throws -> (code: Int32, output: String) {
            let process = try ChildProcess(
                command, Program.executable, [command], in: edge.program.directory)
            return (try await process.ends(within: .seconds(15)), process.output)
        }

        @Test("a port in use is named", arguments: [TransportKind.udp, .tcp])
        func portInUse(transport: TransportKind) async throws {
            let listener = try EdgeUnderTest.Listener(transport, "trunks")
            let first = try EdgeUnderTest([listener], "")
            try await first.start()
            let (code, output) = try await run("serve", EdgeUnderTest([listener], ""))
            #expect(code == 1)
            #expect(output.contains("\(listener.endpoint)") && output.contains("in use"), "\(output)")
            #expect(try await first.stop() == 0)
        }

        @Test("the control port in use is named")
        func controlPortInUse() async throws {
            let first = try EdgeUnderTest([EdgeUnderTest.Listener(.udp, "trunks")], "")
            try await first.start()
            let second = try EdgeUnderTest([EdgeUnderTest.Listener(.udp, "trunks")], "")
            let text = try String(contentsOfFile: second.program.path("sallyport.yaml"), encoding: .utf8)
            try second.program.write(
                "sallyport.yaml", text.replacingOccurrences(of: "\(second.control)", with: "\(first.control)"))
            let (code, output) = try await run("serve", second)
            #expect(code == 1)
            #expect(output.contains("control.listen: can't listen on \(first.control)"), "\(output)")
            #expect(try await first.stop() == 0)
        }

        @Test("a second edge on the same state is refused")
        func sharedState() async throws {
            let first = try EdgeUnderTest([EdgeUnderTest.Listener(.udp, "trunks")], "")
            try await first.start()
            let second = try EdgeUnderTest(
                [EdgeUnderTest.Listener(.udp, "trunks")], "state: \(first.program.path("var"))")
            let (code, output) = try await run("serve", second)
            #expect(code == 1)
            #expect(output.contains("witness"), "\(output)")
            #expect(try await first.stop() == 0)
        }

        @Test("a database that another program has locked is named by commands")
        func lockedDatabase() async throws {
            let program = try Program()
            try program.run("allow", "add", "192.0.2.0/24", "--tag", "Rat").requireSuccess()
            let outcome = try await DatabaseQueue(path: program.path("var/sallyport.db")).writeWithoutTransaction {
                database in
                try database.execute(sql: "BEGIN EXCLUSIVE")
                defer { try? database.execute(sql: "ROLLBACK") }
                return try program.run("allow", "add", "198.51.100.0/24", "--tag", "Rat")
            }
            #expect(outcome.code == 1)
            #expect(outcome.errors.contains("var/sallyport.db"), "\(outcome.errors)")
            #expect(outcome.errors.contains("locked"), "\(outcome.errors)")
        }

        @Test(
            "commands refuse what is no network, and passwords that others could read",
            arguments: [
                (["allow", "add", "300.1.2.3/24", "--tag", "T"], [1, 64], "300.1.2.3/24"),
                (["allow", "add", "192.0.2.0/33", "--tag", "T"], [1, 64], "192.0.2.0/33"),
                (["allow", "add", "example.org", "--tag", "T"], [1, 64], "example.org"),
                (["subscriber", "add", "a@external.advisor", "--password", "x"], [64], "--password-stdin"),
                (["subscriber", "password", "a@external.advisor", "--password=x"], [64], "--password-stdin"),
                (["nonsense"], [64], "nonsense"),
                (["serve", "--config", "nowhere.yaml"], [1], "nowhere.yaml"),
            ] as [([String], [Int32], String)])
        func commands(arguments: [String], codes: [Int32], names: String) throws {
            let outcome = try Program().run(arguments)
            #expect(codes.contains(outcome.code))
            #expect(outcome.errors.contains(names), "\(outcome.errors)")
        }
    }
}

extension Outcome {
    fileprivate func requireSuccess() throws {
        guard code == 0 else { throw Failure("exit code \(code): \(errors)") }
    }
}
