internal import CoreTypes

/// Finds where a log ends, so that it can go on from there.
struct Recovery {
    /// The record that the next one chains to; nil in an empty log.
    private(set) var last: RecordSeal?
    /// The file to go on with; nil when there is none yet, or the last one is closed for good, since compressed.
    private(set) var file: LogDirectory.Entry?
    /// How many bytes of that file are whole records.
    private(set) var length = 0
    /// The timestamp of that file's first record, in milliseconds since 1970.
    private(set) var began: Int64?
    /// What has to be said in the log about what was found.
    private(set) var notices: [SecurityEvent] = []
    /// The sequence number of the last checkpoint that is known to have been on the disk; 0 for none.
    private(set) var checkpoint = 0

    /// The sequence number of the next record.
    ///
    /// A log that ends before its last checkpoint was cut: its numbers go on behind that checkpoint, so that no number
    /// is given twice and the gap stays visible for good.
    var nextSequence: Int { max(last?.sequence ?? 0, checkpoint) + 1 }

    /// Reads the end of the log and sets a torn end aside.
    init(_ directory: LogDirectory, keys: [WitnessPublicKey]) throws(FileError) {
        let files = try directory.files()
        for (index, entry) in files.enumerated().reversed() {
            if entry.isCompressed {
                last = try Self.lastRecord(in: entry, directory)
                if last != nil { break }
                continue
            }
            guard let reading = try directory.openForReading(entry.name) else { continue }
            defer { reading.close() }
            let end = try Self.end(of: reading)
            if index == files.count - 1 {
                file = entry
                length = end.length
                if end.length > 0 { began = RecordTime.milliseconds(try reading.read(at: 0, count: 64)[...]) }
                if end.torn > 0 { try setAside(from: reading, torn: end.torn, entry: entry, in: directory) }
            }
            last = end.seal
            if last != nil { break }
        }
        addTornNotice(files: files)
        try compareWithCheckpoint(directory, keys: keys)
    }

    private var tornFile: (name: String, bytes: Int)?

    private mutating func setAside(
        from file: PosixFile, torn: Int, entry: LogDirectory.Entry, in directory: LogDirectory
    ) throws(FileError) {
        let taken = Set(try directory.names())
        var number = 1
        while taken.contains("\(entry.name).torn-\(number)") { number += 1 }
        let name = "\(entry.name).torn-\(number)"
        // Copied first and cut after: a crash in between leaves the bytes twice, never not at all.
        try directory.replace(name, with: try file.read(at: length, count: torn))
        let writing = try directory.open(entry.name)
        defer { writing.close() }
        try writing.truncate(to: length)
        try writing.sync()
        tornFile = (name, torn)
    }

    private mutating func addTornNotice(files: [LogDirectory.Entry]) {
        guard let tornFile else { return }
        notices.append(
            SecurityEvent(
                .securityEvent, .warning,
                details: [
                    .init("reason", "torn_record"), .init("file", .string(tornFile.name)),
                    .init("bytes", .integer(tornFile.bytes)), .init("after_seq", .integer(last?.sequence ?? 0)),
                ]))
    }

    private mutating func compareWithCheckpoint(
        _ directory: LogDirectory, keys: [WitnessPublicKey]
    ) throws(FileError) {
        let end = last?.sequence ?? 0
        switch try LastCheckpoint.read(from: directory, keys: keys) {
        case .missing:
            return
        case .invalid(let reason):
            notices.append(
                SecurityEvent(
                    .securityEvent, .alert,
                    details: [
                        .init("reason", "checkpoint_file_invalid"), .init("file", .string(LogDirectory.checkpointName)),
                        .init("detail", .string(reason)),
                    ]))
        case .valid(let record):
            checkpoint = record.sequence
            guard end < record.sequence else { return }
            notices.append(
                SecurityEvent(
                    .securityEvent, .alert,
                    details: [
                        .init("reason", "log_truncated"), .init("missing_from_seq", .integer(end + 1)),
                        .init("missing_to_seq", .integer(record.sequence)),
                    ]))
        }
    }

    /// The last whole record of a compressed file, which has to be read from its beginning.
    private static func lastRecord(
        in entry: LogDirectory.Entry, _ directory: LogDirectory
    ) throws(FileError) -> RecordSeal? {
        var lines = try LogLines(directory, files: [entry])
        var last: RecordSeal?
        while let line = try lines.next() {
            if line.isTerminated, let seal = RecordSeal(line.bytes), seal.isIntact { last = seal }
        }
        return last
    }

    /// The last whole record of a file, the bytes up to its end, and the bytes behind it.
    private static func end(of file: PosixFile) throws(FileError) -> (seal: RecordSeal?, length: Int, torn: Int) {
        let size = try file.length
        var window = 1 << 16
        while true {
            let start = max(0, size - window)
            let bytes = try file.read(at: start, count: size - start)
            if let (seal, end) = lastRecord(in: bytes[...], startsLine: start == 0) {
                return (seal, start + end, size - start - end)
            }
            if start == 0 { return (nil, 0, size) }
            window *= 8
        }
    }

    /// - Parameter startsLine: whether the first byte is the first of a line.
    private static func lastRecord(
        in bytes: ArraySlice<UInt8>, startsLine: Bool
    ) -> (seal: RecordSeal, end: Int)? {
        var rest = bytes
        let feed = UInt8(ascii: "\n")
        while let end = rest.lastIndex(of: feed) {
            let before = rest[..<end]
            let start = before.lastIndex(of: feed).map { $0 + 1 }
            guard let start = start ?? (startsLine ? before.startIndex : nil) else { return nil }
            if let seal = RecordSeal(bytes[start..<end]), seal.isIntact { return (seal, end + 1) }
            rest = before
        }
        return nil
    }
}

/// The file that holds the line of the last checkpoint.
enum LastCheckpoint {
    case missing
    case invalid(String)
    case valid(WitnessRecord)

    static func read(from directory: LogDirectory, keys: [WitnessPublicKey]) throws(FileError) -> LastCheckpoint {
        guard let bytes = try directory.content(of: LogDirectory.checkpointName) else { return .missing }
        let line = bytes.prefix { $0 != UInt8(ascii: "\n") }
        guard let seal = RecordSeal(line), seal.isIntact, let record = WitnessRecord(line: line) else {
            return .invalid("it does not hold a record")
        }
        if let defect = Checkpoint.defect(in: record, keys: keys) { return .invalid(defect) }
        return .valid(record)
    }
}
