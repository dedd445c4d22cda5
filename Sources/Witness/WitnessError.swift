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

/// Something on a file that failed, mostly a system call.
struct FileError: Error, CustomStringConvertible {
    let operation: String
    let path: String
    /// errno; 0 where it was no system call.
    let number: Int32
    let reason: String

    init(operation: String, path: String, number: Int32) {
        self.operation = operation
        self.path = path
        self.number = number
        reason = systemMessage(number)
    }

    init(operation: String, path: String, reason: String) {
        self.operation = operation
        self.path = path
        number = 0
        self.reason = reason
    }

    var description: String { "cannot \(operation) \(path): \(reason)" }
}
