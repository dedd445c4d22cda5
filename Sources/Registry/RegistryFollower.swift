internal import Dispatch
internal import Foundation
internal import Synchronization

/// Watches the registry's file and hands over a new snapshot whenever somebody has changed it.
///
/// Runs on a thread of its own, where all callbacks are called. While the database gives trouble, the last snapshot
/// remains the one to use.
public final class RegistryFollower: Sendable {
    /// What the follower tells; none of these may block for long.
    public struct Callbacks: Sendable {
        /// Called with the first snapshot and with each that differs from the one before.
        public var onSnapshot: @Sendable (RegistrySnapshot) -> Void
        /// Called with changes that are not in the witness yet, each once for this follower. When they are on the disk
        /// there, say so with ``RegistryFollower/acknowledge(upTo:)``; those not acknowledged come again to the next
        /// follower.
        public var onChanges: @Sendable ([RegistryChange]) -> Void
        /// Called once when reading begins to fail, with what to tell the operator.
        public var onTrouble: @Sendable (String) -> Void
        /// Called once when reading works again.
        public var onRecovered: @Sendable () -> Void

        public init(
            onSnapshot: @escaping @Sendable (RegistrySnapshot) -> Void,
            onChanges: @escaping @Sendable ([RegistryChange]) -> Void = { _ in },
            onTrouble: @escaping @Sendable (String) -> Void = { _ in },
            onRecovered: @escaping @Sendable () -> Void = {}
        ) {
            self.onSnapshot = onSnapshot
            self.onChanges = onChanges
            self.onTrouble = onTrouble
            self.onRecovered = onRecovered
        }
    }

    private let settings: RegistrySettings
    private let interval: Duration
    private let callbacks: Callbacks
    private let stopping = DispatchSemaphore(value: 0)
    private let finished = DispatchSemaphore(value: 0)
    private let acknowledged = Atomic<Int64>(0)

    /// Starts to follow a file that exists already. It goes on until ``stop()``.
    /// - Parameter interval: how often to look for changes.
    public init(_ settings: RegistrySettings, every interval: Duration = .milliseconds(200), _ callbacks: Callbacks) {
        self.settings = settings
        self.interval = interval
        self.callbacks = callbacks
        let thread = Thread { [self] in run() }
        thread.name = "registry"
        thread.start()
    }

    /// Changes up to this one are in the witness and need not be kept.
    public func acknowledge(upTo id: Int64) {
        acknowledged.max(id, ordering: .relaxed)
    }

    /// Returns when the last callback has. Not to be called from a callback.
    public func stop() {
        stopping.signal()
        finished.wait()
        finished.signal()
    }

    private func run() {
        var watch = Watch()
        let pause =
            Int(clamping: interval.components.seconds * 1_000_000_000)
            + Int(clamping: interval.components.attoseconds / 1_000_000_000)
        repeat {
            tick(&watch)
        } while stopping.wait(timeout: .now() + .nanoseconds(pause)) == .timedOut
        finished.signal()
    }

    private struct Watch {
        var store: RegistryStore?
        var identity: FileIdentity?
        var version: Int64?
        var snapshot: RegistrySnapshot?
        var handedOver: Int64 = 0
        var forgotten: Int64 = 0
        var isInTrouble = false
    }

    private func tick(_ watch: inout Watch) {
        do {
            try look(&watch)
            if watch.isInTrouble {
                watch.isInTrouble = false
                callbacks.onRecovered()
            }
        } catch {
            if error.code != .locked { watch.store = nil }
            if !watch.isInTrouble {
                watch.isInTrouble = true
                callbacks.onTrouble(error.description)
            }
        }
    }

    private func look(_ watch: inout Watch) throws(RegistryError) {
        let store = try opened(&watch)
        let done = min(acknowledged.load(ordering: .relaxed), watch.handedOver)
        if done > watch.forgotten {
            try store.forgetChanges(upTo: done)
            watch.forgotten = done
        }
        // Read before the content: a change in between is seen again at the next look.
        let version = try store.dataVersion()
        guard version != watch.version else { return }
        var snapshot = try store.snapshot()
        let changes = try store.pendingChanges(after: watch.handedOver)
        // A long list is handed over in parts.
        watch.version = changes.count < 1000 ? version : nil
        snapshot.revision = watch.snapshot?.revision ?? 0
        if snapshot != watch.snapshot {
            snapshot.revision += 1
            watch.snapshot = snapshot
            callbacks.onSnapshot(snapshot)
        }
        if let last = changes.last {
            watch.handedOver = last.id
            callbacks.onChanges(changes)
        }
    }

    /// The store of the file that has the name now: somebody may have put another in its place.
    private func opened(_ watch: inout Watch) throws(RegistryError) -> RegistryStore {
        let identity = FileIdentity(settings.path)
        if let store = watch.store, identity == watch.identity, identity != nil { return store }
        watch.store = nil
        let store = try RegistryStore(settings, create: false)
        watch.store = store
        watch.version = nil
        if identity != watch.identity {
            // Another file counts its changes anew.
            watch.identity = identity
            watch.handedOver = 0
            watch.forgotten = 0
            acknowledged.store(0, ordering: .relaxed)
        }
        return store
    }
}

/// Which file a name stands for.
private struct FileIdentity: Equatable {
    private let device: Int
    private let number: Int

    init?(_ path: String) {
        guard let attributes = try? FileManager.default.attributesOfItem(atPath: path),
            let device = attributes[.systemNumber] as? Int, let number = attributes[.systemFileNumber] as? Int
        else { return nil }
        self.device = device
        self.number = number
    }
}
