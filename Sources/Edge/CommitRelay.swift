import CoreTypes
import NIOCore
import Synchronization
import Witness

/// Takes what the witness's thread reports to the shard's loop, one hop for each batch.
final class CommitRelay: Sendable {
    private struct State {
        var shard: NIOLoopBound<Shard>?
        var loop: (any EventLoop)?
        var early: [CommitReport] = []
        var acknowledge: (@Sendable (Int64) -> Void)?
    }

    private let state = Mutex(State())

    func connect(_ shard: NIOLoopBound<Shard>, loop: any EventLoop) {
        let early = state.withLock { state in
            state.shard = shard
            state.loop = loop
            defer { state.early = [] }
            return state.early
        }
        for report in early { committed(report) }
    }

    /// - Parameter acknowledge: called on the loop with the number of the latest registry change that is on disk.
    func onAcknowledged(_ acknowledge: @escaping @Sendable (Int64) -> Void) {
        state.withLock { $0.acknowledge = acknowledge }
    }

    func committed(_ report: CommitReport) {
        let target = state.withLock { state -> (NIOLoopBound<Shard>, any EventLoop, (@Sendable (Int64) -> Void)?)? in
            guard let shard = state.shard, let loop = state.loop else {
                state.early.append(report)
                return nil
            }
            return (shard, loop, state.acknowledge)
        }
        guard let (shard, loop, acknowledge) = target else { return }
        loop.execute {
            shard.value.committed(report)
            if let last = shard.value.takeRecordedChange() { acknowledge?(last) }
        }
    }
}
