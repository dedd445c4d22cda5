/// Reads the end of a log, and what is added to it, beside a running writer.
public struct WitnessReader {
    private let directory: LogDirectory
    private var file: String?
    private var offset = 0

    public init(directory: String) {
        self.directory = LogDirectory(path: directory)
    }

    /// The last `count` records, the oldest first; then ``poll()`` goes on behind them.
    /// - Returns: whole lines that are records; anything else is ``WitnessVerifier``'s to speak of.
    public mutating func tail(_ count: Int) throws(WitnessError) -> [WitnessRecord] {
        do {
            var found: [WitnessRecord] = []
            for (index, entry) in try directory.files().reversed().enumerated() {
                guard found.count < max(0, count) || index == 0 else { break }
                guard let reading = try directory.openForReading(entry.name) else { continue }
                defer { reading.close() }
                let (records, end) = try Self.last(max(0, count) - found.count, of: reading)
                found = records + found
                if index == 0 { (file, offset) = (entry.name, end) }
            }
            return found
        } catch {
            throw WitnessError(error)
        }
    }

    /// The records that were added since the last call, in order; empty when there are none. Looks at the file's length
    /// only, so it may be called ten times a second.
    public mutating func poll() throws(WitnessError) -> [WitnessRecord] {
        do {
            var records: [WitnessRecord] = []
            let files = try directory.files()
            let current = files.firstIndex { $0.name == file } ?? files.startIndex
            for entry in files[min(current, files.count)...] {
                if entry.name != file { (file, offset) = (entry.name, 0) }
                records += try added()
            }
            return records
        } catch {
            throw WitnessError(error)
        }
    }

    private mutating func added() throws(FileError) -> [WitnessRecord] {
        guard let file, let reading = try directory.openForReading(file) else { return [] }
        defer { reading.close() }
        let length = try reading.length
        // A batch whose sync failed is cut off again.
        if length < offset { offset = length }
        guard length > offset else { return [] }
        let bytes = try reading.read(at: offset, count: length - offset)
        guard let end = bytes.lastIndex(of: UInt8(ascii: "\n")) else { return [] }
        offset += end + 1
        return bytes[..<end].split(separator: UInt8(ascii: "\n")).compactMap { WitnessRecord(line: $0) }
    }

    /// - Returns: the last records, and the offset behind the last whole line.
    private static func last(
        _ count: Int, of file: PosixFile
    ) throws(FileError) -> (records: [WitnessRecord], end: Int) {
        let size = try file.length
        var window = 1 << 16
        while true {
            let start = max(0, size - window)
            let bytes = try file.read(at: start, count: size - start)
            let feeds = bytes.indices.filter { bytes[$0] == UInt8(ascii: "\n") }
            // Behind a window's first line feed lines are whole.
            if start == 0 || feeds.count > count {
                let lines = bytes[..<(feeds.last ?? 0)].split(separator: UInt8(ascii: "\n"))
                let records = lines.suffix(count).compactMap { WitnessRecord(line: $0) }
                return (records, feeds.last.map { start + $0 + 1 } ?? start)
            }
            window *= 8
        }
    }
}
