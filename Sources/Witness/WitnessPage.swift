/// Records that a filter asks for from the newest to the oldest, a page at a time.
///
/// Nothing is checked: see ``WitnessVerifier``.
public struct WitnessPage: Sendable {
    public private(set) var records: [WitnessRecord] = []
    /// What to give as `before` for what follows; nil when the log has nothing older.
    public private(set) var next: Int?
    private var looked = 0
    private let filter: WitnessFilter
    private let before: Int
    private let limit: Int
    /// Bytes of a file that are read at a time, from its end.
    private let window: Int

    /// Records that one page looks at; where so few of them match, it is short and has a `next`.
    public static let mostLooked = 200_000

    /// - Parameters:
    ///   - before: only records with a lower number; nil: from the newest on.
    ///   - limit: how many at most.
    /// - Throws: code `storage` when the log can't be read.
    public init(
        directory path: String, _ filter: WitnessFilter = WitnessFilter(), before: Int? = nil, limit: Int
    ) throws(WitnessError) {
        try self.init(directory: path, filter, before: before, limit: limit, window: 1 << 20)
    }

    init(
        directory path: String, _ filter: WitnessFilter, before: Int?, limit: Int, window: Int
    ) throws(WitnessError) {
        self.window = window
        self.filter = filter
        self.before = before ?? .max
        self.limit = max(1, limit)
        do {
            let directory = LogDirectory(path: path)
            for entry in try directory.files().reversed() where entry.first < self.before {
                try read(entry, directory)
                if next != nil { return }
            }
        } catch {
            throw WitnessError(error)
        }
    }

    private mutating func read(_ entry: LogDirectory.Entry, _ directory: LogDirectory) throws(FileError) {
        if !entry.isCompressed, let file = try directory.openForReading(entry.name) {
            defer { file.close() }
            try readBackwards(file)
        } else {
            try readCompressed(LogDirectory.Entry(first: entry.first, isCompressed: true), directory)
        }
    }

    private mutating func readBackwards(_ file: PosixFile) throws(FileError) {
        var end = try file.length
        // What of the window behind belongs to a line that begins further ahead.
        var rest: [UInt8] = []
        var isEnd = true
        while end > 0, next == nil {
            let start = max(0, end - window)
            var bytes = try file.read(at: start, count: end - start) + rest
            end = start
            if isEnd {
                // The last line may be in the writing.
                bytes.removeSubrange((bytes.lastIndex(of: UInt8(ascii: "\n")) ?? bytes.startIndex)...)
                isEnd = false
            }
            var whole = bytes[...]
            if start > 0 {
                // With its end: the window may begin with nothing but that.
                whole = bytes[((bytes.firstIndex(of: UInt8(ascii: "\n")) ?? bytes.endIndex - 1) + 1)...]
                rest = Array(bytes[..<whole.startIndex])
                // The witness writes no line that long.
                if rest.count > 16 << 20 { return }
            }
            var lines = whole.split(separator: UInt8(ascii: "\n"))[...]
            while let line = lines.popLast(), next == nil { take(line) }
        }
    }

    /// What is compressed has to be read from its beginning.
    private mutating func readCompressed(
        _ entry: LogDirectory.Entry, _ directory: LogDirectory
    ) throws(FileError) {
        var lines = try LogLines(directory, files: [entry])
        var matches = Ring<WitnessRecord>(capacity: limit - records.count)
        var found = 0
        var isFirst = true
        while let line = try lines.next(), line.isTerminated {
            if isFirst, let summary = lines.summary, !filter.mayMatch(summary) { return }
            isFirst = false
            looked += 1
            guard let record = WitnessRecord(line: line.bytes), record.sequence < before else { continue }
            guard filter.matches(record) else { continue }
            matches.append(record)
            found += 1
        }
        let page = matches.all
        let isFull = found >= limit - records.count
        records += page.reversed()
        if isFull || looked >= Self.mostLooked { next = isFull ? page.first?.sequence : entry.first }
    }

    private mutating func take(_ line: ArraySlice<UInt8>) {
        looked += 1
        guard let record = WitnessRecord(line: line), record.sequence < before else { return }
        if filter.matches(record) { records.append(record) }
        if records.count >= limit || looked >= Self.mostLooked { next = record.sequence }
    }
}
