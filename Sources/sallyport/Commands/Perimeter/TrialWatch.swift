import ArgumentParser
import CoreTypes
import Foundation
import Perimeter
import PerimeterNFTables
import Registry
import Witness

#if canImport(Musl)
    import Musl
#else
    import Glibc
#endif

/// Starts the process that undoes a change when whoever made it can't any more.
enum TrialWatch {
    static let isWatching = "watching"

    // Linux's; glibc's headers show it to C with _GNU_SOURCE only.
    private static let newSession: Int32 = 0x80

    /// Returns when it watches. It belongs to no terminal, and nobody waits for it.
    static func start(_ arguments: [String], log: String) throws {
        var ends: [Int32] = [-1, -1]
        guard pipe(&ends) == 0 else { throw failure("no pipe: \(String(cString: strerror(errno)))") }
        // The child gets its end by dup2, which drops this.
        for end in ends { _ = fcntl(end, F_SETFD, FD_CLOEXEC) }
        let answers = FileHandle(fileDescriptor: ends[0], closeOnDealloc: true)
        do {
            defer { close(ends[1]) }
            try spawn(arguments, output: ends[1], log: log)
        }
        let answer = String(decoding: answers.readDataToEndOfFile(), as: UTF8.self)
        guard answer.hasPrefix(isWatching) else { throw failure("it ended at once: see \(log)") }
    }

    private static func spawn(_ arguments: [String], output: Int32, log: String) throws {
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0)
        posix_spawn_file_actions_adddup2(&actions, output, 1)
        posix_spawn_file_actions_addopen(&actions, 2, log, O_WRONLY | O_CREAT | O_APPEND, 0o600)
        var attributes = posix_spawnattr_t()
        posix_spawnattr_init(&attributes)
        defer { posix_spawnattr_destroy(&attributes) }
        posix_spawnattr_setflags(&attributes, Int16(newSession))
        // What this process is, also when it was replaced on disk meanwhile.
        let program = "/proc/self/exe"
        let words = (["sallyport", "perimeter", "watch-trial"] + arguments).map { strdup($0) } + [nil]
        defer { for word in words { free(word) } }
        var id: pid_t = 0
        let code = posix_spawn(&id, program, &actions, &attributes, words, environ)
        guard code == 0 else { throw failure(String(cString: strerror(code))) }
    }

    private static func failure(_ reason: String) -> CommandFailure {
        CommandFailure("nothing was changed: the process that would undo it can't be started: \(reason)")
    }
}

extension PerimeterCommand {
    /// That process.
    struct WatchTrial: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "watch-trial", abstract: "Undo a change that nobody confirms; 'apply' starts it.",
            shouldDisplay: false)

        @Option var table: String
        @OptionGroup var place: TrialDirectoryOption
        /// Milliseconds.
        @Option var within: Double
        /// The perimeter file, for the record.
        @Option var of: String
        @OptionGroup var edge: ConfigurationOption

        func run() async throws {
            // It is here for what follows these.
            for number in [SIGHUP, SIGINT, SIGTERM] { signal(number, SIG_IGN) }
            let trial = Trial(
                in: place.directory, of: try NFTablesPerimeter(Declaration.NFTables(table: table)))
            // Whoever made the change comes first, if it is still there, and can say what has happened.
            let deadline = ContinuousClock.now + .milliseconds(within) + .milliseconds(500)
            Terminal.print(TrialWatch.isWatching)
            close(STDOUT_FILENO)
            // It takes descriptor 1 for what is opened next, which nobody may print into.
            _ = open("/dev/null", O_WRONLY)
            while trial.isPending, ContinuousClock.now < deadline { try await Task.sleep(for: PerimeterTrial.interval) }
            guard trial.isPending else { return }
            try await undo(trial)
        }

        /// Tries again where it fails, since nobody else will.
        private func undo(_ trial: Trial) async throws {
            while trial.isPending {
                do {
                    guard try trial.decide(.undone) == .undone else { return }
                    Terminal.warn("\(now): undone, as nobody has confirmed it")
                    try registry()?.noteChange(
                        "perimeter-undo", of: of, before: nil, after: ["reason": "not confirmed"])
                } catch {
                    Terminal.warn("\(now): \(error)")
                    try await Task.sleep(for: .seconds(1))
                }
            }
        }

        private var now: String { CivilTime(millisecondsSince1970: SystemClock.now().wall).rfc3339 }

        private func registry() throws -> RegistryStore? { edge.found == nil ? nil : try edge.openRegistry() }
    }
}
