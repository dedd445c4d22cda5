internal import CoreTypes
internal import Dispatch
internal import Synchronization

#if canImport(Musl)
    internal import Musl
#else
    internal import Glibc
#endif

/// What looking after closed files has come to since the log was opened.
public struct ArchiveStatus: Sendable, Equatable {
    public var filesCompressed = 0
    public var filesRemoved = 0
    /// Records removed that some forwarder had not sent, since they were older than `keep` and `keepUnsent` together.
    public var unsentRemoved = 0
    /// Why the last look failed; nil when it did not. It is tried again at the next.
    public var failure: String?
}

/// Compresses closed files and removes those that are too old, on a thread of its own that steps behind all others.
final class Archiver: Sendable {
    private let settings: WitnessSettings
    private let directory: LogDirectory
    private let worker: WitnessWorker
    private let wake: DispatchSemaphore
    private let clock: @Sendable () -> Moment
    private let isStopping = Atomic(false)
    private let state = Mutex(ArchiveStatus())
    let finished = DispatchSemaphore(value: 0)

    init(
        _ settings: WitnessSettings, worker: WitnessWorker, wake: DispatchSemaphore,
        clock: @escaping @Sendable () -> Moment
    ) {
        self.settings = settings
        self.worker = worker
        self.wake = wake
        self.clock = clock
        directory = LogDirectory(path: settings.directory)
    }

    var status: ArchiveStatus { state.withLock { $0 } }

    /// Ends the thread soon; what it is at is left as it was.
    func stop() {
        isStopping.store(true, ordering: .releasing)
        wake.signal()
    }

    /// The life of the thread.
    func run() {
        // Linux: of this thread alone. Calls must not wait for a file to be compressed.
        #if canImport(Musl)
            setpriority(PRIO_PROCESS, 0, 10)
        #else
            setpriority(__priority_which_t(PRIO_PROCESS.rawValue), 0, 10)
        #endif
        while !isStopping.load(ordering: .acquiring) {
            do {
                try look()
                state.withLock { $0.failure = nil }
            } catch {
                state.withLock { $0.failure = error.description }
            }
            _ = wake.wait(timeout: .now() + .nanoseconds(Int(clamping: settings.archiveInterval.nanoseconds)))
        }
        finished.signal()
    }

    private func look() throws(FileError) {
        let current = worker.currentFile
        try removeLeftovers()
        let compression = FileCompression(
            directory: directory, isCanceled: { [self] in isStopping.load(ordering: .acquiring) })
        var failure: FileError?
        for entry in try directory.files() where entry.first < current && !entry.isCompressed {
            do throws(FileError) {
                guard try compression.compress(entry) else { return }
                state.withLock { $0.filesCompressed += 1 }
            } catch {
                failure = error
                break
            }
        }
        // Also where nothing can be compressed: the disk may be full.
        try retire(before: current)
        if let failure { throw failure }
    }

    /// What an earlier process could not finish.
    private func removeLeftovers() throws(FileError) {
        for name in try directory.names() where name.hasPrefix("witness-") && name.hasSuffix(".jsonl.gz.new") {
            try directory.remove(name)
        }
    }

    private func retire(before current: Int) throws(FileError) {
        guard let keep = settings.keep else { return }
        let files = try directory.files()
        guard let next = files.first(where: { $0.first >= current }) else { return }
        var sent: [String: Int] = [:]
        for name in settings.forwarders {
            sent[name] = try ForwardCursor.read(name, in: directory)?.sequence ?? 0
        }
        let retention = Retention(
            directory: directory, keep: keep, keepUnsent: settings.keepUnsent, sent: sent)
        let now = clock().wall
        guard
            let retirement = try retention.due(
                closed: files.filter { $0.first < current }, next: next, now: now),
            !isStopping.load(ordering: .acquiring), record(retirement.event, at: now)
        else { return }
        state.withLock { $0.unsentRemoved += retirement.unsent.values.max() ?? 0 }
        for entry in retirement.files {
            try directory.remove(entry.name)
            try directory.remove(entry.otherForm.name)
            state.withLock { $0.filesRemoved += 1 }
        }
    }

    /// - Returns: whether the record is on the disk with a checkpoint behind it.
    private func record(_ event: SecurityEvent, at wall: Int64) -> Bool {
        let outcome = SealOutcome()
        guard worker.append(.init(event: event, wall: wall, token: nil, sealed: { outcome.tell($0) })) else {
            return false
        }
        return outcome.wait()
    }
}

/// Waits for what becomes of one record.
private final class SealOutcome: Sendable {
    private let isDone = DispatchSemaphore(value: 0)
    private let isOnDisk = Atomic(false)

    func tell(_ onDisk: Bool) {
        isOnDisk.store(onDisk, ordering: .releasing)
        isDone.signal()
    }

    func wait() -> Bool {
        isDone.wait()
        return isOnDisk.load(ordering: .acquiring)
    }
}
