import ArgumentParser
import CoreTypes
import Foundation
import Perimeter
import Registry
import Synchronization
import Witness

extension PerimeterCommand {
    struct Apply: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Carry out a plan: what lets in first, then a look, then what shuts out.",
            discussion: """
                Without a plan, one is made and shown. A plan is refused when what is there has changed since it was made, or \
                when it would close an admin port to an address of 'never_cut_off'. What was done is written to a rollback \
                file after each step. On a host, rules that are not confirmed in time are undone: see --confirm-within. Exits with \
                1 when not everything could be done, or it was undone.
                """)

        @Argument(help: "A plan, from 'plan --out'.", completion: .file()) var plan: String?
        @OptionGroup var work: PerimeterWorkOption
        @Option(
            name: .customLong("rollback"),
            help: ArgumentHelp("Undo what this rollback file says was done.", valueName: "file"), completion: .file())
        var undone: String?

        func validate() throws {
            if plan != nil, undone != nil { throw ValidationError("Either a plan or --rollback, not both.") }
        }

        func run() async throws {
            let declared = try work.perimeter.load()
            let wanted = try wanted()
            try await declared.withBackend { backend in
                let observed = try await backend.observe(declared)
                try await work.carryOut(wanted(declared, observed), declared, observed, on: backend)
            }
        }

        /// What is to be done, once it is known what is there. Files are read before anything is asked.
        private func wanted() throws -> (Declaration, Observation) -> Perimeter.Plan {
            if let plan {
                let read = try Perimeter.Plan(json: try readWhole(plan))
                return { _, _ in read }
            }
            guard let undone else { return { .make($0, $1, today: .today) } }
            let rollback = try Rollback(json: try readWhole(undone))
            return { .rollback(of: rollback.changes, $0, $1) }
        }
    }
}

/// How changes are carried out, for the commands that do.
struct PerimeterWorkOption: ParsableArguments {
    @OptionGroup var perimeter: PerimeterOption
    @Flag(help: "Don't ask.") var yes = false
    @Flag(name: .customLong("dry-run"), help: "Show what would be done, and do nothing.") var isDryRun = false
    @Option(
        name: .customLong("rollback-out"),
        help: ArgumentHelp(
            "Where to write what was done (default: perimeter-rollback-TIME.json beside the perimeter file).",
            valueName: "file"), completion: .file())
    var rollbackPath: String?
    @OptionGroup var trial: TrialOption
    @OptionGroup var edge: ConfigurationOption
    @Flag(name: .customLong("json"), help: "Print JSON, for programs.") var isJSON = false

    private struct Output: Encodable {
        let carriedOut: [Change]
        let failed: [Failure]
        let skipped: [Change]
        let reasons: [String]
        let rollback: String?

        struct Failure: Encodable {
            let change: Change
            let reason: String
        }

        private enum CodingKeys: String, CodingKey {
            case carriedOut = "carried_out"
            case failed, skipped, reasons, rollback
        }
    }

    /// Shows a plan, asks, carries it out, and says what came of it.
    /// - Throws: `ExitCode` 1 when it is refused or not everything was done, 2 when it is only shown and not empty.
    func carryOut(
        _ plan: Plan, _ declared: Declaration, _ observed: Observation, on backend: any PerimeterBackend
    ) async throws {
        var plan = plan
        plan.refusals = plan.refusals(declared, observed)
        if !isJSON || isDryRun { Terminal.write(isJSON ? try plan.json() : plan.text) }
        PerimeterNotes.warn(plan, declared, observed)
        guard plan.refusals.isEmpty else {
            if isJSON, !isDryRun { Terminal.write(try plan.json()) }
            throw ExitCode(1)
        }
        guard !plan.isEmpty else {
            if isJSON, !isDryRun { try show(Execution(), rollback: nil) }
            return
        }
        if isDryRun { throw ExitCode(2) }
        guard yes || Terminal.agrees("Carry out these \(plan.changes.count) changes?") else {
            throw CommandFailure("nothing was changed")
        }
        let journal = PerimeterJournal(work: self, declared)
        let trial = try await PerimeterTrial(self, on: backend)
        let execution: Execution
        do {
            execution = try await Execution.run(plan, declared, on: backend, journal.listener)
        } catch {
            try trial?.undo()
            throw error
        }
        if execution.isComplete { try await trial?.settle(journal) } else { try trial?.undo() }
        try show(execution, rollback: journal.path)
        if !execution.isComplete { throw ExitCode(1) }
    }

