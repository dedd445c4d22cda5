/// Reads a log's records in order, from any place on, and what is added to it later, beside a running writer.
///
/// Keeps no plain file open between calls and, where files are compressed or removed meanwhile, finds its place again.
struct LogFollower {
    struct Item {
        let sequence: Int
        let hash: [UInt8]
        let previous: [UInt8]
        /// Without the line feed.
        let line: ArraySlice<UInt8>
    }

    private let directory: LogDirectory
    /// The sequence number of the last record that was given, or from behind which was to be read.
    private(set) var last: Int
    /// Records that should have come and are not there: removed by retention, or by somebody.
    private(set) var missing = 0
    private var place: (file: Int, offset: Int)?
    private var lines: Reading?

    /// Where one file is being read.
    private struct Reading {
        let stream: LogFileStream
        var buffer: ArraySlice<UInt8>
        var isAtEnd = false
    }

    /// - Parameter place: where the record behind `last` begins, where that is known: the number in the file's name, and
    ///   bytes before compression.
    init(_ directory: LogDirectory, after last: Int, at place: (file: Int, offset: Int)? = nil) {
        self.directory = directory
        self.last = last
        self.place = place
    }

    /// - Parameters:
    ///   - bound: no record behind this one is given.
    ///   - limit: how many at most.
    ///   - bytes: ends after so many, one record at least.
    /// - Returns: what follows; nothing when that is all for now.
    mutating func next(upTo bound: Int = .max, limit: Int, bytes: Int) throws(FileError) -> [Item] {
        // A compressed file does not change, and coming back to a place in it is work.
        defer { if lines?.stream.entry.isCompressed == false { lines = nil } }
        var items: [Item] = []
        var size = 0
        var isSecondTry = false
        let files = try directory.files()
        var file = files.last { $0.first == place?.file } ?? start(in: files)
        if file?.first != place?.file {
            lines = nil
            place = file.map { ($0.first, 0) }
        }
        while let entry = file, items.count < limit, size < bytes {
            guard let line = try nextLine(of: entry) else {
                file = files.first { $0.first > entry.first }
                if let next = file { move(to: next) }
                continue
            }
            guard let seal = RecordSeal(line), seal.isIntact, seal.sequence > last else {
                advance(line)
                continue
            }
            if seal.sequence > bound { break }
            if seal.sequence != last + 1, last > 0, !isSecondTry {
                // A batch that failed was cut off again while it was read: look from the file's beginning.
                isSecondTry = true
                move(to: entry)
                continue
            }
            if last > 0 { missing += seal.sequence - last - 1 }
            last = seal.sequence
            size += line.count
            items.append(Item(sequence: seal.sequence, hash: seal.hash, previous: seal.previous, line: line))
            advance(line)
        }
        return items
    }

    /// The file that has the record behind `last`.
    private func start(in files: [LogDirectory.Entry]) -> LogDirectory.Entry? {
        files.last { $0.first <= last + 1 } ?? files.first
    }

    private mutating func move(to entry: LogDirectory.Entry) {
        lines = nil
        place = (entry.first, 0)
    }

    private mutating func advance(_ line: ArraySlice<UInt8>) {
        place?.offset += line.count + 1
        if let buffer = lines?.buffer { lines?.buffer = buffer.dropFirst(line.count + 1) }
    }

    /// The line at the present place, not yet left behind; nil when there is no whole one.
    private mutating func nextLine(of entry: LogDirectory.Entry) throws(FileError) -> ArraySlice<UInt8>? {
        if lines == nil {
            guard let stream = try LogFileStream.open(directory, entry) else { return nil }
            let rest = try stream.skip(place?.offset ?? 0)
            lines = Reading(stream: stream, buffer: rest[...])
        }
        while let reading = lines {
            if let feed = reading.buffer.firstIndex(of: UInt8(ascii: "\n")) { return reading.buffer[..<feed] }
            if reading.isAtEnd { return nil }
            let bytes = try reading.stream.read()
            lines?.buffer = reading.buffer.isEmpty ? bytes[...] : (reading.buffer + bytes)[...]
            lines?.isAtEnd = bytes.isEmpty
        }
        return nil
    }
}
