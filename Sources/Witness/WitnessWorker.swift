internal import CoreTypes
internal import Dispatch
internal import Synchronization

/// The queue in front of the disk and the thread behind it.
final class WitnessWorker: Sendable {
    private struct Queue {
        var pending: [ChainWriter.Entry] = []
        /// How many of them somebody waits for to be on the disk.
        var awaited = 0
        /// Records that the thread has taken and not yet written.
        var inHand = 0
        /// When the first of them came.
        var since: UInt64 = 0
        var isStopping = false
        var sleep = Sleep.awake
        var pace = SyncPace()
    }

    /// What the thread waits for, beside the time that it has set itself.
    private enum Sleep {
        case awake
        /// Anything.
        case idle
        /// A record that somebody waits for.
        case untilAwaited
        /// Nothing but the end: the disk gets a pause.
        case paused
    }

    /// Records that nobody waits for may wait this long for company: 50 ms.
    private static let patience: UInt64 = 50_000_000

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

    var queueLength: Int { queue.withLock { $0.pending.count + $0.inHand } }
    var durableSequence: Int { durable.load(ordering: .acquiring) }
    var currentFile: Int { file.load(ordering: .acquiring) }

    func append(_ entry: ChainWriter.Entry) -> Bool {
        let isAwaited = entry.token != nil || entry.sealed != nil
        let (isTaken, wakes) = queue.withLock { queue in
            guard !queue.isStopping, queue.pending.count < settings.queueCapacity else { return (false, false) }
            if queue.pending.isEmpty { queue.since = Self.paceClock() }
            queue.pending.append(entry)
            queue.awaited += isAwaited ? 1 : 0
            guard queue.sleep == .idle || (queue.sleep == .untilAwaited && isAwaited) else { return (true, false) }
            queue.sleep = .awake
            return (true, true)
        }
        if wakes { wake.signal() }
        if !isTaken { failures.add(1, ordering: .relaxed) }
        return isTaken
    }

    func stop() {
        let wakes = queue.withLock { queue in
            queue.isStopping = true
            defer { queue.sleep = .awake }
            return queue.sleep != .awake
        }
        if wakes { wake.signal() }
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
            let untilCheckpoint = writer.withLock { $0.checkpointDue }.map { due in
                due - min(due, clock().monotonic)
            }
            let now = Self.paceClock()
            let step: Step = queue.withLock { queue in
                if queue.isStopping || isDue(queue, now: now) {
                    queue.pace.took(awaited: queue.awaited, at: now)
                    defer {
                        queue.pending = []
                        queue.awaited = 0
                    }
                    queue.inHand = queue.pending.count
                    return .take(queue.pending, isStopping: queue.isStopping)
                }
                guard !queue.pending.isEmpty else {
                    // Under load more will come before it is due, and need not wake anybody.
                    if settings.durability == .group, now < queue.pace.due {
                        queue.sleep = .paused
                        return .sleep(queue.pace.due)
                    }
                    queue.sleep = .idle
                    return .sleep(untilCheckpoint.map { now + $0 })
                }
                queue.sleep = queue.awaited > 0 ? .paused : .untilAwaited
                return .sleep(dueTime(queue))
            }
            switch step {
            case .take(let entries, let isStopping):
                return (entries, isStopping)
            case .sleep(nil):
                wake.wait()
            case .sleep(let due?):
                let left = due > now ? Int(clamping: due - now) : 0
                guard wake.wait(timeout: .now() + .nanoseconds(left)) == .timedOut else { continue }
                let isCheckpoint = queue.withLock { queue in
                    queue.sleep = .awake
                    return queue.pending.isEmpty
                }
                if isCheckpoint { return ([], false) }
            }
        }
    }

    /// Pauses are real ones, whatever clock the records have.
    private static func paceClock() -> UInt64 { SystemClock.now().monotonic }

    private enum Step {
        case take([ChainWriter.Entry], isStopping: Bool)
        /// Until then; nil: for ever.
        case sleep(UInt64?)
    }

    private func isDue(_ queue: Queue, now: UInt64) -> Bool {
        !queue.pending.isEmpty && now >= dueTime(queue)
    }

    /// When what waits goes to the disk.
    private func dueTime(_ queue: Queue) -> UInt64 {
        guard settings.durability == .group else { return 0 }
        return queue.awaited > 0 ? queue.pace.due : max(queue.pace.due, queue.since + Self.patience)
    }

    private func commit(_ batch: ArraySlice<ChainWriter.Entry>) {
        let tokens = batch.compactMap(\.token)
        let outcome = writer.withLock { writer in
            Result { () throws(WitnessError) in try writer.commit(batch, now: clock()) }
        }
        queue.withLock { $0.inHand -= batch.count }
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
