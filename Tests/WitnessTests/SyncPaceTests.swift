import Testing

@testable import Witness

@Suite("How far apart syncs begin")
struct SyncPaceTests {
    private static let millisecond: UInt64 = 1_000_000

    /// A record that somebody waits for every so often, for a second.
    /// - Returns: the syncs that it took.
    private func syncs(every interval: UInt64, in pace: inout SyncPace, from start: UInt64) -> Int {
        var syncs = 0
        var waiting = 0
        for now in stride(from: start, to: start + 1000 * Self.millisecond, by: Int(interval)) {
            waiting += 1
            guard now >= pace.due else { continue }
            pace.took(awaited: waiting, at: now)
            waiting = 0
            syncs += 1
        }
        return syncs
    }

    @Test("few go each at once, many together, and few again at once")
    func paces() {
        var pace = SyncPace()
        let few = syncs(every: 10 * Self.millisecond, in: &pace, from: 1000 * Self.millisecond)
        // The first tenth of a second is as before: one every 2 ms.
        let more = syncs(every: Self.millisecond, in: &pace, from: 2000 * Self.millisecond)
        let many = syncs(every: Self.millisecond, in: &pace, from: 3000 * Self.millisecond)
        let afterPause = syncs(every: 12 * Self.millisecond, in: &pace, from: 10_000 * Self.millisecond)
        #expect(few == 100)
        #expect((100...160).contains(more))
        #expect((95...101).contains(many))
        #expect(afterPause == 84)
    }
}
