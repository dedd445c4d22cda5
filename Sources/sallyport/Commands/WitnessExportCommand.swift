import ArgumentParser
import CoreTypes
import Foundation
import Witness

struct WitnessExportCommand: ParsableCommand {
    enum Format: String, ExpressibleByArgument, CaseIterable {
        case jsonl
        case csv
        case cef
    }

    static let configuration = CommandConfiguration(
        commandName: "export", abstract: "Write records out for other programs.",
        discussion: """
            jsonl keeps each line byte for byte: without filters the whole log stays one chain, which verifies again in a \
            directory of its own under the name of its first record, such as witness-000000000001.jsonl.
            """)

    @OptionGroup var filters: WitnessFilterOption
    @Option(help: "jsonl (as in the log), csv (RFC 4180, with a heading) or cef.") var format = Format.jsonl
    @Option(
        help: ArgumentHelp(
            "Write to this file, which must not be there yet, instead of standard output.", valueName: "file"),
        completion: .file())
    var out: String?
    @OptionGroup var log: WitnessLogOption

    func run() throws {
        let directory = try log.directory()
        var query = try WitnessQuery(directory: directory, try filters.filter(now: SystemClock.now().wall))
        let output = try open()
        let progress = try Progress(through: directory)
        var count = 0
        var buffer = format == .csv ? RecordTable.heading + "\n" : ""
        do {
            while let record = try query.next() {
                buffer += text(record) + "\n"
                count += 1
                if buffer.utf8.count > 1 << 16 {
                    progress.show(record.sequence)
                    try output.write(contentsOf: Data(buffer.utf8))
                    buffer = ""
                }
            }
            try output.write(contentsOf: Data(buffer.utf8))
            progress.end()
            if let out {
                try output.synchronize()
                try output.close()
                Terminal.warn("\(count) records written to \(out)")
            }
        } catch let error as WitnessError {
            throw error
        } catch {
            throw CommandFailure("\(out ?? "standard output") can't be written: \(error.localizedDescription)")
        }
        WitnessQueryCommand.warn(of: query)
    }

    private func text(_ record: WitnessRecord) -> String {
        switch format {
        case .jsonl: record.line
        case .csv: RecordTable.row(record)
        case .cef: CommonEventFormat.text(record)
        }
    }

    private func open() throws -> FileHandle {
        guard let out else { return .standardOutput }
        let descriptor = Foundation.open(out, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o640)
        guard descriptor >= 0 else {
            let reason = String(cString: strerror(errno))
            throw CommandFailure("\(out) can't be made: \(reason); name a file that is not there yet")
        }
        return FileHandle(fileDescriptor: descriptor, closeOnDealloc: true)
    }
}
