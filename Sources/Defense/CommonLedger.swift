import CoreTypes
import Synchronization

/// What the passages of one profile remember together, each on a loop of its own: layer 5's calls and layer 6's
/// signatures, since an identity may call, and a signature be tried again, from anywhere. What layers 1 and 4 remember
/// goes by the source, and stays with the passage that its requests come to.
///
/// Under a lock, which a call takes twice.
public final class CommonLedger: Sendable {
    let callRate: CallRate.Policy?

    private struct State {
        var rate: CallRate?
        var replays: SignatureReplays
    }

    private let state: Mutex<State>

    /// - Parameter capacity: signatures that are remembered.
    public init(_ policy: DefensePolicy, capacity: Int = 65_536) {
        callRate = policy.callRate
        state = Mutex(
            State(rate: policy.callRate.map { CallRate($0) }, replays: SignatureReplays(capacity: capacity)))
    }

    private init(_ other: CommonLedger) {
        callRate = other.callRate
        let copied = other.state.withLock { $0 }
        state = Mutex(copied)
    }

    /// What is remembered in the copy stays there.
    func copy() -> CommonLedger { CommonLedger(self) }

    /// Nil: layer 5 is switched off.
    func called(_ identity: String, now: Moment) -> CallRate.Outcome? {
        state.withLock { $0.rate?.called(identity, now: now) }
    }

    /// See `SignatureReplays.isNew`.
    func isNew(_ signature: [UInt8], date: Int64, window: Int64, now: Moment) -> Bool {
        state.withLock { $0.replays.isNew(signature, date: date, window: window, now: now) }
    }
}
