import Foundation

/// A program that runs beside a test: its output goes to a file, it is awaited with a deadline, and it never outlives
/// the test.
public final class ChildProcess: Sendable {
    public let name: String
    private let child: Child
    private let log: String

    /// Starts a program.
    /// - Parameters:
    ///   - directory: its working directory; its output goes to `NAME.log` there, behind what is there already.
    ///   - environment: added to that of the tests.
    public init(
        _ name: String, _ executable: String, _ arguments: [String], in directory: String,
        environment: [String: String] = [:]
    ) throws {
        self.name = name
        log = directory + "/\(name).log"
        if !FileManager.default.fileExists(atPath: log) {
            _ = FileManager.default.createFile(atPath: log, contents: nil)
        }
        let output = try FileHandle(forWritingTo: URL(fileURLWithPath: log))
        defer { try? output.close() }
        try output.seekToEnd()
        child = try Child(
            executable, arguments, in: directory, environment: environment,
            input: FileHandle.nullDevice.fileDescriptor, output: output.fileDescriptor, errors: output.fileDescriptor)
    }

    deinit {
        send(SIGKILL)
    }

    public var id: Int32 { child.id }
    public var isRunning: Bool { child.exitCode == nil }

    /// What it has written so far, to standard output and standard error, and what its forerunners of that name have.
    public var output: String {
        (try? Data(contentsOf: URL(fileURLWithPath: log))).map { String(decoding: $0, as: UTF8.self) } ?? ""
    }

    /// Sends a signal, when it still runs.
    public func send(_ signal: Int32) {
        child.send(signal)
    }

    /// `kill -9`, and waits until it is gone.
    public func kill() async throws {
        send(SIGKILL)
        try await ends()
    }

    /// Waits until its output has a text.
    /// - Parameter count: how often the text has to be there.
    public func prints(_ text: String, count: Int = 1, within limit: Duration = .seconds(20)) async throws {
        do {
            try await eventually("\(name) prints '\(text)'", within: limit) {
                let seen = output.components(separatedBy: text).count > count
                if !seen, let code = child.exitCode { throw Failure("\(name) has ended with \(code)") }
                return seen
            }
        } catch {
            throw Failure("\(error); it printed:\n\(output.suffix(4000))")
        }
    }

    /// Waits until it has ended.
    /// - Returns: its exit code, or the number of the signal that ended it.
    @discardableResult
    public func ends(within limit: Duration = .seconds(20)) async throws -> Int32 {
        do {
            try await eventually("\(name) ends", within: limit) { !isRunning }
        } catch {
            throw Failure("\(error); it printed:\n\(output.suffix(4000))")
        }
        return child.exitCode ?? -1
    }

    /// Memory that it has in RAM.
    public func residentKiB() throws -> Int {
        let status = try String(contentsOfFile: "/proc/\(id)/status", encoding: .utf8)
        guard let line = status.split(separator: "\n").first(where: { $0.hasPrefix("VmRSS:") }),
            let size = line.split(whereSeparator: \.isWhitespace).dropFirst().first.flatMap({ Int($0) })
        else { throw Failure("/proc/\(id)/status tells no VmRSS") }
        return size
    }
}
