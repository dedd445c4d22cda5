/// Reads the end of a log, and what is added to it, beside a running writer.
public struct WitnessReader {
    private let directory: LogDirectory
    private var follower: LogFollower

    /// What ``poll()`` gives at most: a reader that was away for long gets the rest with its next calls.
    private static let pollLimit = (records: 10_000, bytes: 4 << 20)

    public init(directory: String) {
        self.directory = LogDirectory(path: directory)
        follower = LogFollower(self.directory, after: 0)
    }

    /// - Parameter sequence: ``poll()`` begins behind this record.
    public init(directory: String, after sequence: Int) {
        self.directory = LogDirectory(path: directory)
        follower = LogFollower(self.directory, after: sequence)
    }

    /// Records that should have come and were not there any more: removed by retention, or by somebody.
    public var missing: Int { follower.missing }

    /// The last `count` records, the oldest first; then ``poll()`` goes on behind them.
    /// - Returns: whole lines that are records; anything else is ``WitnessVerifier``'s to speak of.
    public mutating func tail(_ count: Int) throws(WitnessError) -> [WitnessRecord] {
        do {
            var found: [WitnessRecord] = []
            var end: (file: Int, offset: Int)?
            var last: Int?
            for entry in try directory.files().reversed() {
                guard found.count < max(0, count) || last == nil else { break }
                let part = try Self.end(of: entry, max(0, count) - found.count, directory)
                end = end ?? (entry.first, part.offset)
                last = last ?? part.last
                found = part.records + found
            }
            follower = LogFollower(directory, after: last ?? 0, at: end)
            return found
        } catch {
            throw WitnessError(error)
        }
    }

    /// The next records that were added since the last call, in order; empty when there are none. May be called ten times
    /// a second.
    public mutating func poll() throws(WitnessError) -> [WitnessRecord] {
        do {
            return try follower.next(limit: Self.pollLimit.records, bytes: Self.pollLimit.bytes)
                .compactMap { WitnessRecord(line: $0.line) }
        } catch {
            throw WitnessError(error)
        }
    }

    private struct End {
        var records: [WitnessRecord] = []
        /// Bytes up to the end of the last whole line.
        var offset = 0
        /// The sequence number of the last record; nil where there is none.
        var last: Int?
    }

    private static func end(
        of entry: LogDirectory.Entry, _ count: Int, _ directory: LogDirectory
    ) throws(FileError) -> End {
        if !entry.isCompressed, let file = try directory.openForReading(entry.name) {
            defer { file.close() }
            return try end(of: file, count)
        }
        // What is compressed has to be read from its beginning.
        var lines = try LogLines(directory, files: [LogDirectory.Entry(first: entry.first, isCompressed: true)])
        var kept = Ring<ArraySlice<UInt8>>(capacity: max(1, count))
        var end = End()
        while let line = try lines.next(), line.isTerminated {
            end.offset += line.bytes.count + 1
            kept.append(line.bytes)
        }
        fill(&end, from: kept.all, count)
        return end
    }

    /// From the end backwards, with a window that grows until it has enough lines.
    private static func end(of file: PosixFile, _ count: Int) throws(FileError) -> End {
        let size = try file.length
        var window = 1 << 16
        while true {
            let start = max(0, size - window)
            let bytes = try file.read(at: start, count: size - start)
            let feeds = bytes.indices.filter { bytes[$0] == UInt8(ascii: "\n") }
            // Behind a window's first line feed lines are whole.
            if start == 0 || feeds.count - 1 > count {
                var end = End()
                end.offset = feeds.last.map { start + $0 + 1 } ?? start
                fill(&end, from: bytes[..<(feeds.last ?? 0)].split(separator: UInt8(ascii: "\n")), count)
                return end
            }
            window *= 8
        }
    }

    private static func fill(_ end: inout End, from lines: [ArraySlice<UInt8>], _ count: Int) {
        end.last = lines.last.flatMap { RecordSeal($0)?.sequence }
        end.records = lines.suffix(count).compactMap { WitnessRecord(line: $0) }
    }
}

/// Keeps the last few of many.
struct Ring<Element> {
    private let capacity: Int
    private var elements: [Element] = []
    private var next = 0

    init(capacity: Int) {
        self.capacity = max(1, capacity)
    }

    mutating func append(_ element: Element) {
        if elements.count < capacity {
            elements.append(element)
        } else {
            elements[next] = element
            next = (next + 1) % capacity
        }
    }

    /// From the oldest to the newest.
    var all: [Element] { Array(elements[next...] + elements[..<next]) }
}
