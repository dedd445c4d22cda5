public import Foundation

/// The built program, run in a directory of its own.
public final class Program: Sendable {
    public let directory: String

    public struct Outcome: Sendable {
        public let code: Int32
        public let output: String
        public let errors: String

        /// The output as JSON; nil when it is none.
        public var json: Any? { try? JSONSerialization.jsonObject(with: Data(output.utf8)) }
    }

    /// - Parameter configuration: the text of `sallyport.yaml`.
    public init(configuration: String = "node: test\ndomains: [external.advisor]\n") throws {
        let url = FileManager.default.temporaryDirectory.appendingPathComponent("sallyport-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: url, withIntermediateDirectories: true)
        directory = url.path
        try write("sallyport.yaml", configuration)
    }

    deinit {
        try? FileManager.default.removeItem(atPath: directory)
    }

    /// - Parameter name: within the directory.
    public func path(_ name: String) -> String { directory + "/" + name }

    public func write(_ name: String, _ text: String) throws {
        try Data(text.utf8).write(to: URL(fileURLWithPath: path(name)))
    }

    /// Whether the tests were told which program to run.
    public static var isGiven: Bool { ProcessInfo.processInfo.environment["SALLYPORT_PROGRAM"] != nil }

    /// The program beside the test bundle, or `SALLYPORT_PROGRAM`.
    public static var executable: String {
        if let given = ProcessInfo.processInfo.environment["SALLYPORT_PROGRAM"] {
            return URL(fileURLWithPath: given).standardizedFileURL.path
        }
        return beside
    }

    private static var beside: String {
        URL(fileURLWithPath: CommandLine.arguments[0]).deletingLastPathComponent().appendingPathComponent("sallyport")
            .path
    }

    /// A process that is ready to run.
    public func process(_ arguments: [String]) -> Process {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: Self.executable)
        process.arguments = arguments
        process.currentDirectoryURL = URL(fileURLWithPath: directory)
        return process
    }

    /// Runs a command to its end.
    public func run(_ arguments: String..., input: String = "") throws -> Outcome {
        try run(arguments, input: input)
    }

    /// Runs a command to its end.
    public func run(_ arguments: [String], input: String = "") throws -> Outcome {
        let (stdin, stdout, stderr) = (Pipe(), Pipe(), Pipe())
        let child = try Child(
            Self.executable, arguments, in: directory, input: stdin.fileHandleForReading.fileDescriptor,
            output: stdout.fileHandleForWriting.fileDescriptor, errors: stderr.fileHandleForWriting.fileDescriptor)
        try stdin.fileHandleForReading.close()
        try stdout.fileHandleForWriting.close()
        try stderr.fileHandleForWriting.close()
        stdin.fileHandleForWriting.write(Data(input.utf8))
        try stdin.fileHandleForWriting.close()
        let output = stdout.fileHandleForReading.readDataToEndOfFile()
        let errors = stderr.fileHandleForReading.readDataToEndOfFile()
        return Outcome(
            code: child.wait(), output: String(decoding: output, as: UTF8.self),
            errors: String(decoding: errors, as: UTF8.self))
    }
}