    private func show(_ execution: Execution, rollback: String?) throws {
        guard !isJSON else {
            let encoder = JSONEncoder()
            encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
            let output = Output(
                carriedOut: execution.carriedOut,
                failed: execution.failures.map { .init(change: $0.change, reason: $0.reason) },
                skipped: execution.skipped, reasons: execution.reasons, rollback: rollback)
            return Terminal.print(String(decoding: try encoder.encode(output), as: UTF8.self))
        }
        for failure in execution.failures { Terminal.warn("failed: \(failure.change.summary): \(failure.reason)") }
        for reason in execution.reasons { Terminal.warn("skipped \(execution.skipped.count): \(reason)") }
        Terminal.print("\(execution.carriedOut.count) done" + (rollback.map { "; the way back is in \($0)" } ?? ""))
    }
}

/// Keeps what was done: for the way back, and for the record.
final class PerimeterJournal: Sendable {
    let path: String
    private let file: String
    private let madeAt: String
    private let isQuiet: Bool
    /// Nil: there is no edge here whose witness could be told.
    private let registry: RegistryStore?
    private let kept = Mutex((done: [Change](), uncertain: [Change]()))

    init(work: PerimeterWorkOption, _ declared: Declaration) {
        file = work.perimeter.path
        isQuiet = work.isJSON
        let now = CivilTime(millisecondsSince1970: SystemClock.now().wall).rfc3339
        madeAt = now
        let digits = now.filter { $0.isNumber || $0 == "T" }.prefix(15)
        // Beside the file, named as it is: relative to where the command runs, or not.
        let folder = file.prefix(through: file.lastIndex(of: "/") ?? file.startIndex)
        path = work.rollbackPath ?? Self.unusedPath("\(file.contains("/") ? folder : "")perimeter-rollback-\(digits)")
        do {
            registry = work.edge.found == nil ? nil : try work.edge.openRegistry()
            if registry == nil {
                Terminal.warn("not recorded in a witness: there is no sallyport.yaml here; name it with --config")
            }
        } catch {
            registry = nil
            Terminal.warn("not recorded in the witness: \(error)")
        }
    }

    /// The way back of another run in the same second is not written over.
    private static func unusedPath(_ stem: String) -> String {
        let names = [stem] + (2...99).map { "\(stem)-\($0)" }
        return (names.first { !FileManager.default.fileExists(atPath: $0 + ".json") } ?? stem) + ".json"
    }

    var listener: Execution.Listener {
        Execution.Listener(
            willCarryOut: { [self] change in if !isQuiet { Terminal.print("  \(change.summary)") } },
            didCarryOut: { [self] step, done in
                kept.withLock { $0.done = done }
                try write()
                step.forEach(note)
            },
            didFail: { [self] step in
                kept.withLock { $0.uncertain += step }
                try write()
            })
    }

    /// What was done is undone: there is nothing to roll back.
    func noteUndoing() {
        do {
            try FileManager.default.removeItem(atPath: path)
            try registry?.noteChange("perimeter-undo", of: file, before: nil, after: ["reason": "not confirmed"])
        } catch {
            Terminal.warn("the undoing is not recorded, or \(path) could not be deleted: \(error)")
        }
    }

    private func write() throws {
        let (done, uncertain) = kept.withLock { $0 }
        let rollback = Rollback(carriedOut: done, uncertain: uncertain, madeAt: madeAt, file: file)
        try writeWhole(try rollback.json(), to: path)
    }

    private func note(_ change: Change) {
        let facts = ["change": change.summary, "file": file]
        do {
            try registry?.noteChange(
                "perimeter-\(change.action.rawValue)", of: change.subject,
                before: change.takesAway ? facts : nil, after: change.takesAway ? nil : facts)
        } catch {
            Terminal.warn("not recorded in the witness: \(change.summary): \(error)")
        }
    }
}
