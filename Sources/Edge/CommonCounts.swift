import CoreTypes
import Defense
import Synchronization

/// What the shards of an edge count together, since callers of one identity or one expert may come to any of them.
///
/// Shards that admit calls of one expert within the same microseconds don't see each other's: its limit may be exceeded by
/// as many calls as there are shards but one.
final class CommonCounts: Sendable {
    private struct Calls {
        var ofExpert: [String: Int] = [:]
        var up: Set<CallKey> = []
    }

    /// By the name of the profile.
    let ledgers: [String: CommonLedger]
    /// Whether there are several shards, so that a call can be up at another one.
    private let isShared: Bool
    private let calls = Mutex(Calls())
    private let begun = Atomic<UInt64>(0)

    init(_ settings: EdgeSettings) {
        ledgers = settings.profiles.mapValues { CommonLedger($0.policy) }
        isShared = settings.shards > 1
    }

    /// For the next call; small numbers, so that every reader of JSON can hold them.
    func nextCallNumber() -> UInt64 { begun.wrappingAdd(1, ordering: .relaxed).newValue }

    /// Calls that an expert has up or that wait to be admitted.
    func calls(of expert: String) -> Int { calls.withLock { $0.ofExpert[expert] ?? 0 } }

    func began(callOf expert: String) {
        calls.withLock { $0.ofExpert[expert, default: 0] += 1 }
    }

    func ended(callOf expert: String) {
        calls.withLock { calls in
            let left = (calls.ofExpert[expert] ?? 1) - 1
            calls.ofExpert[expert] = left > 0 ? left : nil
        }
    }

    /// Whether a call is up at another shard than the one that asks, which has not found it among its own.
    func isUpElsewhere(_ key: CallKey) -> Bool { isShared && calls.withLock { $0.up.contains(key) } }

    func began(_ key: CallKey) {
        guard isShared else { return }
        calls.withLock { _ = $0.up.insert(key) }
    }

    func ended(_ key: CallKey) {
        guard isShared else { return }
        calls.withLock { _ = $0.up.remove(key) }
    }
}
