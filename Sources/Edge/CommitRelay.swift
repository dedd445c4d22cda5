import CoreTypes
import Synchronization
import Witness

/// Takes what the witness's thread reports to the shards' loops, one hop for each batch and shard.
final class CommitRelay: Sendable {
    private struct State {
        var crew: [ShardHandle] = []
        var early: [CommitReport] = []
        var acknowledge: (@Sendable (Int64) -> Void)?
        var wasFailing = false
    }

    private let state = Mutex(State())

    func connect(_ crew: [ShardHandle]) {
        let early = state.withLock { state in
            state.crew = crew
            defer { state.early = [] }
            return state.early
        }
        for report in early { committed(report) }
    }

    /// - Parameter acknowledge: called on the lead's loop with the number of the latest registry change that is on disk.
    func onAcknowledged(_ acknowledge: @escaping @Sendable (Int64) -> Void) {
        state.withLock { $0.acknowledge = acknowledge }
    }

    func committed(_ report: CommitReport) {
        let (crew, acknowledge, concernsAll) = state.withLock { state in
            if state.crew.isEmpty { state.early.append(report) }
            defer { state.wasFailing = report.error != nil }
            return (state.crew, state.acknowledge, state.wasFailing || report.error != nil)
        }
        for (index, member) in crew.enumerated() {
            let part = crew.count == 1 ? report : Self.part(of: report, for: index)
            // All hear that the witness fails, and that it works again.
            guard index == 0 || concernsAll || !part.durable.isEmpty else { continue }
            member.execute { shard in
                shard.committed(part)
                if let last = shard.takeRecordedChange() { acknowledge?(last) }
            }
        }
    }

    /// What a shard asked for.
    private static func part(of report: CommitReport, for index: Int) -> CommitReport {
        var part = report
        part.durable.removeAll { Shard.index(ofID: $0) != index }
        part.failed.removeAll { Shard.index(ofID: $0) != index }
        return part
    }
}
