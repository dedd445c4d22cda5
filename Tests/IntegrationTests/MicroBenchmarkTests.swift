import Foundation
import TestSupport
import Testing

extension Integration {
    @Suite("Micro benchmarks", .timeLimit(.minutes(1)))
    struct MicroBenchmarkTests {
        private static let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
            .deletingLastPathComponent().deletingLastPathComponent().path

        @Test(
            "no step allocates more than Benchmarks/micro/thresholds.json says",
            .needsRelease(of: "microbenchmarks"))
        func allocations() throws {
            let outcome = try run(check: Self.root + "/Benchmarks/micro/thresholds.json")
            #expect(outcome.code == 0, "\(outcome.errors)")
        }

        @Test(
            "a step over its threshold, one without and one that is gone are named",
            .needsRelease(of: "microbenchmarks"))
        func faults() throws {
            let program = try Program()
            try program.write("strict.json", #"{"parse.invite.kept": 0.5, "gone": 1}"#)
            let outcome = try run(check: program.path("strict.json"))
            #expect(outcome.code == 1)
            let faults = outcome.errors.split(separator: "\n")
            #expect(faults.contains { $0.hasPrefix("parse.invite.kept: ") && $0.hasSuffix(" more than 0.5") })
            #expect(faults.contains("parse.options: has no threshold"))
            #expect(faults.contains("gone: has a threshold, but there is no such benchmark"))
        }

        private func run(check file: String) throws -> Outcome {
            guard let executable = Program.released("microbenchmarks") else {
                throw Failure("there is no release build")
            }
            return try Child.run(executable, ["--check", file], in: Self.root)
        }
    }
}
