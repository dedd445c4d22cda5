internal import Crypto

/// What reading one of the log's files as a whole shows: its bytes as they are, and what its records are.
struct FileSurvey {
    /// Before compression.
    private(set) var bytes = 0
    /// SHA-256 of those bytes.
    private(set) var digest: [UInt8] = []
    /// Nil when no line is a record.
    private(set) var summary: FileSummary?
    /// The first record's `prev`, and the last one's `hash`.
    private(set) var previous: [UInt8] = []
    private(set) var head: [UInt8] = []
    /// Whether each line is an intact record chained to the one before it.
    private(set) var isWhole = true

    /// A file that is not there has no bytes and is not whole.
    init(_ entry: LogDirectory.Entry, _ directory: LogDirectory) throws(FileError) {
        guard let stream = try LogFileStream.open(directory, entry) else {
            isWhole = false
            return
        }
        var hasher = SHA256()
        var rest: ArraySlice<UInt8> = []
        while true {
            let bytes = try stream.read()
            if bytes.isEmpty { break }
            self.bytes += bytes.count
            hasher.update(data: bytes)
            rest = rest.isEmpty ? bytes[...] : (rest + bytes)[...]
            while let feed = rest.firstIndex(of: UInt8(ascii: "\n")) {
                add(rest[..<feed])
                rest = rest[(feed + 1)...]
            }
        }
        digest = Array(hasher.finalize())
        if stream.damage != nil || !rest.isEmpty || summary == nil { isWhole = false }
    }

    private mutating func add(_ line: ArraySlice<UInt8>) {
        guard let seal = RecordSeal(line), seal.isIntact, let time = RecordTime.milliseconds(line) else {
            isWhole = false
            return
        }
        if let summary {
            if seal.sequence != summary.last + 1 || seal.previous != head { isWhole = false }
        } else {
            summary = FileSummary(first: seal.sequence, last: seal.sequence, from: time, to: time)
            previous = seal.previous
        }
        summary?.add(seal.sequence, at: time)
        head = seal.hash
    }
}
