import ArgumentParser
import Foundation
import Witness

struct WitnessVerifyCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "verify",
        abstract: "Check the whole log for records edited, removed, inserted, reordered or cut off.",
        discussion: """
            Exits with 1 and names the first such record when there is one. What was cut off behind the last checkpoint, or \
            together with last-checkpoint.jsonl, shows only against a checkpoint kept elsewhere: give it with --checkpoint.
            """)

    @Option(
        help: "The node's public key, kept where the node can't change it (default: node.pub of the state directory).",
        completion: .file())
    var key: String?
    @Option(
        help: ArgumentHelp(
            "Checkpoints kept elsewhere: a copy of last-checkpoint.jsonl, or lines of any CHECKPOINT.",
            valueName: "file"),
        completion: .file())
    var checkpoint: String?
    @OptionGroup var log: WitnessLogOption
    @OptionGroup var output: OutputOption

    func run() throws {
        let directory = try log.directory()
        let keys = try WitnessPublicKey.load(
            fromFile: try key ?? log.configuration.load().witnessSettings.keyDirectory + "/node.pub")
        let kept = try checkpoint.map { try KeptCheckpoints(file: $0, keys: keys) } ?? KeptCheckpoints()
        let progress = try Progress(through: directory)
        let report = try WitnessVerifier(directory: directory, keys: keys, kept: kept).verify(progress.show)
        progress.end()
        guard report.files > 0 || report.defect != nil else { throw WitnessLogOption.noLog(in: directory) }
        try output.show(Output(report), text: text(report, directory, kept: kept.count))
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
        let retiredThroughSeq: Int?
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
            retiredThroughSeq = report.retiredThrough
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

    private func text(_ report: WitnessVerifier.Report, _ directory: String, kept: Int) -> String {
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
            if let retired = report.retiredThrough {
                lines.append("removed by retention, as a signed record says: records 1 to \(retired)")
            }
            if kept > 0 { lines.append("kept checkpoints: \(kept), all as they are in the log") }
            if let head = report.head { lines.append("head: \(head)") }
        }
        lines += report.tornFiles.map { "set aside after a crash: \($0)" }
        lines += report.notes.map { "note: \($0)" }
        return lines.joined(separator: "\n")
    }
}
