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
        var settings = WitnessSettings(directory: state + "/witness", keyDirectory: state, source: "sallyport.test")
        // Its records are of another year.
        settings.rotateInterval = .seconds(36_500 * 86_400)
        return try WitnessLog(settings) { _ in }
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
        for command in ["verify", "tail", "query", "export"] {
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

    // MARK: Query and export

    private func writeCalls() throws {
        let log = try open()
        let start: Int64 = 1_762_898_400_123
        func call(_ number: Int, _ kind: SecurityEvent.Kind, _ more: [SecurityEvent.Detail] = []) {
            log.append(
                SecurityEvent(
                    kind, kind == .policyRejected ? .warning : .info, sourceIP: IPAddress("203.0.113.\(number)"),
                    expertID: "expert-\(number)@external.advisor", traceID: "trace-\(number)",
                    details: [.init("call_id", .string("call-\(number)"))] + more),
                at: start + Int64(number) * 3_600_000)
        }
        call(1, .policyRejected, [.init("reason", "hazard_not_covered")])
        call(
            2, .policyApproved,
            [.init("call", "k2"), .init("passage", .strings(["source_rate pass 6us", "guard pass 9us"]))])
        log.append(
            SecurityEvent(.callEnded, .info, details: [.init("call", "k2"), .init("result", "answered")]),
            at: start + 7_260_000)
        call(3, .policyRejected, [.init("reason", "\u{1b}[2J=|")])
        log.close()
    }

    @Test(
        "filters find what they ask for",
        arguments: [
            (["--type", "policy_rejected"], 2), (["--type", "POLICY_REJECTED", "--type", "CALL_ENDED"], 3),
            (["--severity", "warning"], 2), (["--source", "203.0.113.2"], 1), (["--source", "203.0.113.0/24"], 3),
            (["--expert", "expert-1"], 1), (["--trace", "trace-3"], 1), (["--call", "k2"], 2),
            (["--since", "2025-11-12T00:00:00.123Z"], 4), (["--until", "2025-11-11T23:00:00.123Z"], 1),
            (["--since", "2025-11-12T00:00:00Z", "--until", "2025-11-12T01:30:00+01:00"], 2), (["--limit", "2"], 2),
            (["--since", "1h"], 1), (["--type", "STARTED"], 0),
        ] as [([String], Int)])
    func query(filters: [String], count: Int) throws {
        try writeCalls()
        let outcome = try program.run(["witness", "query"] + filters)
        #expect(outcome.code == 0)
        #expect(outcome.output.split(separator: "\n").count == count, "\(outcome.output)")
        #expect(!outcome.output.contains("\u{1b}"))
        let json = try program.run(["witness", "query", "--json"] + filters)
        #expect(json.output.split(separator: "\n").allSatisfy { $0.hasPrefix("{\"timestamp\":") })
        #expect(json.output.split(separator: "\n").count == count)
    }

    @Test("a story has the records of a trace and of its calls, and each layer on a line")
    func story() throws {
        try writeCalls()
        let outcome = try program.run("witness", "query", "--story", "trace-2")
        let lines = outcome.output.split(separator: "\n").map(String.init)
        #expect(lines.count == 5)
        #expect(lines[0].hasPrefix("trace trace-2: 2 records, 2025-11-12T00:00:00.123Z to 2025-11-12T00:01:00.123Z"))
        #expect(lines[1].contains("POLICY_APPROVED source=203.0.113.2"))
        #expect(lines[2].hasSuffix("1 source_rate pass 6us"))
        #expect(lines[4].contains("+60.000 s") && lines[4].contains("CALL_ENDED call=k2 result=answered"))
        let nothing = try program.run("witness", "query", "--story", "\u{1b}x")
        #expect(nothing.code == 0 && nothing.output == "nothing is known of trace \\u001bx\n")
    }

    @Test(
        "what can't be asked is refused with what to write",
        arguments: [
            (["--since", "yesterday"], "--since 'yesterday' is no time"),
            (["--type", "LOGIN"], "--type 'LOGIN' is not known"),
            (["--severity", "bad"], "write debug, info"), (["--source", "10.0.0.1/8"], "did you mean 10.0.0.0/8"),
            (["--limit", "0"], "1 to 100000"), (["--story", "x", "--type", "STARTED"], "--story stands alone"),
            (["--since", "1h", "--until", "2h"], "--since is later than --until"),
            (["--since", "99999999999999999999h"], "is no time"),
        ] as [([String], String)])
    func badFilters(filters: [String], says: String) throws {
        let outcome = try program.run(["witness", "query"] + filters)
        #expect(outcome.code == 64)
        #expect(outcome.errors.contains(says), "\(outcome.errors)")
    }

    @Test("an exported log verifies elsewhere with nothing but the public key")
    func exportVerifies() throws {
        try writeCalls()
        let place = program.path("copy")
        try FileManager.default.createDirectory(atPath: place, withIntermediateDirectories: true)
        let copy = place + "/witness-000000000001.jsonl"
        let outcome = try program.run("witness", "export", "--out", copy)
        #expect(outcome.code == 0 && outcome.output.isEmpty)
        #expect(
            try String(contentsOfFile: copy, encoding: .utf8) == (try String(contentsOfFile: file, encoding: .utf8)))
        let checkpoint = program.path("kept.jsonl")
        try FileManager.default.copyItem(atPath: program.path("var/witness/last-checkpoint.jsonl"), toPath: checkpoint)
        let verify = try program.run(
            "witness", "verify", "--directory", place, "--key", "var/node.pub", "--checkpoint", checkpoint)
        #expect(verify.code == 0)
        #expect(verify.output.contains("kept checkpoints: 1, all as they are in the log"))
        let text = try String(contentsOfFile: copy, encoding: .utf8)
        try Data(text.split(separator: "\n").dropLast().map { $0 + "\n" }.joined().utf8).write(
            to: URL(fileURLWithPath: copy))
        let cut = try program.run(
            "witness", "verify", "--directory", place, "--key", "var/node.pub", "--checkpoint", checkpoint)
        #expect(cut.code == 1)
        #expect(cut.output.contains("truncated, record 5"))
        let again = try program.run("witness", "export", "--out", copy)
        #expect(again.code == 1 && again.errors.contains("name a file that is not there yet"))
    }

    @Test("CSV has a heading and CEF none, and filters apply", arguments: [("csv", 3), ("cef", 2), ("jsonl", 2)])
    func export(format: String, lines: Int) throws {
        try writeCalls()
        let outcome = try program.run("witness", "export", "--format", format, "--type", "POLICY_REJECTED")
        #expect(outcome.code == 0)
        #expect(outcome.output.split(separator: "\n").count == lines)
        #expect(!outcome.output.contains("\u{1b}"))
    }

    @Test("a damaged line is left out and told, and does not hide what comes behind it")
    func damaged() throws {
        try writeCalls()
        let text = try String(contentsOfFile: file, encoding: .utf8)
        try Data(("not a record\n" + text).utf8).write(to: URL(fileURLWithPath: file))
        let outcome = try program.run("witness", "query", "--type", "POLICY_REJECTED")
        #expect(outcome.code == 0)
        #expect(outcome.output.split(separator: "\n").count == 2)
        #expect(outcome.errors.contains("witness-000000000001.jsonl:1: no record"))
        #expect(outcome.errors.contains("1 lines could not be read"))
    }

    @Test("measuring leaves nothing behind")
    func measure() throws {
        let outcome = try program.run("witness", "measure", "--directory", program.directory, "--records", "1000")
        #expect(outcome.code == 0, "\(outcome.errors)")
        for durability in ["sync", "group", "async"] { #expect(outcome.output.contains(durability)) }
        #expect(try FileManager.default.contentsOfDirectory(atPath: program.directory) == ["sallyport.yaml"])
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
