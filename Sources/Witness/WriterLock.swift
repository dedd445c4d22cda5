#if canImport(Musl)
    internal import Musl
#else
    internal import Glibc
#endif

/// Keeps a second writer away from a log, in this process or another.
struct WriterLock: Sendable {
    private let file: PosixFile

    init(_ directory: LogDirectory) throws(WitnessError) {
        do {
            try directory.create()
            file = try PosixFile(directory.path(of: LogDirectory.lockName), flags: O_RDWR | O_CREAT)
            guard try Self.take(file) else {
                let holder = String(decoding: try file.read(at: 0, count: 32), as: UTF8.self)
                file.close()
                throw WitnessError(
                    .locked,
                    "\(directory.path) is being written by another process (\(JSONText.escaped(holder))): two writers "
                        + "would break the chain; stop that one, or give this one another witness.directory")
            }
            let note = Array("pid \(getpid())".utf8)
            try file.truncate(to: 0)
            try file.write(note, at: 0)
        } catch let error as WitnessError {
            throw error
        } catch {
            throw (error as? FileError).map(WitnessError.init) ?? WitnessError(.storage, "\(error)")
        }
    }

    func release() {
        file.close()
    }

    /// Tries for a fifth of a second: a verifier that looks whether anybody writes holds the lock for an instant.
    private static func take(_ file: PosixFile) throws(FileError) -> Bool {
        for _ in 0..<20 {
            if try file.tryLock() { return true }
            usleep(10_000)
        }
        return try file.tryLock()
    }

    /// Whether a writer is at work on the log.
    static func isHeld(_ directory: LogDirectory) throws(FileError) -> Bool {
        guard let file = try directory.openForReading(LogDirectory.lockName) else { return false }
        defer { file.close() }
        return try !file.tryLock()
    }
}
