internal import Foundation
#if canImport(Musl)
    internal import Musl
#else
    internal import Glibc
#endif

/// A lock that one process has at a time, and that the kernel takes from it when it ends.
struct FileLock {
    private let descriptor: Int32

    /// Makes the directory, for its owner only, where it is missing. Waits while somebody else has the lock.
    init(_ path: String) throws(NFTablesError) {
        let directory = URL(fileURLWithPath: path).deletingLastPathComponent().path
        do {
            try FileManager.default.createDirectory(
                atPath: directory, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
        } catch {
            throw NFTablesError(
                .file,
                "\(directory) can't be made: \(error.localizedDescription): run it as root, or name another directory")
        }
        descriptor = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else {
            throw NFTablesError(.file, "\(path) can't be opened: \(String(cString: strerror(errno)))")
        }
        while flock(descriptor, LOCK_EX) != 0 {
            guard errno == EINTR else {
                let reason = String(cString: strerror(errno))
                close(descriptor)
                throw NFTablesError(.file, "\(path) can't be locked: \(reason)")
            }
        }
    }

    func release() { close(descriptor) }
}
