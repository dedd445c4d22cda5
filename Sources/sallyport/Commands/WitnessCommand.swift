import ArgumentParser
import SallyportConfiguration
import CoreTypes
import Foundation
import Witness

struct WitnessCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "witness", abstract: "The log of what was let in and what was not.",
        subcommands: [Tail.self, Verify.self])

    struct Tail: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Show the last records.")

        @Flag(help: "Go on with each record that is added, until interrupted.") var follow = false
        @Option(help: "How many records to show first.") var lines = 10
        @OptionGroup var configuration: ConfigurationOption
        @OptionGroup var output: OutputOption

        func validate() throws {
            if lines < 0 { throw ValidationError("--lines is a number from 0.") }
        }

        func run() async throws {
            let directory = try configuration.load().witnessDirectory
            guard FileManager.default.fileExists(atPath: directory) else { throw WitnessCommand.noLog(in: directory) }
            var reader = WitnessReader(directory: directory)
            show(try reader.tail(lines))
            while follow {
                try await Task.sleep(for: .milliseconds(100))
                show(try reader.poll())
            }
        }

        /// With `--json` the lines as they stand in the log, which can be verified.
        private func show(_ records: [WitnessRecord]) {
            guard !records.isEmpty else { return }
            Terminal.print(records.map { output.isJSON ? $0.line : Self.text($0) }.joined(separator: "\n"))
        }

        private static func text(_ record: WitnessRecord) -> String {
            var parts = [record.timestamp, record.severity, record.kind]
            if let source = record.sourceIP { parts.append("source=\(source)") }
            if let expert = record.expertID { parts.append("expert=\(expert)") }
            if let trace = record.traceID { parts.append("trace=\(trace)") }
            for detail in record.details {
                let value =
                    switch detail.value {
                    case .string(let text): text
                    case .integer(let number): String(number)
                    case .number(let number): String(number)
                    case .boolean(let flag): String(flag)
                    case .strings(let texts): texts.joined(separator: ",")
                    }
                parts.append("\(detail.name)=\(value)")
            }
            return parts.map { JSONText.escaped($0) }.joined(separator: " ")
        }
    }

    struct Verify: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Check the whole log for records edited, removed, inserted, reordered or cut off.",
            discussion: "Exits with 1 and names the first such record when there is one.")

        @Option(
            help:
                "The node's public key, kept where the node can't change it (default: node.pub of the state directory).",
            completion: .file())
        var key: String?
        @OptionGroup var configuration: ConfigurationOption
        @OptionGroup var output: OutputOption

        func run() throws {
            let settings = try configuration.load().witnessSettings
            guard FileManager.default.fileExists(atPath: settings.directory) else {
                throw WitnessCommand.noLog(in: settings.directory)
            }
            let keys = try WitnessPublicKey.load(fromFile: key ?? settings.keyDirectory + "/node.pub")
            let report = try WitnessVerifier(directory: settings.directory, keys: keys).verify()
            guard report.files > 0 || report.defect != nil else { throw WitnessCommand.noLog(in: settings.directory) }
            try output.show(Output(report), text: Self.text(report, settings.directory))
            if report.defect != nil { throw ExitCode(1) }
        }

        private struct Output: Encodable {
            struct Defect: Encodable {
                let kind: String
                let file: String
                let line: Int
                let seq: Int
                let explanation: String
            }

            let ok: Bool
            let files: Int
            let records: Int
            let checkpoints: Int
            let unsigned: Int
            let firstSeq: Int?
            let lastSeq: Int?
            let head: String?
            let tornFiles: [String]
            let notes: [String]
            let defect: Defect?

            init(_ report: WitnessVerifier.Report) {
                ok = report.defect == nil
                files = report.files
                records = report.records
                checkpoints = report.checkpoints
                unsigned = report.unsigned
                firstSeq = report.firstSequence
                lastSeq = report.lastSequence
                head = report.head
                tornFiles = report.tornFiles
                notes = report.notes
                defect = report.defect.map {
                    Defect(
                        kind: $0.kind.rawValue, file: $0.file, line: $0.line, seq: $0.sequence,
                        explanation: $0.explanation)
                }
            }
        }

        private static func text(_ report: WitnessVerifier.Report, _ directory: String) -> String {
            var lines: [String] = []
            let range = "\(report.firstSequence ?? 0) to \(report.lastSequence ?? 0)"
            let totals =
                "\(report.records) records (\(range)) in \(report.files) files, \(report.checkpoints) checkpoints"
            if let defect = report.defect {
                lines.append("NOT INTACT: \(directory)/\(JSONText.escaped(defect.description))")
                lines.append("intact before it: \(totals)")
            } else {
                lines.append("intact: \(totals)")
                lines.append("signed: \(report.records - report.unsigned) records; not yet: \(report.unsigned)")
                if let head = report.head { lines.append("head: \(head)") }
            }
            lines += report.tornFiles.map { "set aside after a crash: \($0)" }
            lines += report.notes.map { "note: \($0)" }
            return lines.joined(separator: "\n")
        }
    }

    private static func noLog(in directory: String) -> CommandFailure {
        CommandFailure("there is no log in \(directory): it begins when the edge first starts")
    }
}
