internal import CoreTypes
internal import Dispatch
internal import Synchronization

/// The queue in front of the disk and the thread behind it.
final class WitnessWorker: Sendable {
    private struct Queue {
        var pending: [ChainWriter.Entry] = []
        var isStopping = false
        var isFinished = false
        /// Whether the thread waits to be woken.
        var isAsleep = false
    }

    /// So much is handed to the disk at a time that a burst neither needs much memory nor delays the first in it.
    private static let batchLimit = 2048

    private let settings: WitnessSettings
    private let clock: @Sendable () -> Moment
    private let onCommit: @Sendable (CommitReport) -> Void
    private let lock: WriterLock
    private let queue = Mutex(Queue())
    /// Held by the thread alone; the mutex only says so to the compiler.
    private let writer: Mutex<ChainWriter>
    private let wake = DispatchSemaphore(value: 0)
    let finished = DispatchSemaphore(value: 0)
    /// Signaled when a file has been closed.
    private let rotated: DispatchSemaphore
    /// The sequence number of the last record that is on the disk.
    private let durable: Atomic<Int>
    /// The sequence number in the name of the file that is written.
    private let file: Atomic<Int>
    private let records = Atomic<UInt64>(0)
    private let failures = Atomic<UInt64>(0)
    private let bytes = Atomic<UInt64>(0)

    init(
        _ settings: WitnessSettings, writer: ChainWriter, lock: WriterLock, rotated: DispatchSemaphore,
        clock: @escaping @Sendable () -> Moment, onCommit: @escaping @Sendable (CommitReport) -> Void
    ) {
        self.settings = settings
        durable = Atomic(writer.lastSequence)
        file = Atomic(writer.currentFile)
        self.rotated = rotated
        self.writer = Mutex(writer)
        self.lock = lock
        self.clock = clock
        self.onCommit = onCommit
    }

    var counters: WitnessCounters {
        WitnessCounters(
            records: records.load(ordering: .relaxed), failures: failures.load(ordering: .relaxed),
            bytes: bytes.load(ordering: .relaxed))
    }

    var durableSequence: Int { durable.load(ordering: .acquiring) }
    var currentFile: Int { file.load(ordering: .acquiring) }

    func append(_ entry: ChainWriter.Entry) -> Bool {
        let (isTaken, isAsleep) = queue.withLock { queue in
            guard !queue.isStopping, queue.pending.count < settings.queueCapacity else { return (false, false) }
            queue.pending.append(entry)
            defer { queue.isAsleep = false }
            return (true, queue.isAsleep)
        }
        if isAsleep { wake.signal() }
        if !isTaken { failures.add(1, ordering: .relaxed) }
        return isTaken
    }

    func stop() {
        let isAsleep = queue.withLock { queue in
            queue.isStopping = true
            defer { queue.isAsleep = false }
            return queue.isAsleep
        }
        if isAsleep { wake.signal() }
    }

    /// The life of the thread.
    func run() {
        if writer.withLock({ $0.hasNotices }) { commit([]) }
        while true {
            let (entries, isStopping) = takeAll()
            var rest = entries[...]
            while !rest.isEmpty {
                let batch = rest.prefix(settings.durability == .sync ? 1 : Self.batchLimit)
                rest = rest.dropFirst(batch.count)
                commit(batch)
            }
            if isStopping {
                checkpoint()
                break
            }
            if let due = writer.withLock({ $0.checkpointDue }), clock().monotonic >= due { checkpoint() }
        }
        writer.withLock { $0.close() }
        lock.release()
        finished.signal()
    }

    /// What waits; returns with nothing when a checkpoint may be due.
    private func takeAll() -> (entries: [ChainWriter.Entry], isStopping: Bool) {
        while true {
            let taken: (entries: [ChainWriter.Entry], isStopping: Bool)? = queue.withLock { queue in
                guard !queue.pending.isEmpty || queue.isStopping else {
                    queue.isAsleep = true
                    return nil
                }
                defer { queue.pending = [] }
                return (queue.pending, queue.isStopping)
            }
            if let taken { return taken }
            guard let due = writer.withLock({ $0.checkpointDue }) else {
                wake.wait()
                continue
            }
            let now = clock().monotonic
            let left = due > now ? Int(clamping: due - now) : 0
            if wake.wait(timeout: .now() + .nanoseconds(left)) == .timedOut {
                queue.withLock { $0.isAsleep = false }
                return ([], false)
            }
        }
    }

    private func commit(_ batch: ArraySlice<ChainWriter.Entry>) {
        let tokens = batch.compactMap(\.token)
        let outcome = writer.withLock { writer in
            Result { () throws(WitnessError) in try writer.commit(batch, now: clock()) }
        }
        switch outcome {
        case .success(let written):
            count(written)
            for entry in batch { entry.sealed?(true) }
            onCommit(CommitReport(durable: tokens))
        case .failure(let error):
            failures.add(UInt64(max(1, batch.count)), ordering: .relaxed)
            for entry in batch { entry.sealed?(false) }
            onCommit(CommitReport(failed: tokens, error: error))
        }
        saveCheckpoint()
    }

    private func checkpoint() {
        let outcome = writer.withLock { writer in
            Result { () throws(WitnessError) in try writer.checkpoint(now: clock()) }
        }
        switch outcome {
        case .success(let written): count(written)
        case .failure(let error): fail(error)
        }
        saveCheckpoint()
    }

    private func saveCheckpoint() {
        let outcome = writer.withLock { writer in
            Result { () throws(WitnessError) in try writer.saveCheckpoint() }
        }
        if case .failure(let error) = outcome { fail(error) }
    }

    private func count(_ written: ChainWriter.Written) {
        let (last, current) = writer.withLock { ($0.lastSequence, $0.currentFile) }
        durable.store(last, ordering: .releasing)
        if file.exchange(current, ordering: .releasing) != current { rotated.signal() }
        records.add(UInt64(written.records), ordering: .relaxed)
        bytes.add(UInt64(written.bytes), ordering: .relaxed)
    }

    private func fail(_ error: WitnessError) {
        failures.add(1, ordering: .relaxed)
        onCommit(CommitReport(error: error))
    }
}
