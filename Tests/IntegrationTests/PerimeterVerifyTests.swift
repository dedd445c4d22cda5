import CoreTypes
import Foundation
import TestSupport
import Testing

extension Integration {
    /// `sallyport perimeter verify` on loopback, where nothing is kept away: what answers is what listens.
    @Suite("The perimeter, tried", .timeLimit(.minutes(2)))
    struct PerimeterVerifyTests {
        private let program: Program
        private let ports: [UInt16]

        /// TCP and UDP that everybody may reach, TCP that nobody may, and TCP of operators, whom the role doesn't let in.
        init() throws {
            program = try Program()
            ports = try (1...4).map { _ in try FreePort.next() }
            try program.write(
                "perimeter.yaml",
                """
                admin: [203.0.113.7/32]
                provider: {aws: {region: us-east-1, vpc: vpc-1}}
                roles:
                  edge:
                    group: edge
                    allow:
                      - {port: \(ports[0]), protocol: tcp, from: anywhere}
                      - {port: \(ports[1]), protocol: udp, from: anywhere}
                private_ports: [\(ports[2])]
                admin_ports: [\(ports[3])]

                """)
        }

        /// By port and protocol, what was found; and the exit code.
        private func verify(_ address: String) throws -> (found: [String: String], agree: Bool, code: Int32) {
            let outcome = try Child.run(
                Program.executable,
                [
                    "perimeter", "verify", "--json", "--probes-only", "--role", "edge", "--target", "edge=\(address)",
                    "--as", address.contains(":") ? "2001:db8::9" : "198.51.100.9", "--patience", "1s",
                ], in: program.directory, environment: PerimeterScene.nobodysEnvironment)
            guard let object = outcome.json as? [String: Any], let probes = object["probes"] as? [[String: Any]] else {
                throw Failure("verify prints no probes: \(outcome)")
            }
            var found: [String: String] = [:]
            for probe in probes {
                let (transport, port) = (probe["protocol"] as? String ?? "", probe["port"] as? Int ?? 0)
                found["\(transport) \(port)"] = probe["found"] as? String
            }
            return (found, probes.allSatisfy { $0["agrees"] as? Bool == true }, outcome.code)
        }

        @Test(
            "listeners that are planted make open ports answer, and show that nothing keeps the others",
            arguments: ["127.0.0.1", "::1"])
        func planted(address: String) async throws {
            let child = try ChildProcess(
                "listen", Program.executable, ["perimeter", "verify", "--listen", "--role", "edge", "--for", "60s"],
                in: program.directory, environment: PerimeterScene.nobodysEnvironment)
            try await child.prints("answering at 8 ports of role edge; 0 are taken")
            let seen = try verify(address)
            #expect(
                seen.found == [
                    "tcp \(ports[0])": "open", "udp \(ports[1])": "open", "tcp \(ports[2])": "open",
                    "tcp \(ports[3])": "open",
                ])
            #expect(!seen.agree && seen.code == 2)
            try await child.kill()

            let without = try verify(address)
            #expect(without.found.values.allSatisfy { $0 == "closed" } && without.code == 2)
        }

        @Test("what listens where it should, and nowhere else, is as declared")
        func asDeclared() async throws {
            try program.write(
                "only.yaml",
                try String(contentsOfFile: program.path("perimeter.yaml"), encoding: .utf8)
                    .replacingOccurrences(of: "private_ports: [\(ports[2])]", with: "")
                    .replacingOccurrences(of: "admin_ports: [\(ports[3])]", with: "admin_ports: []"))
            let child = try ChildProcess(
                "listen", Program.executable,
                ["perimeter", "verify", "--listen", "--role", "edge", "--for", "60s", "--file", "only.yaml"],
                in: program.directory, environment: PerimeterScene.nobodysEnvironment)
            // The two that the role lets everybody in to.
            try await child.prints("answering at 4 ports of role edge; 0 are taken")
            let seen = try verify("127.0.0.1")
            #expect(seen.agree && seen.code == 0 && seen.found["tcp \(ports[2])"] == "closed", "\(seen)")
            try await child.kill()
        }
    }
}
