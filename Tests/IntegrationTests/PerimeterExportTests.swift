import Foundation
import TestSupport
import Testing

extension Integration {
    /// `sallyport perimeter export terraform`, judged by Terraform itself.
    @Suite(
        "The perimeter for Terraform", .needs(.moto),
        .enabled(if: Terraform.obstacle == nil, "\(Terraform.obstacle ?? "")"), .timeLimit(.minutes(5)))
    struct PerimeterExportTests {
        private static func terraform(_ scene: PerimeterScene, _ text: String) throws -> Terraform {
            try Terraform(
                text, environment: scene.environment.merging(["AWS_ENDPOINT_URL": scene.moto.url]) { $1 })
        }

        @Test("what apply has made is taken over, and nothing of it is changed")
        func takenOver() async throws {
            let scene = try await PerimeterScene()
            try scene.run("apply", "--yes", exits: 0)
            try scene.run("export", "terraform", "--out", "perimeter.tf", exits: 0)
            let terraform = try Self.terraform(scene, try scene.text("perimeter.tf"))
            try terraform.run("validate")
            let plan = try terraform.run("plan", "-input=false", "-detailed-exitcode", "-out=plan", exits: [0, 2])
            #expect(
                plan.output.contains("Plan: 18 to import, 0 to add, 0 to change, 0 to destroy."),
                "\(plan.output.suffix(4000))")
            try terraform.run("apply", "-input=false", "plan")
            try terraform.run("plan", "-input=false", "-detailed-exitcode")
            try scene.finds([])

            // What another hand opens in a group is not Terraform's to mend: it is audit's to find.
            try scene.openHalves(of: "prod-sg-api")
            try terraform.run("plan", "-input=false", "-detailed-exitcode")
            try scene.finds(["admin-open-to-world prod-sg-api api tcp 22 0.0.0.0/1"])
        }

        @Test("groups that Terraform makes from it need no more rules")
        func madeByTerraform() async throws {
            let scene = try await PerimeterScene()
            let text = try scene.run("export", "terraform", exits: 0)
            let terraform = try Self.terraform(scene, text)
            try terraform.run("apply", "-auto-approve", "-input=false")
            try terraform.run("plan", "-input=false", "-detailed-exitcode")
            let left = try scene.findings()
            // Only that nobody carries the new groups yet.
            #expect(
                left.filter { $0.hasPrefix("rule-missing") || $0.hasPrefix("reference-missing") } == [
                    "rule-missing prod-sg-api api -", "rule-missing prod-sg-freeswitch freeswitch -",
                ])
            // Who carries the groups is not Terraform's, and neither are rules that were there.
            try scene.run("apply", "--yes", exits: 0)
            try scene.finds([])
            try terraform.run("plan", "-input=false", "-detailed-exitcode")
        }

        @Test("groups that are looked up get their rules, too")
        func lookedUp() async throws {
            let scene = try await PerimeterScene()
            try scene.run("apply", "--yes", exits: 0)
            let text = try scene.run("export", "terraform", "--data-groups", exits: 0)
            let terraform = try Self.terraform(scene, text)
            let plan = try terraform.run("plan", "-input=false", "-detailed-exitcode", exits: [0, 2])
            #expect(
                plan.output.contains("Plan: 15 to import, 0 to add, 0 to change, 0 to destroy."),
                "\(plan.output.suffix(4000))")
        }
    }
}
