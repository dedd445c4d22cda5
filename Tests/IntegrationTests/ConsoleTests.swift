import CoreTypes
import Foundation
import SIPMessage
import TestSupport
import Testing
import UserAgent
import Witness

extension Integration {
    /// The console in a real browser, driven by `Scenarios/console`, in front of a real edge.
    // No limit for all: the shortest one counts, and pictures take their time.
    @Suite("The console in Chromium", .needs(.chromium, .python))
    struct ConsoleTests {
        private static let script = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
            .appendingPathComponent("Scenarios/console").path

        /// A scenario of the driver, running.
        private func begin(
            _ scenario: String, _ arguments: [String: String] = [:], key: String, _ scene: ConsoleScene,
            first: [String] = []
        ) throws -> ChildProcess {
            try ChildProcess(
                "console-\(scenario)", try PeerProgram.python.require(),
                [Self.script, scenario] + first + arguments.map { "\($0.key)=\($0.value)" },
                in: scene.edge.program.directory,
                environment: ["CONSOLE_URL": "http://\(scene.edge.control)", "CONSOLE_KEY": key])
        }

        private func finish(_ process: ChildProcess, within limit: Duration = .seconds(120)) async throws {
            let code = try await process.ends(within: limit)
            #expect(code == 0, "\(process.name):\n\(process.output)")
        }

        private func run(
            _ scenario: String, _ arguments: [String: String] = [:], key: String, _ scene: ConsoleScene
        ) async throws {
            try await finish(try begin(scenario, arguments, key: key, scene))
        }

        @Test("shows what is going on to who has a key, and offers a viewer nothing else", .timeLimit(.minutes(5)))
        func looking() async throws {
            let scene = try await ConsoleScene()
            let admin = try scene.edge.createKey("night-shift", role: "admin")
            try await run("sign-in", key: admin, scene)

            let now = try begin(
                "now",
                [
                    "calls": "3", "refusals": "Malformed,Rate limits,Allowlist,Authentication,Guard",
                    "source": "127.0.0.12", "awaited": "127.1.0.9",
                ], key: admin, scene)
            try await now.prints("watching", within: .seconds(60))
            try scene.stranger(9)
            try await finish(now)

            try await run(
                "story",
                [
                    "call": "No. 1", "trace": ConsoleScene.trace, "refused": ConsoleScene.refusedTrace, "layer": "6",
                    "facts": "Council of Advisors,TLSv1.3,expert-ethics@external.advisor,safety",
                ], key: admin, scene)
            try await run("pages", key: admin, scene)
            try await run("viewer", ["call": "No. 1"], key: scene.edge.createKey("wall", role: "viewer"), scene)
            #expect(try await scene.strike() == 0)
        }

        @Test("changes what an operator asks for, and is left by a key that is revoked", .timeLimit(.minutes(5)))
        func changing() async throws {
            let scene = try await ConsoleScene()
            let edge = scene.edge
            let operating = try scene.edge.createKey("operator-1", role: "operator")
            let tag = "<b>Partner</b> & others"
            try await run("add-network", ["cidr": "198.51.100.0/24", "tag": tag], key: operating, scene)
            func networks() throws -> [[String: Any]] {
                let outcome = try edge.program.run("allow", "list", "--json")
                return outcome.json as? [[String: Any]] ?? []
            }
            let added = try #require(try networks().first { $0.values.contains { $0 as? String == "198.51.100.0/24" } })
            #expect(added["tag"] as? String == tag)
            let change = try await edge.witnesses(.adminChange) { $0.text("action") == "allow.add" }
            #expect(change.text("actor") == "key operator-1" && change.text("object") == "198.51.100.0/24")
            try await run("remove-network", ["cidr": "198.51.100.0/24"], key: operating, scene)
            #expect(try networks().count == 3)

            try await run("end-call", ["call": "No. 3"], key: operating, scene)
            #expect(await scene.third().ending == .peerHungUp)
            #expect(try scene.calls("--active").count == 2)
            let ended = try await edge.witnesses(.callEnded) { $0.text("ended_by") == "operator" }
            let ending = try await edge.witnesses(.adminChange) { $0.text("action") == "call.end" }
            #expect(ending.text("actor") == "key operator-1" && ending.text("object") == ended.text("call"))

            let leaver = try begin("revoked", key: scene.edge.createKey("leaver", role: "admin"), scene)
            try await leaver.prints("signed in", within: .seconds(60))
            try edge.command("key", "revoke", "leaver")
            try await finish(leaver)
            #expect(try await scene.strike() == 0)
            #expect(try edge.verify().defect == nil)
        }

        /// `scripts/console-screenshots` asks for these.
        @Test(
            "its pictures for the documentation",
            .enabled(if: ProcessInfo.processInfo.environment["SALLYPORT_SCREENSHOTS"] != nil, "nobody asks for them"),
            .timeLimit(.minutes(30)))
        func pictures() async throws {
            let environment = ProcessInfo.processInfo.environment
            let directory = try #require(environment["SALLYPORT_SCREENSHOTS"])
            let scene = try await ConsoleScene()
            try await scene.goOn(for: .seconds(60 * (Int(environment["SALLYPORT_SCREENSHOTS_MINUTES"] ?? "") ?? 0)))
            let key = try scene.edge.createKey("night-shift", role: "admin")
            _ = try scene.edge.createKey("wall", role: "viewer")
            _ = try scene.edge.createKey("operator-1", role: "operator")
            let driver = try begin(
                "screenshots",
                [
                    "call": "No. 1", "refused": ConsoleScene.refusedTrace, "source": "127.0.1.7",
                    "user": "expert-security@external.advisor", "to": "sip:expert-safety@external.advisor",
                ], key: key, scene, first: [directory])
            try await finish(driver, within: .seconds(300))
            print(driver.output)
            #expect(try await scene.strike() == 0)
        }
    }
}
