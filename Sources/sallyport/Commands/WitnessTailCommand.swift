import ArgumentParser
import Witness

struct WitnessTailCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(commandName: "tail", abstract: "Show the last records.")

    @Flag(help: "Go on with each record that is added, until interrupted.") var follow = false
    @Option(help: "How many records to show first.") var lines = 10
    @OptionGroup var log: WitnessLogOption
    @OptionGroup var output: OutputOption

    func validate() throws {
        if lines < 0 { throw ValidationError("--lines is a number from 0.") }
    }

    func run() async throws {
        var reader = WitnessReader(directory: try log.directory())
        show(try reader.tail(lines))
        while follow {
            try await Task.sleep(for: .milliseconds(100))
            show(try reader.poll())
        }
    }

    /// With `--json` the lines as they stand in the log, which can be verified.
    private func show(_ records: [WitnessRecord]) {
        guard !records.isEmpty else { return }
        Terminal.print(records.map { output.isJSON ? $0.line : $0.text }.joined(separator: "\n"))
    }
}
