import CoreTypes
import Foundation
import TestSupport
import Testing
import Witness

extension Integration {
    /// What becomes of a perimeter when something fails, and who is told of what was done.
    @Suite("The perimeter in trouble", .needs(.moto), .timeLimit(.minutes(5)))
    struct PerimeterTroubleTests {
        private static func changes(_ json: Any?, _ key: String) throws -> [[String: Any]] {
            guard let object = json as? [String: Any], let changes = object[key] as? [[String: Any]] else {
                throw Failure("there is no '\(key)' in \(json ?? "nothing")")
            }
            return changes
        }

        private static func json(_ text: String) throws -> Any {
            try JSONSerialization.jsonObject(with: Data(text.utf8))
        }

        /// Starts an apply, and holds it at the change that says this.
        private static func halted(_ scene: PerimeterScene, at words: String) async throws -> ChildProcess {
            let child = try ChildProcess(
                "apply", Program.executable, ["perimeter", "apply", "--yes"], in: scene.program.directory,
                environment: scene.environment)
            try await child.prints(words)
            child.send(SIGSTOP)
            return child
        }

        @Test("rights that are lost in the middle: what was done is kept, nothing is taken away, the rest is told")
        func rightsLost() async throws {
            let moto = try await Moto()
            let scene = try await PerimeterScene(moto)
            let child = try await Self.halted(scene, at: "  add tcp 22 from 203.0.113.7/32 to prod-sg-api")
            try moto.forbid()
            child.send(SIGCONT)
            let code = try await child.ends(within: .seconds(120))
            #expect(code == 1)
            let said = child.output
            let failed = said.split(separator: "\n").filter { $0.hasPrefix("failed: ") }
            #expect(!failed.isEmpty && failed.allSatisfy { $0.contains("(AccessDenied") }, "\(failed)")
            #expect(said.contains("nothing is taken away"), "\(said.suffix(3000))")

            try moto.allow()
            let rollback = try #require(try scene.rollbacks().first)
            let kept = try Self.json(try scene.text(rollback))
            let done = try Self.changes(kept, "carried_out")
            let uncertain = try Self.changes(kept, "uncertain")
            #expect(
                done.count >= 2 && done.allSatisfy { ["create-group", "authorize"].contains($0["action"] as? String) })
            #expect(!uncertain.isEmpty && done.count + uncertain.count == 24)
            #expect(try scene.ssh("prod-sg") == ["0.0.0.0/0", "::/0"])
            // Back to the start, and from there to the end.
            try scene.run("apply", "--rollback", rollback, "--yes", exits: 0)
            try scene.finds(scene.expectedFindings)
            try scene.run("apply", "--yes", exits: 0)
            try scene.finds([])
        }

        @Test("AWS that is gone in the middle: the program ends by itself, and what was done is kept")
        func killed() async throws {
            let moto = try await Moto()
            let scene = try await PerimeterScene(moto)
            let child = try await Self.halted(scene, at: "  revoke tcp 443 from 0.0.0.0/0 in prod-sg")
            try await moto.kill()
            child.send(SIGCONT)
            let code = try await child.ends(within: .seconds(120))
            #expect(code == 1 && child.output.contains("failed: revoke "), "\(child.output.suffix(3000))")
            let rollback = try #require(try scene.rollbacks().first)
            let done = try Self.changes(try Self.json(try scene.text(rollback)), "carried_out")
            #expect(done.count >= 27 && done.contains { $0["action"] as? String == "revoke" })
        }

        @Test("a program that is killed in the middle leaves a way back, and can be run again")
        func interrupted() async throws {
            let scene = try await PerimeterScene()
            let child = try await Self.halted(scene, at: "  add tcp 443 from ::/0 to prod-sg-api")
            try await child.kill()
            let rollback = try #require(try scene.rollbacks().first)
            #expect(try Self.changes(try Self.json(try scene.text(rollback)), "carried_out").count >= 2)
            #expect(try scene.ssh("prod-sg") == ["0.0.0.0/0", "::/0"])
            try scene.run("apply", "--yes", exits: 0)
            try scene.finds([])
        }

