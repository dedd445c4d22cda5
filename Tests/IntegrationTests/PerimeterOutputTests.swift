import Foundation
import FoundationXML
import TestSupport
import Testing

extension Integration {
    /// What the commands of the perimeter print for programs, and how they refuse nonsense.
    @Suite("The perimeter's words", .needs(.moto), .timeLimit(.minutes(5)))
    struct PerimeterOutputTests {
        private static func object(_ outcome: Outcome, exits code: Int32) throws -> [String: Any] {
            guard outcome.code == code, let object = outcome.json as? [String: Any] else {
                throw Failure("not \(code) and an object of JSON: \(outcome)")
            }
            return object
        }

        private static func hasChanges(_ value: Any?, _ count: Int) -> Bool {
            guard let changes = value as? [[String: Any]] else { return false }
            return changes.count == count
                && changes.allSatisfy {
                    $0["action"] is String && $0.keys.contains("group") && $0.keys.contains("rule")
                }
        }

        @Test("each command's JSON has what programs rely on")
        func json() async throws {
            let scene = try await PerimeterScene()
            let audit = try Self.object(try scene.run("audit", "--json"), exits: 2)
            let findings = try #require(audit["findings"] as? [[String: Any]])
            #expect(findings.count == 26)
            let keys: Set = ["id", "severity", "role", "group", "rule", "evidence", "mend"]
            #expect(findings.allSatisfy { Set($0.keys) == keys })
            let rules = findings.compactMap { $0["rule"] as? [String: Any] }
            #expect(rules.allSatisfy { Set($0.keys) == ["protocol", "from_port", "to_port", "source"] })

            let plan = try Self.object(try scene.run("plan", "--json"), exits: 2)
            #expect(Self.hasChanges(plan["changes"], 36) && plan["refusals"] is [Any] && plan["state"] is String)
            let dry = try Self.object(try scene.run("apply", "--dry-run", "--json"), exits: 2)
            #expect(Self.hasChanges(dry["changes"], 36))
            let cost = try Self.object(try scene.run("cost", "--json"), exits: 0)
            #expect(cost["priced_on"] is String && (cost["lines"] as? [Any])?.isEmpty == false)

            let verified = try Self.object(
                try scene.run(
                    "verify", "--json", "--target", "api=127.0.0.1", "--as", "203.0.113.7", "--patience", "200ms"),
                exits: 2)
            let probes = try #require(verified["probes"] as? [[String: Any]])
            #expect(!probes.isEmpty && probes.allSatisfy { $0["agrees"] is Bool && $0["found"] is String })
            #expect(Self.hasChanges(verified["changes"], 36))

            let applied = try Self.object(try scene.run("apply", "--yes", "--json"), exits: 0)
            #expect(Self.hasChanges(applied["carried_out"], 36) && applied["rollback"] is String)
            #expect(["failed", "skipped", "reasons"].allSatisfy { (applied[$0] as? [Any])?.isEmpty == true })
            let nothing = try Self.object(try scene.run("apply", "--yes", "--json"), exits: 0)
            #expect(Self.hasChanges(nothing["carried_out"], 0))
            let moved = try Self.object(
                try scene.run("admin-ip", "--ip", "198.51.100.1", "--yes", "--json"), exits: 0)
            #expect(Self.hasChanges(moved["carried_out"], 4))
            let clean = try Self.object(try scene.run("audit", "--json"), exits: 0)
            #expect((clean["findings"] as? [Any])?.isEmpty == true)
            let cleanPlan = try Self.object(try scene.run("plan", "--json"), exits: 0)
            #expect(Self.hasChanges(cleanPlan["changes"], 0))
        }

        @Test("findings are told as SARIF and JUnit, and --fail-on says which count")
        func formats() async throws {
            let scene = try await PerimeterScene()
            let sarif = try Self.object(try scene.run("audit", "--format", "sarif"), exits: 2)
            let run = try #require((sarif["runs"] as? [[String: Any]])?.first)
            #expect(sarif["version"] as? String == "2.1.0" && (run["results"] as? [Any])?.count == 26)

            let junit = try scene.run("audit", "--format", "junit", "--fail-on", "high", exits: 2)
            let document = try XMLDocument(xmlString: junit)
            let suites = try document.nodes(forXPath: "//testsuite").compactMap { $0 as? XMLElement }
            let failures = try document.nodes(forXPath: "//failure")
            let counted = suites.compactMap { $0.attribute(forName: "failures")?.stringValue }.compactMap { Int($0) }
            #expect(!failures.isEmpty && counted.reduce(0, +) == failures.count)

            try scene.run("apply", "--yes", exits: 0)
            try scene.moto.python(
                "client(\"cloudwatch\").delete_alarms(AlarmNames=[\"\(scene.names["alarm"] ?? "")\"])")
            #expect(try scene.findings().map { $0.prefix(13) } == ["alarm-missing"])
            for (severity, code) in [("low", 2), ("medium", 2), ("high", 0), ("critical", 0)] as [(String, Int32)] {
                try scene.run("audit", "--fail-on", severity, exits: code)
            }
        }

