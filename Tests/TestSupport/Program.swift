import Foundation

/// The built program, run in a directory of its own.
public final class Program: Sendable {
    public let directory: String

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

    /// A program of the release build, which `make test` makes before it runs the tests; nil where there is none.
    public static func released(_ name: String) -> String? {
        let path = URL(fileURLWithPath: beside).deletingLastPathComponent().deletingLastPathComponent()
            .appendingPathComponent("release/\(name)").path
        return FileManager.default.isExecutableFile(atPath: path) ? path : nil
    }

    private static var beside: String {
        URL(fileURLWithPath: CommandLine.arguments[0]).deletingLastPathComponent().appendingPathComponent("sallyport")
            .path
    }

    /// Runs a command to its end.
    public func run(_ arguments: String..., input: String = "") throws -> Outcome {
        try run(arguments, input: input)
    }

    /// Runs a command to its end.
    public func run(_ arguments: [String], input: String = "") throws -> Outcome {
        try Child.run(Self.executable, arguments, in: directory, input: input)
    }
}
