import CoreTypes
import Defense
import SIPMessage

/// The calls that are up or being set up, and the latest that have ended.
struct CallTable {
    /// Stays when the edge's secret is replaced: calls that are up are still to be found.
    private let secret: NodeSecret
    private let common: CommonCounts
    private var calls: [CallKey: Call] = [:]
    private var byID: [String: Call] = [:]
    /// In order of their numbers, with those that have ended since it was last tidied.
    private var order: [(number: UInt64, key: CallKey)] = []
    private var past = EndedCalls()

    init(secret: NodeSecret, common: CommonCounts) {
        self.secret = secret
        self.common = common
    }

    var count: Int { calls.count }
    var all: some Collection<Call> { calls.values }
    /// The newest last.
    var ended: [CallSummary] { past.all }

    /// The call that a request belongs to.
    /// - Parameter callerTag: where the caller's tag stands in it; nil: there is none.
    func find(_ request: Message, callerTag: Range<Int>?, pass: Int) -> Call? {
        calls[key(of: request, callerTag: callerTag, pass: pass)]
    }

    /// Whether a call is up here or at another shard.
    func isUp(_ request: Message, callerTag: Range<Int>?, pass: Int) -> Bool {
        let key = key(of: request, callerTag: callerTag, pass: pass)
        return calls[key] != nil || common.isUpElsewhere(key)
    }

    func key(of request: Message, callerTag: Range<Int>?, pass: Int) -> CallKey {
        let bytes = request.bytes
        var state = secret.begin("call")
        state.absorb(bytes, request.callIDRange)
        state.absorb(bytes, callerTag ?? 0..<0)
        return CallKey(identity: state.finish(), pass: pass)
    }

    func find(id: String) -> Call? { byID[id] }

    func findEnded(id: String) -> CallSummary? { past.all.last { $0.id == id } }

    /// Calls with a number below `before`, the newest first.
    func page(activeOnly: Bool, before: UInt64?, limit: Int) -> [CallSummary] {
        let end = before ?? .max
        var found: [CallSummary] = []
        // From the newest on, so that of many calls only those asked for are looked at.
        for (number, key) in order.reversed() where number < end {
            guard found.count < limit else { break }
            if let call = calls[key], call.number == number { found.append(call.summary) }
        }
        if !activeOnly {
            found += past.all.filter { $0.number < end }
            found = Array(found.sorted { $0.number > $1.number }.prefix(limit))
        }
        return found
    }

    /// A call and the rounds of its spiral through the edge, the first round first.
    func rounds(of call: Call) -> [Call] {
        var rounds: [Call] = []
        for pass in 1...Self.mostPasses {
            if let round = calls[CallKey(identity: call.key.identity, pass: pass)] { rounds.append(round) }
        }
        return rounds
    }

    /// How often one call may come by.
    static let mostPasses = 8

    mutating func insert(_ call: Call) {
        calls[call.key] = call
        byID[call.id] = call
        order.append((call.number, call.key))
        common.began(call.key)
        if let expert = Self.expert(of: call) { common.began(callOf: expert) }
    }

    /// Takes a call out; to be called once it says how it ended.
    mutating func remove(_ call: Call) {
        guard calls[call.key] === call else { return }
        calls[call.key] = nil
        byID[call.id] = nil
        common.ended(call.key)
        if let expert = Self.expert(of: call) { common.ended(callOf: expert) }
        past.append(call.summary)
        if order.count > 2 * calls.count + 64 {
            order.removeAll { entry in calls[entry.key]?.number != entry.number }
        }
    }

    /// A call counts for the expert that the guard judged.
    private static func expert(of call: Call) -> String? { call.facts.expert?.id }
}

/// The latest calls that have ended, in order; the oldest makes room.
struct EndedCalls {
    static let capacity = 1000

    private var ring: [CallSummary] = []
    private var oldest = 0

    mutating func append(_ call: CallSummary) {
        if ring.count < Self.capacity {
            ring.append(call)
        } else {
            ring[oldest] = call
            oldest = (oldest + 1) % Self.capacity
        }
    }

    var all: [CallSummary] { Array(ring[oldest...] + ring[..<oldest]) }
}
