import Dispatch
import Foundation
import Glibc

/// A program that was started. Foundation's `Process` takes a child that closes all files it inherits, as Kamailio does, for
/// one that has ended.
final class Child {
    let id: Int32
    private var status: Int32?

    init(
        _ arguments: [String], environment: [String: String] = [:], input: Int32? = nil,
        output: Int32, errors: Int32
    ) throws {
        guard let program = arguments.first else { throw Failure("nothing to start") }
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        if let input {
            posix_spawn_file_actions_adddup2(&actions, input, 0)
        } else {
            posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0)
        }
        posix_spawn_file_actions_adddup2(&actions, output, 1)
        posix_spawn_file_actions_adddup2(&actions, errors, 2)
        var attributes = posix_spawnattr_t()
        posix_spawnattr_init(&attributes)
        defer { posix_spawnattr_destroy(&attributes) }
        var signals = sigset_t()
        sigemptyset(&signals)
        posix_spawnattr_setsigmask(&attributes, &signals)
        for signal in [SIGINT, SIGTERM, SIGPIPE] { sigaddset(&signals, signal) }
        posix_spawnattr_setsigdefault(&attributes, &signals)
        posix_spawnattr_setflags(&attributes, Int16(POSIX_SPAWN_SETSIGDEF) | Int16(POSIX_SPAWN_SETSIGMASK))
        let variables = ProcessInfo.processInfo.environment.merging(environment) { _, new in new }
        var words = arguments.map { strdup($0) } + [nil]
        var settings = variables.map { strdup("\($0.key)=\($0.value)") } + [nil]
        defer { for text in words + settings { free(text) } }
        var process: pid_t = 0
        let result = posix_spawnp(&process, program, &actions, &attributes, &words, &settings)
        guard result == 0 else { throw Failure("can't start \(program): \(String(cString: strerror(result)))") }
        id = process
        Children.all.add(process)
    }

    var isRunning: Bool {
        guard status == nil else { return false }
        var result: Int32 = 0
        guard waitpid(id, &result, WNOHANG) == id else { return true }
        ended(result)
        return false
    }

    /// The exit status; of one that a signal ended, 128 and the signal.
    @discardableResult
    func wait() -> Int32 {
        if let status { return status }
        var result: Int32 = 0
        while waitpid(id, &result, 0) != id, errno == EINTR {}
        return ended(result)
    }

    @discardableResult
    private func ended(_ result: Int32) -> Int32 {
        Children.all.remove(id)
        let signal = result & 0x7f
        let status = signal == 0 ? (result >> 8) & 0xff : 128 + signal
        self.status = status
        return status
    }
}

/// Both ends are closed to children, save where one is given to a child.
struct PipeEnds {
    let reading: Int32
    let writing: Int32

    init() throws {
        var ends: [Int32] = [0, 0]
        guard pipe(&ends) == 0, fcntl(ends[0], F_SETFD, FD_CLOEXEC) == 0, fcntl(ends[1], F_SETFD, FD_CLOEXEC) == 0
        else { throw Failure("no pipe: \(String(cString: strerror(errno)))") }
        (reading, writing) = (ends[0], ends[1])
    }

    static func readAll(_ descriptor: Int32) -> Data {
        FileHandle(fileDescriptor: descriptor, closeOnDealloc: false).readDataToEndOfFile()
    }
}

/// Runs a command to its end.
func run(_ arguments: [String], input: String = "") throws {
    let (given, said) = (try PipeEnds(), try PipeEnds())
    let child = try Child(arguments, input: given.reading, output: said.writing, errors: said.writing)
    close(given.reading)
    close(said.writing)
    let bytes = Array(input.utf8)
    let written = write(given.writing, bytes, bytes.count)
    close(given.writing)
    let text = String(decoding: PipeEnds.readAll(said.reading), as: UTF8.self)
    close(said.reading)
    guard child.wait() == 0, written == bytes.count else {
        throw Failure("\(arguments.joined(separator: " ")) failed:\n\(text)")
    }
}

/// Every child that is up, so that none outlives this program.
final class Children: @unchecked Sendable {
    static let all = Children()
    private let lock = NSLock()
    private var processes: Set<Int32> = []

    func add(_ process: Int32) {
        lock.withLock { _ = processes.insert(process) }
    }

    func remove(_ process: Int32) {
        lock.withLock { _ = processes.remove(process) }
    }

    /// Ends them, and this program, at Ctrl-C.
    func endAtInterruption() -> [any DispatchSourceSignal] {
        [SIGINT, SIGTERM].map { number in
            signal(number, SIG_IGN)
            let source = DispatchSource.makeSignalSource(signal: number, queue: .global())
            source.setEventHandler {
                Children.all.endAll()
                exit(130)
            }
            source.resume()
            return source
        }
    }

    func endAll() {
        for process in lock.withLock({ processes }) {
            for member in (try? ProcessTable.family(of: process)) ?? [process] { kill(member, SIGKILL) }
        }
    }
}
