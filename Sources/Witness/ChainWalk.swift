/// The walk along the chain: what has been seen, what has to come next.
struct ChainWalk {
    private let keys: [WitnessPublicKey]
    private let saved: LastCheckpoint
    private let kept: KeptCheckpoints
    var report = WitnessVerifier.Report()
    private var last: (seal: RecordSeal, file: String, line: Int)?
    /// The first record, where it is not record 1; that is right only if retention removed what came before.
    private var lateStart: (seal: RecordSeal, file: String)?
    /// What the last record about retention said, and whether a checkpoint stands behind it.
    private var retirement: (lastSequence: Int, head: String, isSigned: Bool)?
    /// What is noted about the file at hand, and what its records say.
    private var file: (entry: LogDirectory.Entry, noted: FileSummary?, found: FileSummary?)?
    /// The first file whose note is not true; told where nothing is wrong with the records themselves.
    private var falseNote: WitnessVerifier.Defect?

    init(keys: [WitnessPublicKey], saved: LastCheckpoint, kept: KeptCheckpoints) {
        self.keys = keys
        self.saved = saved
        self.kept = kept
    }

    var expected: Int { (last?.seal.sequence ?? 0) + 1 }
    private var head: [UInt8] { last?.seal.hash ?? RecordEncoder.zeroHash }

    /// - Parameter entry: the file that it stands in; retention removes whole files.
    func fits(_ seal: RecordSeal, in entry: LogDirectory.Entry) -> Bool {
        if last == nil, seal.sequence > 1, entry.first == seal.sequence { return true }
        return seal.sequence == expected && seal.previous == head
    }

    /// Comes to a line of a file.
    /// - Parameter noted: what its header says, where it is compressed.
    mutating func enter(_ entry: LogDirectory.Entry, noted: FileSummary?) {
        guard file?.entry.first != entry.first else { return }
        leaveFile()
        file = (entry, noted, nil)
    }

    /// The note is what queries leave files out by.
    private mutating func leaveFile() {
        guard let file, let noted = file.noted, let found = file.found, noted != found, falseNote == nil else { return }
        falseNote = .init(
            kind: .edited, file: file.entry.name, line: 0, sequence: found.first,
            explanation: "the note in its header (\(JSONText.escaped(noted.text))) is not true of its records")
    }

    mutating func fail(
        _ kind: WitnessVerifier.DefectKind, _ line: LogLines.Line, _ sequence: Int, _ explanation: String
    ) {
        report.defect = .init(
            kind: kind, file: line.file, line: line.number, sequence: sequence, explanation: explanation)
    }

    /// How a record about retention goes on behind its timestamp: most lines need not be read for it.
    private static let retentionHeads = ["NOTICE", "ALERT"].map {
        "\",\"event_type\":\"SECURITY_EVENT\",\"severity\":\"\($0)\",\"details\":{\"reason\":\"retention\","
    }

    mutating func accept(_ seal: RecordSeal, _ line: LogLines.Line) {
        if case .valid(let record) = saved, record.sequence == seal.sequence, Array(record.hash.utf8) != seal.hash {
            fail(.edited, line, seal.sequence, "it differs from the checkpoint in \(LogDirectory.checkpointName)")
            return
        }
        if let keptHash = kept.hashes[seal.sequence], Array(keptHash.utf8) != seal.hash {
            fail(.edited, line, seal.sequence, "it differs from the checkpoint that was kept elsewhere")
            return
        }
        // The key stands at a fixed place: a timestamp has 24 characters.
        let kind = line.bytes.dropFirst(RecordTime.range.upperBound)
        let isCheckpoint = kind.starts(with: "\",\"event_type\":\"CHECKPOINT\",".utf8)
        if Self.retentionHeads.contains(where: { kind.starts(with: $0.utf8) }),
            let record = WitnessRecord(line: line.bytes), let stated = Retention.Retirement.stated(by: record)
        {
            retirement = (stated.lastSequence, stated.head, false)
        }
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
            retirement?.isSigned = true
        }
        report.unsigned = isCheckpoint ? 0 : report.unsigned + 1
        report.records += 1
        if last == nil {
            report.firstSequence = seal.sequence
            if seal.sequence > 1 { lateStart = (seal, line.file) }
        }
        last = (seal, line.file, line.number)
        if let time = RecordTime.milliseconds(line.bytes) {
            if file?.found == nil {
                file?.found = FileSummary(first: seal.sequence, last: seal.sequence, from: time, to: time)
            } else {
                file?.found?.add(seal.sequence, at: time)
            }
        }
    }

    /// A line that is no record, or whose bytes don't have the hash that it states.
    mutating func classifyBroken(_ line: LogLines.Line, next: LogLines.Line?) {
        if let next, let seal = RecordSeal(next.bytes), seal.isIntact, fits(seal, in: next.entry) {
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
            if let seal = RecordSeal(line.bytes), seal.isIntact, fits(seal, in: line.entry) { return true }
        }
        return false
    }

    mutating func finish() {
        leaveFile()
        report.lastSequence = last?.seal.sequence
        report.head = last.map { String(decoding: $0.seal.hash, as: UTF8.self) }
        guard report.defect == nil else { return }
        judgeStart()
        if report.defect == nil { judgeEnd() }
        if report.defect == nil { report.defect = falseNote }
    }

    /// A beginning that is missing must have been removed by retention, by a record that is signed for.
    private mutating func judgeStart() {
        guard let lateStart else { return }
        let missing = lateStart.seal.sequence - 1
        let retired = retirement.flatMap { $0.isSigned ? $0 : nil }
        let previous = String(decoding: lateStart.seal.previous, as: UTF8.self)
        if let retired, retired.lastSequence >= missing, retired.lastSequence > missing || retired.head == previous {
            report.retiredThrough = missing
            return
        }
        let from = retired.map { min($0.lastSequence, missing - 1) + 1 } ?? 1
        report.records = 0
        report.checkpoints = 0
        report.defect = .init(
            kind: .removed, file: lateStart.file, line: 1, sequence: from,
            explanation: "\(from == missing ? "record \(from)" : "records \(from) to \(missing)") should stand before "
                + "this line, and no signed record says that retention removed them")
    }

    private mutating func judgeEnd() {
        let place = (file: last?.file ?? LogDirectory.checkpointName, line: last?.line ?? 0)
        if let missing = kept.hashes.keys.max(), missing >= expected {
            report.defect = .init(
                kind: .truncated, file: place.file, line: place.line, sequence: expected,
                explanation: "the log ends here, but a checkpoint that was kept elsewhere is record \(missing)")
            return
        }
        let gone = kept.hashes.keys.filter { $0 <= report.retiredThrough ?? 0 }
        if !gone.isEmpty {
            report.notes.append("\(gone.count) of the kept checkpoints are of records that retention has removed")
        }
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
