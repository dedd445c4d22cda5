import SIPProxy
import Testing

@Suite("Responses (16.7)")
struct ResponseContextTests {
    /// A context whose first group is under way.
    private func started(_ groups: [Int]) -> ResponseContext {
        var context = ResponseContext(isInvite: true, groups: groups)
        _ = context.startGroup()
        return context
    }

    @Test("provisional responses and every 2xx are relayed, 100 is not")
    func relayed() {
        var context = started([1])
        let actions = [100, 180, 200, 200, 486].map { context.received(status: $0, on: 0) }
        #expect(actions == [[], [.relay(branch: 0)], [.relay(branch: 0)], [.relay(branch: 0)], []])
    }

    @Test("a target that fails makes room for the next; the last one's failure is told")
    func failover() {
        var context = started([1, 1, 1])
        let first = context.received(status: 503, on: 0)
        let second = context.startGroup()
        let overloaded = context.failed(status: 503, on: 1)
        let third = context.startGroup()
        let silent = context.failed(status: 408, on: 2)
        #expect(first == [.startNextGroup] && second == 1..<2)
        #expect(overloaded == [.startNextGroup] && third == 2..<3)
        #expect(silent == [.relayBest(branch: 2, status: 408)])
        #expect(context.startGroup().isEmpty)
    }

    @Test("a callee's own refusal is not hunted for elsewhere", arguments: [302, 404, 408, 486, 500])
    func noFailover(status: Int) {
        var context = started([1, 1])
        let actions = context.received(status: status, on: 0)
        #expect(actions == [.relayBest(branch: 0, status: status)])
    }

    @Test("a group moves on only when nobody in it has judged the request")
    func groups() {
        var context = started([2, 1])
        let first = context.received(status: 503, on: 0)
        let second = context.failed(status: 408, on: 1)
        #expect(first.isEmpty)
        #expect(second == [.startNextGroup])
        context = started([2, 1])
        _ = context.received(status: 503, on: 0)
        let busy = context.received(status: 486, on: 1)
        #expect(busy == [.relayBest(branch: 1, status: 486)])
    }

    @Test(
        "the best of several",
        arguments: [
            ([486, 503], 0), ([404, 401], 1), ([500, 302], 1), ([603], 0), ([503, 408], 1), ([404, 600], 1),
        ])
    func best(statuses: [Int], expected: Int) {
        var context = started([statuses.count])
        var last: [ResponseContext.Action] = []
        for (branch, status) in statuses.enumerated() { last = context.received(status: status, on: branch) }
        #expect(last.last == .relayBest(branch: expected, status: statuses[expected]))
    }

    @Test("an answer cancels the other branches, and so does a 6xx", arguments: [200, 603])
    func cancelsOthers(status: Int) {
        var context = started([3])
        let actions = context.received(status: status, on: 1)
        #expect(actions.contains(.cancel(branch: 0)) && actions.contains(.cancel(branch: 2)))
        #expect(!actions.contains(.cancel(branch: 1)))
    }

    @Test("a 2xx that crosses a CANCEL stands")
    func crossing() {
        var context = started([1])
        let cancelled = context.cancel()
        let answered = context.received(status: 200, on: 0)
        #expect(cancelled == [.cancel(branch: 0)])
        #expect(answered == [.relay(branch: 0)])
    }
}