        @Test("where the way back can't be written, nothing is changed")
        func noWayBack() async throws {
            let scene = try await PerimeterScene()
            let outcome = try scene.run("apply", "--yes", "--rollback-out", "no/such/folder/back.json")
            #expect(outcome.code == 1 && outcome.errors.contains("so nothing was changed"), "\(outcome)")
            try scene.finds(scene.expectedFindings)
        }

        @Test("a wrong secret and an absent AWS are told as such", arguments: [true, false])
        func unreachable(isWrongSecret: Bool) async throws {
            let scene = try await PerimeterScene()
            if !isWrongSecret { try scene.edit(scene.moto.url, "http://127.0.0.1:\(try FreePort.next())") }
            let outcome = try scene.run(
                "audit", more: isWrongSecret ? ["AWS_SECRET_ACCESS_KEY": "another"] : [:])
            #expect(outcome.code == 1 && outcome.output.isEmpty)
            #expect(
                outcome.errors.contains(isWrongSecret ? "AuthFailure" : "no answer from http://127.0.0.1:"),
                "\(outcome.errors)")
        }

        @Test("a running edge writes each change into its witness")
        func witnessed() async throws {
            let scene = try await PerimeterScene()
            let edge = try EdgeUnderTest([try .init(.udp, "trunks")], "routes: []")
            try await edge.start()
            let configuration = edge.program.path("sallyport.yaml")
            try scene.run("apply", "--yes", "--config", configuration, exits: 0)
            let changes = try await Self.changes(of: edge, count: 36)
            let actions = Dictionary(grouping: changes) { $0.text("action") ?? "" }.mapValues(\.count)
            #expect(
                actions == [
                    "perimeter-create-group": 2, "perimeter-authorize": 15, "perimeter-attach": 2,
                    "perimeter-set-alarm": 1, "perimeter-set-versioning": 1, "perimeter-encrypt": 1,
                    "perimeter-set-lifecycle": 1, "perimeter-block-public-access": 1, "perimeter-detach": 2,
                    "perimeter-revoke": 10,
                ])
            #expect(changes.allSatisfy { $0.text("actor") == NSUserName() })
            #expect(changes.contains { $0.line.contains("revoke tcp 22 from 0.0.0.0/0 in prod-sg") })
            try scene.run("admin-ip", "--ip", "198.51.100.1", "--yes", "--config", configuration, exits: 0)
            let moved = try await Self.changes(of: edge, count: 40)
            #expect(moved.count == 40)
            let verified = try edge.verify()
            #expect(verified.defect == nil)
            #expect(try await edge.stop() == 0)
        }

        /// What the edge's witness has of perimeters, once it is as many as this.
        private static func changes(of edge: EdgeUnderTest, count: Int) async throws -> [WitnessRecord] {
            var found: [WitnessRecord] = []
            try await eventually("\(count) changes are in the witness", within: .seconds(10)) {
                found = try edge.records().filter { $0.text("action")?.hasPrefix("perimeter-") == true }
                return found.count >= count
            }
            return found
        }

        @Test("without an edge it is said that nobody records the change")
        func notWitnessed() async throws {
            let scene = try await PerimeterScene()
            let outcome = try scene.run("apply", "--yes")
            #expect(outcome.code == 0 && outcome.errors.contains("not recorded in a witness"), "\(outcome.errors)")
        }
    }
}

extension Moto {
    /// Takes all rights from the user whose key everybody has.
    fileprivate func forbid() throws {
        try python("client(\"iam\").delete_user_policy(UserName=\"operator\", PolicyName=\"all\")")
    }

    /// Gives them back. The first request turns the checks off for as long as it takes.
    fileprivate func allow() throws {
        try python(
            """
            def check(after):
                urllib.request.urlopen(urllib.request.Request(
                    url + "/moto-api/reset-auth", data=after, method="POST", headers={"Content-Type": "text/plain"})).read()

            check(b"1000000")
            policy = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}
            client("iam").put_user_policy(UserName="operator", PolicyName="all", PolicyDocument=json.dumps(policy))
            check(b"0")
            """)
    }
}
