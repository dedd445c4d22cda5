internal import Synchronization
internal import Witness

/// A place in the log that is moved on now by one thread and now by another, never by two at a time.
final class LogCursor: Sendable {
    private let reader: Mutex<WitnessReader>

    private init(_ reader: sending WitnessReader) { self.reader = Mutex(reader) }

    /// Behind a record.
    static func behind(_ sequence: Int, _ directory: String) -> LogCursor {
        LogCursor(WitnessReader(directory: directory, after: sequence))
    }

    /// At the end.
    /// - Returns: the last records before it, the oldest first.
    static func atEnd(_ directory: String, after count: Int) throws(WitnessError) -> (LogCursor, [WitnessRecord]) {
        let cursor = LogCursor(WitnessReader(directory: directory))
        return (cursor, try cursor.reader.withLock { reader throws(WitnessError) in try reader.tail(count) })
    }

    /// What follows, and how many records have gone missing so far.
    func poll() throws(WitnessError) -> (records: [WitnessRecord], missing: Int) {
        try reader.withLock { reader throws(WitnessError) in (try reader.poll(), reader.missing) }
    }
}

/// A search through the log that is carried on now by one thread and now by another.
final class LogSearch: Sendable {
    private let query: Mutex<WitnessQuery>

    init(_ directory: String, _ filter: WitnessFilter) throws(WitnessError) {
        query = Mutex(try WitnessQuery(directory: directory, filter))
    }

    /// The lines of the next records, as many as given.
    func take(_ count: Int) throws(WitnessError) -> (text: String, isEnd: Bool) {
        try query.withLock { query throws(WitnessError) in
            var text = ""
            for _ in 0..<count {
                guard let record = try query.next() else { return (text, true) }
                text += record.line + "\n"
            }
            return (text, false)
        }
    }
}
