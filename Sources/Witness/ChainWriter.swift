internal import CoreTypes

/// Writes batches of records to the disk, all or none of a batch, and signs checkpoints.
///
/// Used from one thread. A batch that fails leaves the file and the chain as they were before it.
struct ChainWriter: Sendable {
    struct Entry: Sendable {
        var event: SecurityEvent
        /// Milliseconds since 1970.
        var wall: Int64
        var token: UInt64?
        /// Set when a checkpoint shall be signed right behind the record; called with whether both are on the disk.
        var sealed: (@Sendable (Bool) -> Void)?
    }

    /// What a batch has put on the disk.
    struct Written: Equatable {
        var records = 0
        var bytes = 0
    }

    private struct Chain {
        var next: Int
        var head: [UInt8]
        var sinceCheckpoint: Int
        var checkpointDue: UInt64
    }

    /// The file that is written. What was done to it stands, also where a batch fails.
    private struct Current {
        var file: any LogFile
        /// The sequence number in its name.
        var first: Int
        var length: Int
        /// The wall clock time of its first record; nil while it is empty.
        var began: Int64?
        /// Bytes of a failed batch that could not be cut off yet.
        var hasRemains = false
    }

    private let settings: WitnessSettings
    private let storage: any LogStorage
    private let key: NodeKey
    private var encoder: RecordEncoder
    private var chain: Chain
    private var current: Current
    /// Records that go before all others.
    private var notices: [SecurityEvent]
    /// The line of a checkpoint that is on the disk but not yet in the checkpoint file.
    private var unsavedCheckpoint: [UInt8]?

    /// - Parameter now: the time between checkpoints is counted from here.
    init(
        settings: WitnessSettings, storage: any LogStorage, key: NodeKey, recovery: Recovery, now: Moment
    ) throws(FileError) {
        self.settings = settings
        self.storage = storage
        self.key = key
        encoder = RecordEncoder(source: settings.source)
        chain = Chain(
            next: recovery.nextSequence, head: recovery.last?.hash ?? RecordEncoder.zeroHash,
            sinceCheckpoint: max(0, (recovery.last?.sequence ?? 0) - recovery.checkpoint),
            checkpointDue: now.advanced(by: settings.checkpointInterval).monotonic)
        notices = recovery.notices
        let first = recovery.file?.first ?? recovery.nextSequence
        current = Current(
            file: try storage.open(LogDirectory.fileName(first: first)), first: first, length: recovery.length,
            began: recovery.began)
    }

    /// The sequence number of the last record; 0 in an empty log.
    var lastSequence: Int { chain.next - 1 }

    /// The sequence number in the name of the file that is written; all files before it are closed.
    var currentFile: Int { current.first }

    /// The monotonic time at which a checkpoint is due; nil when nothing was written since the last.
    var checkpointDue: UInt64? { chain.sinceCheckpoint > 0 || !notices.isEmpty ? chain.checkpointDue : nil }

    /// Whether something that was found at the start has not been written yet.
    var hasNotices: Bool { !notices.isEmpty }

    /// Writes records, and the checkpoints that fall due among them.
    mutating func commit(_ entries: some Collection<Entry>, now: Moment) throws(WitnessError) -> Written {
        var written = Written()
        try attempt { (writer) throws(WitnessError) in
            var buffer: [UInt8] = []
            buffer.reserveCapacity(512 * (entries.count + 1))
            for notice in writer.notices {
                try writer.encode(notice, wall: now.wall, now: now, to: &buffer, &written)
            }
            for entry in entries {
                try writer.encode(entry.event, wall: entry.wall, now: now, to: &buffer, &written)
                if entry.sealed != nil, writer.chain.sinceCheckpoint > 0 {
                    try writer.encodeCheckpoint(now: now, to: &buffer, &written)
                }
            }
            try writer.put(buffer, now: now)
            written.bytes = buffer.count
            writer.notices = []
        }
        return written
    }

    /// Writes a checkpoint now, where there is anything to cover.
    mutating func checkpoint(now: Moment) throws(WitnessError) -> Written {
        var written = notices.isEmpty ? Written() : try commit([], now: now)
        guard chain.sinceCheckpoint > 0 else { return written }
        try attempt { (writer) throws(WitnessError) in
            var buffer: [UInt8] = []
            try writer.encodeCheckpoint(now: now, to: &buffer, &written)
            try writer.put(buffer, now: now)
            written.bytes += buffer.count
        }
        return written
    }