        @Test(
            "usage that makes no sense exits with 64",
            arguments: [
                ["audit", "--format", "xml"], ["audit", "--fail-on", "extreme"],
                ["apply", "a.json", "--rollback", "b.json"],
                ["admin-ip", "--replaces", "192.0.2.1", "--adds"], ["verify", "--for", "soon"],
                ["verify", "--patience", "9h"],
                ["nonsense"], ["plan", "--yes"], ["export", "pulumi"],
            ])
        func usage(words: [String]) throws {
            let program = try Program()
            let outcome = try Child.run(
                Program.executable, ["perimeter"] + words, in: program.directory,
                environment: PerimeterScene.nobodysEnvironment)
            #expect(outcome.code == 64 && outcome.errors.contains("Usage: "), "\(outcome)")
        }

        private static let commands = [
            ["audit"], ["plan"], ["apply", "--yes"], ["admin-ip", "--ip", "198.51.100.1"], ["verify"],
            ["export", "terraform", "--offline"], ["cost"],
        ]

        @Test(
            "a perimeter file that is not there or broken is refused by every command, with its line",
            arguments: commands)
        func badFile(words: [String]) throws {
            let program = try Program()
            func errors() throws -> String {
                let outcome = try Child.run(
                    Program.executable, ["perimeter"] + words, in: program.directory,
                    environment: PerimeterScene.nobodysEnvironment)
                #expect(outcome.code == 1 && outcome.output.isEmpty, "\(outcome)")
                return outcome.errors
            }
            #expect(try errors().contains("perimeter.yaml is not there: name the perimeter file with --file"))
            let texts = [
                ("admin: [203.0.113.7/32\nroles: {}\n", "perimeter.yaml:"),
                ("admin: [203.0.113.7/32]\nadmim: []\n", "perimeter.yaml:2"),
                ("admin: [203.0.113.300]\n", "perimeter.yaml:1"),
                (
                    """
                    admin: [203.0.113.7/32]
                    provider: {aws: {region: us-east-1, vpc: vpc-1}}
                    roles:
                      api:
                        group: g
                        allow: [{port: 443, protocol: tcp, from: role:nobody}]

                    """, "perimeter.yaml:6"
                ),
            ]
            for (text, place) in texts {
                try program.write("perimeter.yaml", text)
                let said = try errors()
                #expect(said.contains(place), "\(said)")
            }
        }

        @Test(
            "files and names that are none are told before AWS is asked",
            arguments: [
                (["apply", "absent.json", "--yes"], "absent.json can't be read"),
                (["apply", "perimeter.yaml", "--yes"], "this is not the JSON of a plan"),
                (["apply", "--rollback", "perimeter.yaml", "--yes"], "this is not a rollback file"),
                (["verify", "--role", "nobody", "--probes-only"], "there is no role 'nobody'"),
                (["verify", "--target", "api", "--probes-only"], "write ROLE=ADDRESS"),
                (["verify", "--listen"], "--listen needs one --role"),
                (["admin-ip", "--ip", "here"], "here"),
            ])
        func badArgument(words: [String], said: String) throws {
            let program = try Program()
            try program.write(
                "perimeter.yaml",
                """
                admin: [203.0.113.7/32]
                provider: {aws: {region: us-east-1, vpc: vpc-1, endpoint: "http://127.0.0.1:\(try FreePort.next())"}}
                roles:
                  api: {group: g, allow: [{port: 443, protocol: tcp, from: anywhere}]}

                """)
            let outcome = try Child.run(
                Program.executable, ["perimeter"] + words, in: program.directory,
                environment: PerimeterScene.nobodysEnvironment)
            #expect(outcome.code == 1 && outcome.output.isEmpty && outcome.errors.contains(said), "\(outcome)")
        }
    }
}
