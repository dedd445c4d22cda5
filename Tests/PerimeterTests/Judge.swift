import Foundation

/// Programs that judge reports. Where one is missing, its test is skipped and says so.
enum Judge {
    private static let repository = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
        .deletingLastPathComponent().deletingLastPathComponent().path

    /// Validates against the schema of the OASIS committee.
    static let sarifKit = "\(repository)/.build/venv/bin/sarif-kit"

    static let terraform = (ProcessInfo.processInfo.environment["PATH"] ?? "").split(separator: ":")
        .map { "\($0)/terraform" }.first(where: isThere)

    static func isThere(_ program: String) -> Bool { FileManager.default.isExecutableFile(atPath: program) }

    /// What a program says about a text that it reads from its standard input. What it complains of is not kept.
    static func run(_ program: String, _ arguments: [String], input: String) throws -> (status: Int32, output: String) {
        let process = Process()
        let (stdin, output) = (Pipe(), Pipe())
        process.environment = ProcessInfo.processInfo.environment.merging(["CHECKPOINT_DISABLE": "1"]) { $1 }
        process.executableURL = URL(fileURLWithPath: program)
        process.arguments = arguments
        process.standardInput = stdin
        process.standardOutput = output
        process.standardError = FileHandle.nullDevice
        try process.run()
        try stdin.fileHandleForWriting.write(contentsOf: Data(input.utf8))
        try stdin.fileHandleForWriting.close()
        let said = try output.fileHandleForReading.readToEnd() ?? Data()
        process.waitUntilExit()
        return (process.terminationStatus, String(decoding: said, as: UTF8.self))
    }
}
