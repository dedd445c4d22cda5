/// Goes through a log from its beginning and gives the records that a filter asks for, in constant memory.
///
/// Files whose header says that all their records are of another time are left out. Nothing is checked: see
/// ``WitnessVerifier``.
public struct WitnessQuery {
    private let filter: WitnessFilter
    private var lines: LogLines
    private var file: Int?
    /// Files that were left out.
    public private(set) var filesSkipped = 0
    /// Lines that are no records, and files that can't be read further: where, and why.
    public private(set) var unreadable: [String] = []
    /// How many of them there were; `unreadable` names the first hundred.
    public private(set) var unreadableCount = 0

    /// - Throws: code `storage` when the log can't be read.
    public init(directory: String, _ filter: WitnessFilter = WitnessFilter()) throws(WitnessError) {
        self.filter = filter
        do {
            lines = try LogLines(LogDirectory(path: directory))
        } catch {
            throw WitnessError(error)
        }
    }

    /// The next record; nil behind the last.
    public mutating func next() throws(WitnessError) -> WitnessRecord? {
        do {
            while let line = try lines.next() {
                if line.entry.first != file {
                    file = line.entry.first
                    if let summary = lines.summary, !filter.mayMatch(summary) {
                        filesSkipped += 1
                        lines.skipFile()
                        continue
                    }
                }
                if let record = read(line), filter.matches(record) { return record }
            }
            return nil
        } catch {
            throw WitnessError(error)
        }
    }

    private mutating func read(_ line: LogLines.Line) -> WitnessRecord? {
        if line.isTerminated, let record = WitnessRecord(line: line.bytes) { return record }
        // The last line of the last file may be in the writing.
        if line.damage != nil || line.isTerminated || !line.isInLastFile {
            unreadableCount += 1
            if unreadable.count < 100 {
                unreadable.append("\(line.file):\(line.number): \(line.damage?.rawValue ?? "no record")")
            }
        }
        return nil
    }
}

/// All that a log says about one trace: the records that bear its identifier, and those of the same calls that do not.
public struct WitnessStory: Sendable {
    /// In the order of the log.
    public private(set) var records: [WitnessRecord] = []
    /// Whether there were more than fit.
    public private(set) var isCut = false

    /// A trace identifier comes from a stranger, who may use one for everything.
    public static let limit = 10_000
    private static let mostCalls = 1000

    /// - Throws: code `storage` when the log can't be read.
    public init(of trace: String, directory: String) throws(WitnessError) {
        var filter = WitnessFilter()
        filter.trace = trace
        let calls = try Self.calls(filter, directory)
        try collect(directory) { record in
            record.traceID == trace || (record.traceID == nil && !calls.isDisjoint(with: record.calls))
        }
    }

    /// All that a log says about one call: the records that name it, by a Call-ID or by the edge's own identifier, and
    /// those of the same call that name it otherwise.
    /// - Throws: code `storage` when the log can't be read.
    public init(ofCall call: String, directory: String) throws(WitnessError) {
        var filter = WitnessFilter()
        filter.call = call
        let calls = try Self.calls(filter, directory)
        guard !calls.isEmpty else { return }
        try collect(directory) { !calls.isDisjoint(with: $0.calls) }
    }

    /// The names of the calls that a filter finds.
    private static func calls(_ filter: WitnessFilter, _ directory: String) throws(WitnessError) -> Set<String> {
        var calls: Set<String> = []
        var query = try WitnessQuery(directory: directory, filter)
        while let record = try query.next(), calls.count < mostCalls { calls.formUnion(record.calls) }
        return calls
    }

    private mutating func collect(
        _ directory: String, _ belongs: (WitnessRecord) -> Bool
    ) throws(WitnessError) {
        var query = try WitnessQuery(directory: directory)
        while let record = try query.next() {
            guard belongs(record) else { continue }
            guard records.count < Self.limit else {
                isCut = true
                break
            }
            records.append(record)
        }
    }
}
