public import CoreTypes
internal import Dispatch
internal import Foundation
internal import Synchronization

/// What has become of the records of one batch.
public struct CommitReport: Sendable {
    /// The tokens of the records that are on the disk now, in the order of the log.
    public var durable: [UInt64] = []
    /// The tokens of the records that are not in the log and never will be.
    public var failed: [UInt64] = []
    /// Why: set when anything failed, also where no token was concerned.
    public var error: WitnessError?
}

/// Numbers for the metrics `witness_records_total`, `witness_failures_total` and `witness_bytes_total`.
public struct WitnessCounters: Sendable, Equatable {
    /// Records written since the log was opened, checkpoints included.
    public var records: UInt64
    /// Records that could not be written or found no place in the queue, and checkpoints that could not be saved.
    public var failures: UInt64
    public var bytes: UInt64
}

/// The log of security events: append-only, chained, signed at intervals, on the disk before anybody relies on it.
///
/// Appending costs the caller a place in a queue. One thread writes all that waits with one write and one sync, then says
/// through `onCommit` what became of it. So the slower the disk, the larger the batches.
public final class WitnessLog: Sendable {
    private let worker: WitnessWorker
    private let archiver: Archiver

    /// Opens the log or starts a new one, sets a torn last record aside, and goes on with the chain.
    /// - Parameters:
    ///   - onCommit: called once for each batch, on the log's own thread, in the order of the log. Must not block.
    ///   - clock: the time of day and a clock that never steps.
    /// - Throws: code `locked` when another process writes this log; `storage`; `key`.
    public convenience init(
        _ settings: WitnessSettings, clock: @escaping @Sendable () -> Moment = SystemClock.now,
        onCommit: @escaping @Sendable (CommitReport) -> Void
    ) throws(WitnessError) {
        let directory = LogDirectory(path: settings.directory)
        try self.init(settings, storage: directory, clock: clock, onCommit: onCommit)
    }

    init(
        _ settings: WitnessSettings, storage: any LogStorage, clock: @escaping @Sendable () -> Moment,
        onCommit: @escaping @Sendable (CommitReport) -> Void
    ) throws(WitnessError) {
        let directory = LogDirectory(path: settings.directory)
        let key = try NodeKey.load(from: LogDirectory(path: settings.keyDirectory))
        let lock = try WriterLock(directory)
        do {
            let keys = try WitnessPublicKey.load(fromFile: settings.keyDirectory + "/" + NodeKey.publicName)
            let recovery = try Recovery(directory, keys: keys)
            let writer = try ChainWriter(
                settings: settings, storage: storage, key: key, recovery: recovery, now: clock())
            let rotated = DispatchSemaphore(value: 0)
            worker = WitnessWorker(
                settings, writer: writer, lock: lock, rotated: rotated, clock: clock, onCommit: onCommit)
            archiver = Archiver(settings, worker: worker, wake: rotated, clock: clock)
        } catch {
            lock.release()
            throw (error as? FileError).map(WitnessError.init) ?? (error as? WitnessError)
                ?? WitnessError(.storage, "\(error)")
        }
        let thread = Thread { [worker] in worker.run() }
        thread.name = "witness"
        thread.start()
        let archiving = Thread { [archiver] in archiver.run() }
        archiving.name = "witness-archive"
        archiving.start()
    }

    deinit {
        archiver.stop()
        worker.stop()
    }

    /// Queues a record. Never waits for the disk.
    /// - Parameters:
    ///   - wall: when it happened, in milliseconds since 1970.
    ///   - token: comes back in a ``CommitReport`` once the record is on the disk or has failed.
    /// - Returns: false when the queue is full or the log closed: the record has failed, and no report will name it.
    @discardableResult
    public func append(_ event: SecurityEvent, at wall: Int64, token: UInt64? = nil) -> Bool {
        worker.append(.init(event: event, wall: wall, token: token))
    }

    public var counters: WitnessCounters { worker.counters }

    /// Records that wait for the disk.
    public var queueLength: Int { worker.queueLength }

    /// The sequence number of the last record that is on the disk; 0 in an empty log.
    public var durableSequence: Int { worker.durableSequence }

    /// What the looking after closed files has come to.
    public var archive: ArchiveStatus { archiver.status }

    /// Writes what waits and a last checkpoint, and gives the log free. Waits for the disk; call it from no event loop
    /// and not from `onCommit`.
    public func close() {
        // First, as long as the lock is held: another process may write here afterwards.
        archiver.stop()
        archiver.finished.wait()
        archiver.finished.signal()
        worker.stop()
        worker.finished.wait()
        worker.finished.signal()
    }
}

/// The clocks of this machine.
public enum SystemClock {
    @Sendable public static func now() -> Moment {
        var wall = timespec()
        var monotonic = timespec()
        clock_gettime(CLOCK_REALTIME, &wall)
        clock_gettime(CLOCK_MONOTONIC, &monotonic)
        return Moment(
            monotonic: UInt64(monotonic.tv_sec) * 1_000_000_000 + UInt64(monotonic.tv_nsec),
            wall: Int64(wall.tv_sec) * 1000 + Int64(wall.tv_nsec) / 1_000_000)
    }
}
