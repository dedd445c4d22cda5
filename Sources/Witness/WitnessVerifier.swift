/// Walks a log from its first record to its last and finds the first place at which it is not what was written.
///
/// Works beside a running writer. What it can't know: records cut off behind the last checkpoint, and anything that
/// somebody does who holds the node's private key. `Report.unsigned` says how many records no checkpoint covers yet.
public struct WitnessVerifier: Sendable {
    public enum DefectKind: String, Sendable, CaseIterable {
        case edited
        case removed
        case inserted
        case reordered
        /// The log ends before its last checkpoint.
        case truncated
        /// The last line is not whole; the next start of the edge sets it aside.
        case torn
        /// A checkpoint was not signed by this node, or not for this place.
        case forgedCheckpoint = "forged_checkpoint"
    }

    public struct Defect: Sendable, Equatable, CustomStringConvertible {
        public let kind: DefectKind
        /// The name of the file within the log's directory.
        public let file: String
        /// Counted from 1; 0 when the defect is at no line.
        public let line: Int
        /// The number of the record that is concerned.
        public let sequence: Int
        public let explanation: String

        public var description: String {
            "\(file)\(line > 0 ? ":\(line)" : ""): \(kind.rawValue), record \(sequence): \(explanation)"
        }
    }

    public struct Report: Sendable, Equatable {
        public var files = 0
        /// Records up to the first defect.
        public var records = 0
        public var checkpoints = 0
        public var firstSequence: Int?
        public var lastSequence: Int?
        /// The hash of the last record.
        public var head: String?
        /// Records behind the last checkpoint: chained, but not yet signed for.
        public var unsigned = 0
        /// Torn ends that earlier starts have set aside.
        public var tornFiles: [String] = []
        public var notes: [String] = []
        public var defect: Defect?
    }

    private let directory: LogDirectory
    private let keys: [WitnessPublicKey]

    /// - Parameter keys: those of `node.pub`, or a copy of it kept where the node can't reach it, which is better.
    public init(directory: String, keys: [WitnessPublicKey]) {
        self.directory = LogDirectory(path: directory)
        self.keys = keys
    }

    /// - Throws: when the log can't be read. A defect is no error but part of the report.
    public func verify() throws(WitnessError) -> Report {
        do {
            return try walk()
        } catch {
            throw WitnessError(error)
        }
    }

    private func walk() throws(FileError) -> Report {
        // Read before the log: the log may grow meanwhile, the checkpoint must not be ahead of it.
        let saved = try LastCheckpoint.read(from: directory, keys: keys)
        let isBeingWritten = try WriterLock.isHeld(directory)
        var lines = try LogLines(directory)
        defer { lines.close() }
        var walk = ChainWalk(keys: keys, saved: saved)
        walk.report.files = lines.files.count
        walk.report.tornFiles = try directory.names().filter { $0.contains(".jsonl.torn-") }
        while let line = try lines.next() {
            if !line.isTerminated, line.isInLastFile {
                if isBeingWritten {
                    walk.report.notes.append("the last line is being written")
                } else {
                    walk.fail(.torn, line, walk.expected, "the line ends after \(line.bytes.count) bytes")
                }
                break
            }
            guard let seal = RecordSeal(line.bytes), seal.isIntact else {
                try walk.classifyBroken(line, next: lines.next())
                break
            }
            guard walk.fits(seal) else {
                try walk.classifyMisplaced(seal, line, &lines)
                break
            }
            walk.accept(seal, line)
            if walk.report.defect != nil { break }
        }
        walk.finish()
        return walk.report
    }
}

/// The walk along the chain: what has been seen, what has to come next.
private struct ChainWalk {
    private let keys: [WitnessPublicKey]
    private let saved: LastCheckpoint
    var report = WitnessVerifier.Report()
    private var last: (seal: RecordSeal, file: String, line: Int)?

    init(keys: [WitnessPublicKey], saved: LastCheckpoint) {
        self.keys = keys
        self.saved = saved
    }

    var expected: Int { (last?.seal.sequence ?? 0) + 1 }
    private var head: [UInt8] { last?.seal.hash ?? RecordEncoder.zeroHash }

    func fits(_ seal: RecordSeal) -> Bool {
        seal.sequence == expected && seal.previous == head
    }

