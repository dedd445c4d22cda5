import SIPMessage
import SIPProxy
import Testing

/// SplitMix64: the same numbers in every run.
struct SeededGenerator: RandomNumberGenerator {
    var state: UInt64

    mutating func next() -> UInt64 {
        state &+= 0x9e37_79b9_7f4a_7c15
        var value = state
        value = (value ^ (value >> 30)) &* 0xbf58_476d_1ce4_e5b9
        value = (value ^ (value >> 27)) &* 0x94d0_49bb_1331_11eb
        return value ^ (value >> 31)
    }
}

@Suite("Pools")
struct TargetPoolTests {
    private func pool(
        _ targets: [(weight: Int, priority: Int)], ring: TargetPool.Ring = .oneByOne, downAfter: Int = 3,
        upAfter: Int = 2
    ) throws -> TargetPool {
        let uri = try #require(URI("sip:192.0.2.1"))
        return TargetPool(
            targets: targets.map { .init(uri: uri, weight: $0.weight, priority: $0.priority) }, ring: ring,
            thresholds: .init(downAfter: downAfter, upAfter: upAfter))
    }

    @Test("the lowest priority comes first; the others wait behind it")
    func priorities() throws {
        let pool = try pool([(1, 2), (1, 1), (1, 3)])
        var random = SeededGenerator(state: 1)
        #expect(pool.selection(now: 0, random: &random) == [[1], [0], [2]])
    }

    @Test("targets of one priority share the requests by weight; weight 0 comes last")
    func weights() throws {
        let pool = try pool([(60, 1), (40, 1), (0, 1)])
        var random = SeededGenerator(state: 7)
        var first = [0, 0, 0]
        for _ in 0..<10_000 {
            let order = pool.selection(now: 0, random: &random).flatMap { $0 }
            first[order[0]] += 1
            #expect(order[2] == 2)
        }
        // Three standard deviations of 10,000 draws are 147.
        #expect(abs(first[0] - 6000) < 150 && abs(first[1] - 4000) < 150, "\(first)")
    }

    @Test("targets that ring together are one group for each priority")
    func together() throws {
        let pool = try pool([(1, 1), (1, 2), (1, 1)], ring: .together)
        var random = SeededGenerator(state: 1)
        #expect(pool.selection(now: 0, random: &random) == [[0, 2], [1]])
    }

    @Test("failures in a row take a target out; answered probes in a row bring it back")
    func thresholds() throws {
        var pool = try pool([(1, 1), (1, 1)])
        var random = SeededGenerator(state: 1)
        let out = [
            pool.probed(.failed, target: 0), pool.served(.failed, target: 0), pool.probed(.failed, target: 0),
            pool.probed(.failed, target: 0),
        ]
        #expect(out == [nil, nil, .wentDown, nil])
        #expect(pool.selection(now: 0, random: &random) == [[1]])
        let back = [
            pool.probed(.answered, target: 0), pool.probed(.failed, target: 0), pool.probed(.answered, target: 0),
            pool.served(.answered, target: 0), pool.probed(.answered, target: 0),
        ]
        #expect(back == [nil, nil, nil, nil, .cameBack])
        #expect(pool.selection(now: 0, random: &random).count == 2)
    }

    @Test("an answer in between starts the count anew")
    func interrupted() throws {
        var pool = try pool([(1, 1)])
        let outcomes: [TargetPool.Outcome] = [.failed, .failed, .answered, .failed, .failed]
        let changes = outcomes.map { pool.served($0, target: 0) }
        #expect(changes.allSatisfy { $0 == nil })
    }

    @Test("a target that asked for a rest gets it, unless there is no other")
    func rest() throws {
        var pool = try pool([(1, 1), (1, 2)])
        var random = SeededGenerator(state: 1)
        _ = pool.served(.failed, target: 0, restsUntil: 100)
        #expect(pool.selection(now: 99, random: &random) == [[1]])
        #expect(pool.selection(now: 100, random: &random) == [[0], [1]])
        _ = pool.served(.failed, target: 1, restsUntil: 100)
        #expect(pool.selection(now: 99, random: &random) == [[0], [1]])
    }

    @Test("with every target down there is nobody to try")
    func allDown() throws {
        var pool = try pool([(1, 1), (1, 1)], downAfter: 1)
        var random = SeededGenerator(state: 1)
        _ = pool.probed(.failed, target: 0)
        _ = pool.probed(.failed, target: 1)
        #expect(pool.selection(now: 0, random: &random).isEmpty)
    }
}
