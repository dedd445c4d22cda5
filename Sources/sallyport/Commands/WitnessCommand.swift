import ArgumentParser
import CoreTypes
import Foundation
import SallyportConfiguration
import Witness

struct WitnessCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "witness", abstract: "The log of what was let in and what was not.",
        subcommands: [
            WitnessTailCommand.self, WitnessQueryCommand.self, WitnessVerifyCommand.self, WitnessExportCommand.self,
            WitnessMeasureCommand.self,
        ])
}

/// Which log is meant: that of the configured edge, or a copy of one.
struct WitnessLogOption: ParsableArguments {
    @Option(
        name: .customLong("directory"),
        help: ArgumentHelp("A log's directory, such as a copy of one (default: that of the configuration)."),
        completion: .directory)
    var given: String?
    @OptionGroup var configuration: ConfigurationOption

    /// - Throws: when there is no such directory.
    func directory() throws -> String {
        let directory = try given ?? configuration.load().witnessDirectory
        guard FileManager.default.fileExists(atPath: directory) else { throw Self.noLog(in: directory) }
        return directory
    }

    static func noLog(in directory: String) -> CommandFailure {
        CommandFailure("there is no log in \(directory): it begins when the edge first starts")
    }
}

extension WitnessRecord {
    /// One line for people, in which nothing can move the cursor or begin another line.
    var text: String {
        var parts = [timestamp, severity, kind]
        if let source = sourceIP { parts.append("source=\(source)") }
        if let expert = expertID { parts.append("expert=\(expert)") }
        if let trace = traceID { parts.append("trace=\(trace)") }
        parts += details.map { "\($0.name)=\($0.value.plain)" }
        return parts.map { JSONText.escaped($0) }.joined(separator: " ")
    }
}
