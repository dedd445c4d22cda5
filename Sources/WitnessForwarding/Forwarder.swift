internal import CoreTypes
internal import Logging
internal import NIOPosix
internal import Synchronization
internal import Witness

/// Sends a log's records to one receiver, each at least once, in their order.
///
/// The log is the spool: a cursor beside it says how far the receiver is known to have come, and after any trouble
/// sending goes on from there.
final class Forwarder: Sendable {
    let settings: ForwarderSettings
    private let directory: String
    private let log: WitnessLog
    private let sink: any Sink
    private let source: WitnessSource
    private let logger: Logger
    private let shared: Mutex<ForwarderStatus>
    private let isStopping = Atomic(false)

    /// How often it looks for new records.
    private static let glance = Duration.milliseconds(100)
    /// The cursor is saved so often at most; what lies between is sent again after a crash.
    private static let saveInterval = Duration.seconds(1)

    init(_ settings: ForwarderSettings, sink: any Sink, directory: String, log: WitnessLog, logger: Logger) {
        self.settings = settings
        self.sink = sink
        self.directory = directory
        self.log = log
        self.logger = logger
        source = WitnessSource(directory: directory, after: 0)
        shared = Mutex(ForwarderStatus())
    }

    var status: ForwarderStatus { shared.withLock { $0 } }

    /// Lets `run` end: at once when all has been sent, else within its limit.
    func stop() { isStopping.store(true, ordering: .releasing) }

    private struct Progress {
        var cursor: ForwardCursor
        var saved: ForwardCursor
        var savedAt: ContinuousClock.Instant
        var window: SettlingWindow<ForwardCursor>
        var backoff = Backoff()
        var trouble = Trouble()
        var batch: Int
        /// The last record sent; behind `cursor` while batches settle.
        var sent: ForwardCursor
    }

    /// - Parameter limit: how long, once told to stop, it goes on sending what is there.
    func run(limit: Duration) async {
        var progress = await begin()
        var deadline: ContinuousClock.Instant?
        while !Task.isCancelled {
            if isStopping.load(ordering: .acquiring) {
                let now = ContinuousClock.now
                deadline = deadline ?? now + limit
                if let deadline, now >= deadline { break }
                if progress.sent.sequence >= log.durableSequence { break }
            }
            await settle(&progress)
            if let loss = sink.loss() { await failed(DeliveryError(description: loss), &progress) }
            guard let batch = await read(progress), !batch.records.isEmpty else {
                await pause(Self.glance)
                continue
            }
            if batch.missing > 0 { report(missing: batch.missing, before: batch.records[0].sequence) }
            if let first = batch.records.first, isForeign(first, after: progress.sent) {
                await beginAnew(&progress)
                continue
            }
            do {
                try await sink.deliver(batch.records)
                delivered(batch.records, &progress)
            } catch {
                await failed(error, &progress)
            }
        }
        await settle(&progress)
        await save(&progress)
        await sink.close()
    }

    // MARK: Where to begin

    private func begin() async -> Progress {
        let name = settings.name
        let directory = directory
        var cursor = ForwardCursor.start
        do {
            cursor = try await Self.blocking { try ForwardCursor.read(name, directory: directory) } ?? .start
        } catch {
            logger.error("forwarder \(name): its cursor can't be read, all is sent again: \(error)")
        }
        if cursor.sequence > log.durableSequence {
            logger.warning("forwarder \(name): its cursor is of another log; it begins with this one's first record")
            cursor = .start
        }
        source.seek(after: cursor.sequence)
        shared.withLock { $0.acknowledged = cursor.sequence }
        return Progress(
            cursor: cursor, saved: cursor, savedAt: .now, window: SettlingWindow(settle: settle),
            batch: settings.batch, sent: cursor)
    }

    private var settle: Duration {
        if case .http = settings.target { return .zero }
        return settings.settle
    }

    /// Whether a record is the next by number, but of a log that has another past.
    private func isForeign(_ record: OutgoingRecord, after last: ForwardCursor) -> Bool {
        last.sequence > 0 && record.sequence == last.sequence + 1 && record.previous != last.hash
    }

    private func beginAnew(_ progress: inout Progress) async {
        logger.warning(
            "forwarder \(settings.name): the log is another one than before; it begins with its first record")
        progress.cursor = .start
        progress.sent = .start
        progress.window.clear()
        source.seek(after: 0)
        await save(&progress)
    }

