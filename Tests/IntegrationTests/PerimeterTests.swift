import Foundation
import TestSupport
import Testing

extension Integration {
    /// The incident that the perimeter is about, from end to end, through the built program against moto.
    @Suite("The perimeter", .needs(.moto), .timeLimit(.minutes(5)))
    struct PerimeterTests {
        @Test("the incident that boto3 has built is found, mended, kept mended, and brought back")
        func incident() async throws {
            try await Self.tell(try await PerimeterScene())
        }

        @Test(
            "the incident that Terraform has built is found, mended, kept mended, and brought back",
            .enabled(if: Terraform.obstacle == nil, "\(Terraform.obstacle ?? "")"))
        func incidentOfTerraform() async throws {
            let scene = try await PerimeterScene { moto in
                let text = try String(
                    contentsOf: URL(fileURLWithPath: #filePath).deletingLastPathComponent()
                        .appendingPathComponent("Scenarios/incident.tf"), encoding: .utf8)
                let terraform = try Terraform(
                    text,
                    environment: PerimeterScene.nobodysEnvironment.merging([
                        "AWS_ACCESS_KEY_ID": moto.accessKeyID, "AWS_SECRET_ACCESS_KEY": moto.secretAccessKey,
                        "AWS_ENDPOINT_URL": moto.url,
                    ]) { $1 })
                let mark = UUID().uuidString.prefix(8).lowercased()
                try terraform.run("apply", "-auto-approve", "-input=false", "-var", "mark=\(mark)")
                let names = try terraform.names()
                guard let group = names["private"], let subnet = names["subnet"], let other = names["other"] else {
                    throw Failure("Terraform made no group of the database, or no subnets: \(names)")
                }
                try moto.database(mark, group: group, subnets: [subnet, other])
                return names
            }
            try await Self.tell(scene)
        }

        private static func tell(_ scene: PerimeterScene) async throws {
            try scene.finds(scene.expectedFindings)

            let shown = try scene.run("plan", "--out", "plan.json", exits: 2)
            #expect(shown.hasSuffix("20 to add, 12 to remove, 4 to change.\n"), "\(shown)")
            let applied = try scene.run("apply", "plan.json", "--yes", exits: 0)
            let rollbacks = try scene.rollbacks()
            let rollback = try #require(rollbacks.first)
            #expect(applied.contains("36 done; the way back is in ") && applied.contains(rollback), "\(applied)")

            try scene.finds([])
            #expect(try scene.run("audit", exits: 0) == "No findings.\n")
            #expect(try scene.run("plan", exits: 0) == "Nothing to change.\n")
            #expect(try scene.run("apply", "--yes", exits: 0) == "Nothing to change.\n")
            let stale = try scene.run("apply", "plan.json", "--yes")
            #expect(stale.code == 1 && stale.output.contains("what is there has changed since the plan was made"))
            #expect(try scene.rollbacks() == [rollback])
            #expect(try scene.ssh("prod-sg-api") == [PerimeterScene.office])
            #expect(try scene.ssh("prod-sg-freeswitch") == [PerimeterScene.office])

            // Another hand opens SSH to the world, in halves.
            try scene.openHalves(of: "prod-sg-api")
            try scene.finds(["admin-open-to-world prod-sg-api api tcp 22 0.0.0.0/1"])
            let told = try scene.run("audit", exits: 2)
            #expect(told.contains("in pieces:") && told.contains("tcp 22 from 128.0.0.0/1"), "\(told)")
            #expect(try scene.run("apply", "--yes", exits: 0).contains("2 done; "))
            try scene.finds([])
            #expect(try scene.ssh("prod-sg-api") == [PerimeterScene.office])

            // And back, and again forth.
            try scene.run("apply", "--rollback", rollback, "--yes", exits: 0)
            try scene.finds(scene.expectedFindings)
            #expect(
                try scene.run("apply", "--rollback", rollback, "--yes", exits: 0) == "Nothing to change.\n")
            try scene.run("apply", "--yes", exits: 0)
            try scene.finds([])
        }

        @Test(
            "without a yes nothing is changed: by no answer, by no, by --dry-run",
            arguments: [([], "", 1), ([], "n\n", 1), ([], "yes, of course\n", 1), (["--dry-run"], "", 2)])
        func notAgreed(more: [String], answer: String, code: Int) async throws {
            let scene = try await PerimeterScene()
            try scene.run("plan", "--out", "plan.json", exits: 2)
            let outcome = try Child.run(
                Program.executable, ["perimeter", "apply"] + more, in: scene.program.directory,
                environment: scene.environment, input: answer)
            #expect(outcome.code == Int32(code) && outcome.output.contains("36 done") == false)
            if more.isEmpty {
                #expect(outcome.errors.contains("Carry out these 36 changes? [y/N]"))
                #expect(outcome.errors.contains("nothing was changed"))
            }
            #expect(try scene.rollbacks() == [])
            // The plan is as fresh as before.
            #expect(try scene.run("apply", "plan.json", "--dry-run", exits: 2).contains("20 to add"))
        }

        @Test("a yes is enough", arguments: ["y\n", "YES\n"])
        func agreed(answer: String) async throws {
            let scene = try await PerimeterScene()
            #expect(try scene.run("apply", exits: 0, input: answer).contains("36 done; "))
            try scene.finds([])
        }

        @Test("a plan that something has moved away from is refused, and changes nothing")
        func stale() async throws {
            let scene = try await PerimeterScene()
            try scene.run("plan", "--out", "plan.json", exits: 2)
            try scene.openHalves(of: "prod-sg")
            let before = try scene.findings()
            let outcome = try scene.run("apply", "plan.json", "--yes")
            #expect(outcome.code == 1)
            #expect(outcome.output.contains("what is there has changed since the plan was made"), "\(outcome)")
            #expect(outcome.output.contains("make a new plan, and look at it"))
            #expect(try scene.findings() == before && scene.rollbacks() == [])
        }

        @Test("nobody whom never_cut_off names is cut off, whatever the file says otherwise")
        func neverCutOff() async throws {
            let scene = try await PerimeterScene()
            try scene.edit("admin: [\(PerimeterScene.office)]", "admin: [198.51.100.1/32]")
            let plan = try scene.run("plan", "--out", "plan.json", exits: 2)
            #expect(plan.contains("to 203.0.113.7/32, which never_cut_off keeps"), "\(plan)")
            for words in [["apply", "--yes"], ["apply", "plan.json", "--yes"]] {
                let outcome = try Child.run(
                    Program.executable, ["perimeter"] + words, in: scene.program.directory,
                    environment: scene.environment)
                #expect(outcome.code == 1 && outcome.output.contains("refused: "), "\(outcome)")
            }
            #expect(try scene.ssh("prod-sg") == ["0.0.0.0/0", "::/0"] && scene.rollbacks() == [])
            // Another way in first, as the refusal says.
            try scene.edit("admin: [198.51.100.1/32]", "admin: [198.51.100.1/32, \(PerimeterScene.office)]")
            try scene.run("apply", "--yes", exits: 0)
            #expect(try scene.ssh("prod-sg-api") == ["198.51.100.1/32", PerimeterScene.office])
            try scene.finds([])
        }
    }
}