    mutating func fail(
        _ kind: WitnessVerifier.DefectKind, _ line: LogLines.Line, _ sequence: Int, _ explanation: String
    ) {
        report.defect = .init(
            kind: kind, file: line.file, line: line.number, sequence: sequence, explanation: explanation)
    }

    mutating func accept(_ seal: RecordSeal, _ line: LogLines.Line) {
        if case .valid(let record) = saved, record.sequence == seal.sequence, Array(record.hash.utf8) != seal.hash {
            fail(.edited, line, seal.sequence, "it differs from the checkpoint in \(LogDirectory.checkpointName)")
            return
        }
        // The key stands at a fixed place: a timestamp has 24 characters.
        let isCheckpoint = line.bytes.dropFirst(38).starts(with: "\",\"event_type\":\"CHECKPOINT\",".utf8)
        if isCheckpoint {
            guard let record = WitnessRecord(line: line.bytes) else {
                fail(.forgedCheckpoint, line, seal.sequence, "it is not a record as the node writes it")
                return
            }
            if let defect = Checkpoint.defect(in: record, keys: keys) {
                fail(.forgedCheckpoint, line, seal.sequence, defect)
                return
            }
            report.checkpoints += 1
        }
        report.unsigned = isCheckpoint ? 0 : report.unsigned + 1
        report.records += 1
        if last == nil { report.firstSequence = seal.sequence }
        last = (seal, line.file, line.number)
    }

    /// A line that is no record, or whose bytes don't have the hash that it states.
    mutating func classifyBroken(_ line: LogLines.Line, next: LogLines.Line?) {
        if let next, let seal = RecordSeal(next.bytes), seal.isIntact, fits(seal) {
            fail(.inserted, line, expected, "a line that is no record stands before record \(expected)")
        } else {
            fail(.edited, line, expected, "its text does not have the hash that stands in it")
        }
    }

    /// A whole record that is not the one to come next.
    mutating func classifyMisplaced(
        _ seal: RecordSeal, _ line: LogLines.Line, _ lines: inout LogLines
    ) throws(FileError) {
        if seal.sequence > expected {
            let missing =
                expected == seal.sequence - 1 ? "record \(expected)" : "records \(expected) to \(seal.sequence - 1)"
            if try isFurtherOn(&lines) {
                fail(.reordered, line, seal.sequence, "it stands before record \(expected)")
            } else {
                fail(.removed, line, expected, "\(missing) should stand before this line")
            }
        } else if let last, seal.sequence == last.seal.sequence, seal.previous == last.seal.previous {
            report.defect = .init(
                kind: .inserted, file: last.file, line: last.line, sequence: last.seal.sequence,
                explanation: "there are two records with this number, and the chain goes on from the next line")
        } else if seal.sequence < expected {
            fail(.inserted, line, seal.sequence, "its place is not behind record \(expected - 1)")
        } else if let last {
            report.defect = .init(
                kind: .edited, file: last.file, line: last.line, sequence: last.seal.sequence,
                explanation: "the next record was chained to another text")
        } else {
            fail(.edited, line, seal.sequence, "the first record must follow none")
        }
    }

    /// Whether the record that should come next stands somewhere behind.
    private func isFurtherOn(_ lines: inout LogLines) throws(FileError) -> Bool {
        while let line = try lines.next() {
            if let seal = RecordSeal(line.bytes), seal.isIntact, fits(seal) { return true }
        }
        return false
    }

    mutating func finish() {
        report.lastSequence = last?.seal.sequence
        report.head = last.map { String(decoding: $0.seal.hash, as: UTF8.self) }
        guard report.defect == nil else { return }
        let place = (file: last?.file ?? LogDirectory.checkpointName, line: last?.line ?? 0)
        switch saved {
        case .valid(let record) where record.sequence >= expected:
            report.defect = .init(
                kind: .truncated, file: place.file, line: place.line, sequence: expected,
                explanation: "the log ends here, but a checkpoint signed at \(record.timestamp) covers records up to "
                    + "\(record.sequence)")
        case .invalid(let reason):
            report.defect = .init(
                kind: .forgedCheckpoint, file: LogDirectory.checkpointName, line: 1, sequence: expected - 1,
                explanation: reason)
        case .missing where report.checkpoints > 0:
            report.notes.append(
                "\(LogDirectory.checkpointName) is missing: records cut off at the end could not be noticed")
        case .valid, .missing:
            break
        }
    }
}
