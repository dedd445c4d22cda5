import Foundation
import Glibc

/// Ends what the tests have started when they end without doing so themselves: a program that several tests share
/// outlives the last of them, and a run may be interrupted.
///
/// A shell reads which children there are from a pipe, which closes with this process, however that ends. (A parent-death
/// signal would be sent when the thread that started a child ends.)
final class Watchdog: Sendable {
    static let common = try? Watchdog()

    private static let script = """
        live=" "
        while read -r what id; do
            case $what in
                began) live="$live$id " ;;
                ended) live="${live%% $id *} ${live#* $id }" ;;
            esac
        done
        for id in $live; do kill -9 "$id" 2> /dev/null; done
        """

    private let pipe = Pipe()

    private init() throws {
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        posix_spawn_file_actions_adddup2(&actions, pipe.fileHandleForReading.fileDescriptor, 0)
        for standard: Int32 in [1, 2] {
            posix_spawn_file_actions_addopen(&actions, standard, "/dev/null", O_WRONLY, 0)
        }
        // The writing end among them, or it would wait for itself.
        _ = addClosingFrom(&actions, 3)
        var id: pid_t = 0
        let command = ["/bin/sh", "-c", Self.script]
        let words = command.map { strdup($0) } + [nil]
        defer { for word in words { free(word) } }
        guard posix_spawn(&id, "/bin/sh", &actions, nil, words, environ) == 0 else {
            throw Failure("the shell that looks after children can't be started")
        }
        try pipe.fileHandleForReading.close()
    }

    func began(_ id: pid_t) { tell("began \(id)\n") }
    func ended(_ id: pid_t) { tell("ended \(id)\n") }

    private func tell(_ line: String) {
        // One write of a short line stays whole among others.
        pipe.fileHandleForWriting.write(Data(line.utf8))
    }
}
