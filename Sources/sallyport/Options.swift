import ArgumentParser
import SallyportConfiguration
import Foundation

/// `--config`, for every command that needs to know the edge.
struct ConfigurationOption: ParsableArguments {
    static let defaultPaths = ["sallyport.yaml", "/etc/sallyport/sallyport.yaml"]

    @Option(
        name: .customLong("config"),
        help: ArgumentHelp(
            "The configuration file (default: ./sallyport.yaml, then /etc/sallyport/sallyport.yaml).",
            valueName: "file"),
        completion: .file(extensions: ["yaml", "yml"]))
    var path: String?

    /// The file that is meant; nil when none was named and there is none in the usual places.
    var found: String? {
        path ?? Self.defaultPaths.first { FileManager.default.fileExists(atPath: $0) }
    }

    /// Reads and checks the file as a whole.
    func load() throws -> Configuration {
        guard let found else {
            throw CommandFailure(
                "no configuration: neither ./sallyport.yaml nor /etc/sallyport/sallyport.yaml is there; name one with "
                    + "--config")
        }
        return try Configuration.load(path: found)
    }
}

/// `--json`.
struct OutputOption: ParsableArguments {
    @Flag(name: .customLong("json"), help: "Print JSON, for programs.")
    var isJSON = false

    /// Prints what a command has found, for people or for programs.
    /// - Parameter text: lines for people, without a line feed at the end.
    func show(_ value: some Encodable, text: @autoclosure () -> String) throws {
        guard isJSON else { return Terminal.print(text()) }
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        encoder.keyEncodingStrategy = .convertToSnakeCase
        Terminal.print(String(decoding: try encoder.encode(value), as: UTF8.self))
    }
}

/// `--password-stdin`, and the refusal of `--password`.
struct PasswordOption: ParsableArguments {
    @Flag(name: .customLong("password-stdin"), help: "Read the password from the first line of standard input.")
    var isFromInput = false

    @Option(name: .customLong("password"), help: .hidden)
    var refused: String?

    func validate() throws {
        if refused != nil {
            throw ValidationError(
                "A password on the command line can be read by everybody on this machine: use --password-stdin.")
        }
        guard isFromInput else {
            throw ValidationError("Say --password-stdin and give the password on standard input.")
        }
    }

    /// Reads the line; on a terminal it asks, and does not show what is typed.
    func read() throws -> String {
        guard let line = Terminal.readSecret(prompt: "Password: "), !line.isEmpty else {
            throw CommandFailure("no password came on standard input")
        }
        return line
    }
}

/// A command could not do what it was asked to; ends it with exit code 1.
struct CommandFailure: Error, CustomStringConvertible {
    let description: String

    init(_ description: String) {
        self.description = description
    }
}
