/// The lines of a log in order, over all its files, in constant memory.
struct LogLines {
    struct Line {
        /// The name of the file.
        let file: String
        /// Counted from 1.
        let number: Int
        /// Without the line feed.
        let bytes: ArraySlice<UInt8>
        /// False when the file ends without a line feed behind it.
        let isTerminated: Bool
        let isInLastFile: Bool
    }

    /// A longer line can't come from the writer, whose strings are bounded.
    private static let longestLine = 16 << 20
    private static let chunk = 1 << 18

    private let directory: LogDirectory
    let files: [LogDirectory.Entry]
    private var index = -1
    private var file: PosixFile?
    private var offset = 0
    private var number = 0
    private var buffer: ArraySlice<UInt8> = []
    private var isAtEnd = true

    init(_ directory: LogDirectory) throws(FileError) {
        self.directory = directory
        files = try directory.files()
    }

    mutating func next() throws(FileError) -> Line? {
        while true {
            if let feed = buffer.firstIndex(of: UInt8(ascii: "\n")) {
                let bytes = buffer[..<feed]
                buffer = buffer[(feed + 1)...]
                return line(bytes, isTerminated: true)
            }
            if !isAtEnd, buffer.count <= Self.longestLine {
                try fill()
            } else if !buffer.isEmpty {
                defer { buffer = [] }
                return line(buffer, isTerminated: false)
            } else if try !openNext() {
                return nil
            }
        }
    }

    private mutating func line(_ bytes: ArraySlice<UInt8>, isTerminated: Bool) -> Line {
        number += 1
        return Line(
            file: files[index].name, number: number, bytes: bytes, isTerminated: isTerminated,
            isInLastFile: index == files.count - 1)
    }

    private mutating func fill() throws(FileError) {
        guard let bytes = try file?.read(at: offset, count: Self.chunk) else { return }
        offset += bytes.count
        isAtEnd = bytes.count < Self.chunk
        buffer = buffer.isEmpty ? bytes[...] : (buffer + bytes)[...]
    }

    /// False behind the last file.
    private mutating func openNext() throws(FileError) -> Bool {
        close()
        guard index + 1 < files.count else { return false }
        index += 1
        let name = files[index].name
        guard let opened = try directory.openForReading(name) else {
            throw FileError(operation: "open", path: directory.path(of: name), number: 2)
        }
        file = opened
        offset = 0
        number = 0
        isAtEnd = false
        return true
    }

    mutating func close() {
        file?.close()
        file = nil
    }
}