    // MARK: One round

    private func read(_ progress: Progress) async -> (records: [OutgoingRecord], missing: Int)? {
        let bound = log.durableSequence
        guard bound > progress.sent.sequence else { return nil }
        let limit = progress.batch
        do {
            return try await Self.blocking { [source] in
                try source.next(upTo: bound, limit: limit, bytes: ForwarderSettings.batchBytes)
            }
        } catch {
            logger.error("forwarder \(settings.name): the log can't be read: \(error)")
            await pause(.seconds(1))
            return nil
        }
    }

    private func delivered(_ records: [OutgoingRecord], _ progress: inout Progress) {
        guard let last = records.last else { return }
        progress.sent = ForwardCursor(sequence: last.sequence, hash: last.hash)
        progress.window.add(progress.sent, at: .now)
        progress.batch = min(settings.batch, progress.batch * 2)
        shared.withLock { $0.sent += records.count }
    }

    private func settle(_ progress: inout Progress) async {
        let now = ContinuousClock.now
        if let settled = progress.window.settled(at: now) {
            progress.cursor = settled
            progress.backoff.succeeded()
            shared.withLock { status in
                status.acknowledged = settled.sequence
                status.isUp = true
            }
            if progress.trouble.ended() {
                logger.notice("forwarder \(settings.name): its receiver takes records again")
                tell(.recovered, .notice, [])
            }
        }
        if progress.cursor != progress.saved, now - progress.savedAt >= Self.saveInterval { await save(&progress) }
    }

    private func failed(_ error: DeliveryError, _ progress: inout Progress) async {
        shared.withLock { status in
            status.failures += 1
            status.isUp = false
        }
        // What the connection carried and did not settle goes again.
        progress.window.clear()
        progress.sent = progress.cursor
        source.seek(after: progress.cursor.sequence)
        if error.isTooLarge { progress.batch = max(1, progress.batch / 2) }
        _ = sink.loss()
        if progress.trouble.began(at: .now) {
            logger.error("forwarder \(settings.name): \(error)")
            tell(.degraded, .alert, [.init("reason", .string(error.description))])
        }
        let wait = progress.backoff.failed(jitter: .random(in: 0...1), asked: error.retryAfter)
        await pause(wait)
    }

    private func save(_ progress: inout Progress) async {
        guard progress.cursor != progress.saved else { return }
        let (cursor, name, directory) = (progress.cursor, settings.name, directory)
        do {
            try await Self.blocking { try cursor.save(name, directory: directory) }
            progress.saved = cursor
        } catch {
            logger.error("forwarder \(name): its cursor can't be saved, so records will be sent again: \(error)")
        }
        progress.savedAt = .now
    }

    // MARK: Telling

    private func tell(_ kind: SecurityEvent.Kind, _ severity: SecurityEvent.Severity, _ more: [SecurityEvent.Detail]) {
        let component = SecurityEvent.Detail("component", .string("forwarder:\(settings.name)"))
        log.append(SecurityEvent(kind, severity, details: [component] + more), at: SystemClock.now().wall)
    }

    /// Retention, or somebody, has removed what was still to be sent.
    private func report(missing: Int, before sequence: Int) {
        shared.withLock { $0.lost += missing }
        logger.error("forwarder \(settings.name): \(missing) records before \(sequence) are gone and can't be sent")
        tell(
            .securityEvent, .alert,
            [
                .init("reason", "forward_lost"), .init("count", .integer(missing)),
                .init("before_seq", .integer(sequence)),
            ])
    }

    /// Ends early when it is told to stop.
    private func pause(_ duration: Duration) async {
        let deadline = ContinuousClock.now + duration
        while ContinuousClock.now < deadline, !Task.isCancelled {
            let left = deadline - ContinuousClock.now
            // Ends early only where it is canceled.
            try? await Task.sleep(for: min(left, Self.glance))
            if isStopping.load(ordering: .acquiring), duration > Self.glance { return }
        }
    }

    /// Files are read and written on NIO's threads for that.
    private static func blocking<Value: Sendable>(_ body: @escaping @Sendable () throws -> Value) async throws -> Value
    {
        try await NIOThreadPool.singleton.runIfActive(body)
    }
}