    /// Puts the last checkpoint where a truncated log shows against it.
    mutating func saveCheckpoint() throws(WitnessError) {
        guard let line = unsavedCheckpoint else { return }
        do {
            // Else the checkpoint could outlive the records that it covers, and blame the power cut on somebody.
            if settings.durability == .async { try current.file.sync() }
            try storage.replace(LogDirectory.checkpointName, with: line)
        } catch {
            throw WitnessError(error)
        }
        unsavedCheckpoint = nil
    }

    func close() {
        current.file.close()
    }

    /// Runs a change that takes effect as a whole or not at all.
    private mutating func attempt(_ body: (inout ChainWriter) throws(WitnessError) -> Void) throws(WitnessError) {
        var changed = self
        do {
            try body(&changed)
        } catch {
            // A rotation that succeeded before the failure stands.
            current = changed.current
            throw error
        }
        self = changed
    }

    private mutating func encode(
        _ event: SecurityEvent, wall: Int64, now: Moment, to buffer: inout [UInt8], _ written: inout Written
    ) throws(WitnessError) {
        chain.head = encoder.append(event, wall: wall, sequence: chain.next, previous: chain.head, to: &buffer)
        chain.next += 1
        chain.sinceCheckpoint += 1
        written.records += 1
        if chain.sinceCheckpoint >= max(1, settings.checkpointRecords) {
            try encodeCheckpoint(now: now, to: &buffer, &written)
        }
    }

    private mutating func encodeCheckpoint(
        now: Moment, to buffer: inout [UInt8], _ written: inout Written
    ) throws(WitnessError) {
        let head = String(decoding: chain.head, as: UTF8.self)
        let text = Checkpoint.signedText(
            source: settings.source, timestamp: CivilTime(millisecondsSince1970: now.wall).rfc3339,
            records: chain.sinceCheckpoint, uptoSequence: chain.next - 1, head: head)
        let signature: String
        do {
            signature = try key.sign(text)
        } catch {
            throw WitnessError(.key, "cannot sign a checkpoint: \(error)")
        }
        let checkpoint = Checkpoint(
            records: chain.sinceCheckpoint, uptoSequence: chain.next - 1, head: head, keyID: key.publicKey.id,
            signature: signature)
        let start = buffer.count
        chain.head = encoder.append(
            checkpoint.event, wall: now.wall, sequence: chain.next, previous: chain.head, to: &buffer)
        chain.next += 1
        chain.sinceCheckpoint = 0
        chain.checkpointDue = now.advanced(by: settings.checkpointInterval).monotonic
        unsavedCheckpoint = Array(buffer[start...])
        written.records += 1
    }

    private mutating func put(_ buffer: [UInt8], now: Moment) throws(WitnessError) {
        guard !buffer.isEmpty else { return }
        do {
            try removeRemains()
            try rotateIfDue(buffer, now: now)
            current.hasRemains = true
            try current.file.write(buffer, at: current.length)
            if settings.durability != .async { try current.file.sync() }
            current.hasRemains = false
            current.length += buffer.count
            current.began = current.began ?? RecordTime.milliseconds(buffer[...])
        } catch {
            guard current.hasRemains else { throw WitnessError(error) }
            do {
                try removeRemains()
            } catch let second {
                throw WitnessError(.storage, "\(error); and \(second)")
            }
            throw WitnessError(error)
        }
    }

    private mutating func removeRemains() throws(FileError) {
        guard current.hasRemains else { return }
        try current.file.truncate(to: current.length)
        current.hasRemains = false
    }

    /// The chain goes on in the new file, whose name says its first sequence number.
    private mutating func rotateIfDue(_ buffer: [UInt8], now: Moment) throws(FileError) {
        let isOld = current.began.map { now.wall - $0 >= settings.rotateInterval.nanoseconds / 1_000_000 } ?? false
        guard current.length > 0, current.length >= settings.rotateBytes || isOld,
            let end = buffer.firstIndex(of: UInt8(ascii: "\n")), let first = RecordSeal(buffer[..<end])
        else { return }
        if settings.durability == .async { try current.file.sync() }
        let next = try storage.open(LogDirectory.fileName(first: first.sequence))
        current.file.close()
        current = Current(file: next, first: first.sequence, length: 0)
    }
}
