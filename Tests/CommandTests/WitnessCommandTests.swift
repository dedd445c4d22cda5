import CoreTypes
import Foundation
import TestSupport
import Testing
import Witness

@testable import sallyport

@Suite("Commands of the witness", .timeLimit(.minutes(1)))
final class WitnessCommandTests {
    private let program: Program

    init() throws {
        program = try Program()
    }

    private func open() throws -> WitnessLog {
        let state = program.directory + "/var"
        return try WitnessLog(
            WitnessSettings(directory: state + "/witness", keyDirectory: state, source: "sallyport.test")
        ) { _ in }
    }

    private func write(_ traces: [String]) throws {
        let log = try open()
        for trace in traces {
            log.append(
                SecurityEvent(
                    .authFailed, .warning, sourceIP: IPAddress("203.0.113.42"), traceID: trace,
                    details: [.init("authenticated", false)]), at: 1_762_898_400_123)
        }
        log.close()
    }

    private var file: String { program.directory + "/var/witness/witness-000000000001.jsonl" }

    @Test("an intact log verifies, a tampered one does not and names the record")
    func verify() throws {
        try write((1...20).map { "trace-\($0)" })
        let good = try program.run("witness", "verify")
        #expect(good.code == 0)
        #expect(good.output.contains("intact: 21 records (1 to 21) in 1 files, 1 checkpoints"))
        let text = try String(contentsOfFile: file, encoding: .utf8)
        try Data(text.replacingOccurrences(of: "trace-7\"", with: "trace-X\"").utf8)
            .write(to: URL(fileURLWithPath: file))
        let bad = try program.run("witness", "verify")
        #expect(bad.code == 1)
        #expect(bad.output.contains("witness-000000000001.jsonl:7: edited, record 7"))
        let json = try program.run("witness", "verify", "--json").json as? [String: Any]
        #expect(json?["ok"] as? Bool == false)
        #expect((json?["defect"] as? [String: Any])?["kind"] as? String == "edited")
    }

    @Test("a log that is being written verifies too")
    func verifyBesideWriter() throws {
        try write(["one"])
        let log = try open()
        #expect(try program.run("witness", "verify").code == 0)
        log.close()
    }

    @Test("no log is no success")
    func noLog() throws {
        for command in ["verify", "tail"] {
            let outcome = try program.run("witness", command)
            #expect(outcome.code == 1)
            #expect(outcome.errors.contains("there is no log in \(program.directory)/var/witness"))
        }
    }

    @Test("the last records are shown for people, harmlessly, and for programs, as they stand")
    func tail() throws {
        try write(["first", "se\u{1b}[2Jcond"])
        let text = try program.run("witness", "tail", "--lines", "2").output
        #expect(
            text.hasPrefix(
                "2025-11-11T22:00:00.123Z WARNING AUTH_FAILED source=203.0.113.42 trace=se\\u001b[2Jcond "
                    + "authenticated=false\n"))
        let lines = try program.run("witness", "tail", "--json").output
        #expect(lines == (try String(contentsOfFile: file, encoding: .utf8)))
    }

    @Test("following shows what is added")
    func follow() async throws {
        try write(["before"])
        let tail = try ChildProcess(
            "tail", Program.executable, ["witness", "tail", "--follow", "--lines", "1"], in: program.directory)
        // The first line says that the follower has read up to here.
        try await tail.prints("CHECKPOINT")
        #expect(!tail.output.contains("AUTH_FAILED"))
        try write(["after"])
        try await tail.prints("trace=after")
        try await tail.kill()
    }

    @Test(
        "a table is as wide as the terminal at most and shows no control characters",
        arguments: [(nil, "a\\u001bb…"), (24, "…")] as [(Int?, String)])
    func table(width: Int?, says: String) {
        var table = Table("NAME", "VALUE")
        table.add("a\u{1b}b…", String(repeating: "x", count: 40))
        table.add("", "y")
        let text = table.text(width: width)
        #expect(text.contains(says))
        #expect(!text.contains("\u{1b}"))
        if let width { #expect(text.split(separator: "\n").allSatisfy { $0.count <= width }) }
        #expect(text.hasSuffix("y"))
    }
}
