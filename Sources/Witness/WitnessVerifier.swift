#if canImport(Musl)
    internal import Musl
#else
    internal import Glibc
#endif

/// Walks a log from its first record to its last and finds the first place at which it is not what was written.
///
/// Works beside a running writer. A log may begin later than with record 1 where a signed record says that retention
/// removed what came before. What it can't know, unless checkpoints were kept elsewhere: records cut off behind the last checkpoint, and anything that
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
        /// The last record that retention removed, by the log's own signed word; nil when the log has its beginning.
        public var retiredThrough: Int?
        /// Records behind the last checkpoint: chained, but not yet signed for.
        public var unsigned = 0
        /// Torn ends that earlier starts have set aside.
        public var tornFiles: [String] = []
        public var notes: [String] = []
        public var defect: Defect?
    }

    private let directory: LogDirectory
    private let keys: [WitnessPublicKey]
    private let kept: KeptCheckpoints

    /// - Parameters:
    ///   - keys: those of `node.pub`, or a copy of it kept where the node can't reach it, which is better.
    ///   - kept: checkpoints that were kept elsewhere: the log must still have them.
    public init(directory: String, keys: [WitnessPublicKey], kept: KeptCheckpoints = KeptCheckpoints()) {
        self.directory = LogDirectory(path: directory)
        self.keys = keys
        self.kept = kept
    }

    /// - Parameter progress: told the number of a record now and then.
    /// - Throws: when the log can't be read. A defect is no error but part of the report.
    public func verify(_ progress: (Int) -> Void = { _ in }) throws(WitnessError) -> Report {
        // A file may be removed by retention between being listed and being opened.
        for _ in 0..<3 {
            do {
                return try walk(progress)
            } catch {
                guard error.number == ENOENT else { throw WitnessError(error) }
            }
        }
        do {
            return try walk(progress)
        } catch {
            throw WitnessError(error)
        }
    }

    private func walk(_ progress: (Int) -> Void) throws(FileError) -> Report {
        // Read before the log: the log may grow meanwhile, the checkpoint must not be ahead of it.
        let saved = try LastCheckpoint.read(from: directory, keys: keys)
        let isBeingWritten = try WriterLock.isHeld(directory)
        var lines = try LogLines(directory)
        var walk = ChainWalk(keys: keys, saved: saved, kept: kept)
        walk.report.files = lines.files.count
        walk.report.tornFiles = try directory.names().filter { $0.contains(".jsonl.torn-") }
        while let line = try lines.next() {
            walk.enter(line.entry, noted: lines.summary)
            if let damage = line.damage {
                walk.fail(damage == .cutOff ? .truncated : .edited, line, walk.expected, damage.rawValue)
                break
            }
            if !line.isTerminated {
                if line.isInLastFile, isBeingWritten {
                    walk.report.notes.append("the last line is being written")
                } else {
                    walk.fail(
                        line.isInLastFile ? .torn : .truncated, line, walk.expected,
                        "the line ends after \(line.bytes.count) bytes")
                }
                break
            }
            guard let seal = RecordSeal(line.bytes), seal.isIntact else {
                try walk.classifyBroken(line, next: lines.next())
                break
            }
            guard walk.fits(seal, in: line.entry) else {
                try walk.classifyMisplaced(seal, line, &lines)
                break
            }
            walk.accept(seal, line)
            if seal.sequence % 1024 == 0 { progress(seal.sequence) }
            if walk.report.defect != nil { break }
        }
        walk.finish()
        return walk.report
    }
}
