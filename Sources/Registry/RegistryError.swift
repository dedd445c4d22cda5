internal import GRDB

/// Why the registry could not do something; `description` says what, where and what to do about it.
public struct RegistryError: Error, Sendable, Equatable, CustomStringConvertible {
    public enum Code: String, Sendable {
        /// There is no such subscriber, network, expert or key.
        case notFound = "not_found"
        case exists
        /// The configuration says that this may not be.
        case protected
        /// What was asked for makes no sense.
        case invalid
        /// Another program holds the database.
        case locked
        /// The file is damaged, or no SQLite database, or one of another shape.
        case corrupt
        /// The file can't be opened, read or written.
        case storage
    }

    public let code: Code
    public let description: String

    init(_ code: Code, _ description: String) {
        self.code = code
        self.description = description
    }

    /// Says of an error of the database what an operator can do about it.
    init(_ error: any Error, path: String) {
        if let error = error as? RegistryError {
            self = error
            return
        }
        guard let error = error as? DatabaseError else {
            self.init(.storage, "\(path): \(error)")
            return
        }
        let detail = error.message ?? "SQLite error \(error.resultCode.rawValue)"
        switch error.resultCode {
        case .SQLITE_BUSY, .SQLITE_LOCKED:
            self.init(
                .locked, "\(path) is locked by another program (\(detail)): see who has it open with 'fuser \(path)'")
        case .SQLITE_CORRUPT, .SQLITE_NOTADB:
            self.init(
                .corrupt,
                "\(path) is damaged or no SQLite database (\(detail)): look with \"sqlite3 \(path) 'PRAGMA "
                    + "integrity_check'\", restore it from a backup")
        case .SQLITE_CANTOPEN, .SQLITE_PERM, .SQLITE_READONLY, .SQLITE_AUTH:
            self.init(
                .storage,
                "\(path) can't be opened for writing (\(detail)): check that its directory exists and that this user "
                    + "may write to both")
        case .SQLITE_FULL:
            self.init(.storage, "\(path): the disk is full (\(detail)): nothing was changed")
        default:
            self.init(.storage, "\(path): \(detail)")
        }
    }
}
