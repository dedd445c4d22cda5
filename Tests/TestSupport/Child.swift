import Foundation
public import Glibc
import Synchronization

// glibc's, since 2.29 and 2.34; its headers show them to C with _GNU_SOURCE only.
@_silgen_name("posix_spawn_file_actions_addchdir_np")
private func addChangeOfDirectory(
    _ actions: UnsafeMutablePointer<posix_spawn_file_actions_t>, _ path: UnsafePointer<CChar>
) -> Int32
@_silgen_name("posix_spawn_file_actions_addclosefrom_np")
func addClosingFrom(_ actions: UnsafeMutablePointer<posix_spawn_file_actions_t>, _ descriptor: Int32) -> Int32

/// A process that was started from here, by `posix_spawn`.
///
/// Foundation's `Process` isn't used: it learns of a child's end by a socket that its run loop watches by number, and
/// where numbers are reused as fast as these tests do, now and then it never learns.
public final class Child: Sendable {
    public let id: pid_t
    private let code = Mutex<Int32?>(nil)
    private let hasEnded = DispatchSemaphore(value: 0)

    /// - Parameters:
    ///   - input: descriptors that become the child's standard ones; nothing else of this process is handed on.
    ///   - environment: added to that of the tests.
    public init(
        _ executable: String, _ arguments: [String], in directory: String, environment: [String: String] = [:],
        input: Int32, output: Int32, errors: Int32
    ) throws {
        let whole = ProcessInfo.processInfo.environment.merging(environment) { $1 }
        let words = ([executable] + arguments).map { strdup($0) } + [nil]
        let settings = whole.map { strdup("\($0.key)=\($0.value)") } + [nil]
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer {
            posix_spawn_file_actions_destroy(&actions)
            for word in words + settings { free(word) }
        }
        _ = addChangeOfDirectory(&actions, directory)
        for (descriptor, standard) in [(input, 0), (output, 1), (errors, 2)] as [(Int32, Int32)] {
            posix_spawn_file_actions_adddup2(&actions, descriptor, standard)
        }
        _ = addClosingFrom(&actions, 3)
        // The threads that tests run on block most signals, and a child that inherits that can't be stopped by SIGTERM.
        var attributes = posix_spawnattr_t()
        posix_spawnattr_init(&attributes)
        defer { posix_spawnattr_destroy(&attributes) }
        var noSignals = sigset_t()
        sigemptyset(&noSignals)
        posix_spawnattr_setsigmask(&attributes, &noSignals)
        posix_spawnattr_setflags(&attributes, Int16(POSIX_SPAWN_SETSIGMASK))
        var started: pid_t = 0
        let failure = posix_spawn(&started, executable, &actions, &attributes, words, settings)
        guard failure == 0 else {
            throw Failure("\(executable) can't be started: \(String(cString: strerror(failure)))")
        }
        let id = started
        self.id = id
        Watchdog.common?.began(id)
        Thread.detachNewThread { [self] in
            var status: Int32 = 0
            while waitpid(id, &status, 0) < 0, errno == EINTR {}
            let signal = status & 0x7f
            Watchdog.common?.ended(id)
            code.withLock { $0 = signal == 0 ? (status >> 8) & 0xff : signal }
            hasEnded.signal()
        }
    }

    /// The exit code, or the number of the signal that ended it; nil while it runs.
    public var exitCode: Int32? { code.withLock { $0 } }

    public func send(_ signal: Int32) {
        // Under the lock: once it has ended, its number may be somebody else's.
        code.withLock { if $0 == nil { kill(id, signal) } }
    }

    /// Waits with this thread.
    @discardableResult
    public func wait() -> Int32 {
        hasEnded.wait()
        hasEnded.signal()
        return exitCode ?? -1
    }
}

/// What a program said and how it ended.
public struct Outcome: Sendable {
    public let code: Int32
    public let output: String
    public let errors: String

    /// The output as JSON; nil when it is none.
    public var json: Any? { try? JSONSerialization.jsonObject(with: Data(output.utf8)) }
}

extension Child {
    /// Runs a program to its end.
    /// - Parameter input: what it reads; it must be short enough for a pipe to hold.
    public static func run(
        _ executable: String, _ arguments: [String], in directory: String, environment: [String: String] = [:],
        input: String = ""
    ) throws -> Outcome {
        let (stdin, stdout, stderr) = (Pipe(), Pipe(), Pipe())
        let child = try Child(
            executable, arguments, in: directory, environment: environment,
            input: stdin.fileHandleForReading.fileDescriptor,
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
