#if canImport(Musl)
    internal import Musl
#else
    internal import Glibc
#endif

/// The lines of a log in order, over all its files, compressed or not, in constant memory.
struct LogLines {
    struct Line {
        let entry: LogDirectory.Entry
        /// Counted from 1.
        let number: Int
        /// Without the line feed.
        let bytes: ArraySlice<UInt8>
        /// False when the file ends without a line feed behind it.
        let isTerminated: Bool
        let isInLastFile: Bool
        /// Set when nothing of the file can be read from here on; then the line is not whole.
        let damage: LogFileStream.Damage?

        /// The name of the file.
        var file: String { entry.name }
    }

    /// A longer line can't come from the writer, whose strings are bounded.
    private static let longestLine = 16 << 20

    private let directory: LogDirectory
    let files: [LogDirectory.Entry]
    private var index = -1
    private var stream: LogFileStream?
    private var number = 0
    private var buffer: ArraySlice<UInt8> = []
    private var isAtEnd = true
    private var damage: LogFileStream.Damage?

    /// - Parameter files: those to read, in order; nil: all.
    init(_ directory: LogDirectory, files: [LogDirectory.Entry]? = nil) throws(FileError) {
        self.directory = directory
        if let files { self.files = files } else { self.files = try directory.files() }
    }

    /// What was noted about the file that the last line came from.
    var summary: FileSummary? { stream?.summary }

    mutating func next() throws(FileError) -> Line? {
        while true {
            if let feed = buffer.firstIndex(of: UInt8(ascii: "\n")) {
                let bytes = buffer[..<feed]
                buffer = buffer[(feed + 1)...]
                return line(bytes, isTerminated: true)
            }
            if !isAtEnd, buffer.count <= Self.longestLine {
                try fill()
            } else if !buffer.isEmpty || damage != nil {
                defer {
                    buffer = []
                    damage = nil
                }
                return line(buffer, isTerminated: false, damage: damage)
            } else if try !openNext() {
                return nil
            }
        }
    }

    /// Leaves out what is left of the file at hand.
    mutating func skipFile() {
        buffer = []
        damage = nil
        isAtEnd = true
    }

    private mutating func line(_ bytes: ArraySlice<UInt8>, isTerminated: Bool, damage: LogFileStream.Damage? = nil)
        -> Line
    {
        number += 1
        return Line(
            entry: stream?.entry ?? files[index], number: number, bytes: bytes, isTerminated: isTerminated,
            isInLastFile: index == files.count - 1, damage: damage)
    }

    private mutating func fill() throws(FileError) {
        guard let stream else { return }
        let bytes = try stream.read()
        isAtEnd = bytes.isEmpty
        damage = stream.damage
        buffer = buffer.isEmpty ? bytes[...] : (buffer + bytes)[...]
    }

    /// False behind the last file.
    private mutating func openNext() throws(FileError) -> Bool {
        stream = nil
        guard index + 1 < files.count else { return false }
        index += 1
        guard let opened = try LogFileStream.open(directory, files[index]) else {
            throw FileError(operation: "open", path: directory.path(of: files[index].name), number: ENOENT)
        }
        stream = opened
        number = 0
        isAtEnd = false
        return true
    }
}
