/// Why the witness could not do something; `description` says what, where and what to do about it.
public struct WitnessError: Error, Sendable, Equatable, CustomStringConvertible {
    public enum Code: String, Sendable {
        /// Another process writes this log.
        case locked
        /// The disk refused: full, read-only, broken.
        case storage
        /// The node's key is missing, unreadable or no key.
        case key
    }

    public let code: Code
    public let description: String

    init(_ code: Code, _ description: String) {
        self.code = code
        self.description = description
    }

    init(_ error: FileError) {
        self.init(.storage, error.description)
    }
}

/// A system call on a file that failed.
struct FileError: Error, CustomStringConvertible {
    let operation: String
    let path: String
    /// errno
    let number: Int32

    var description: String { "cannot \(operation) \(path): \(systemMessage(number))" }
}
