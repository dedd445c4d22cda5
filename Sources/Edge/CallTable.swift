import CoreTypes
import Defense
import SIPMessage

/// The calls that are up or being set up, and the latest that have ended.
struct CallTable {
    /// Stays when the edge's secret is replaced: calls that are up are still to be found.
    private let secret: NodeSecret
    private var calls: [CallKey: Call] = [:]
    private var perExpert: [String: Int] = [:]
    private var byID: [String: Call] = [:]
    /// In order of their numbers, with those that have ended since it was last tidied.
    private var order: [(number: UInt64, key: CallKey)] = []
    private var past = EndedCalls()
    private var begun: UInt64 = 0

    init(secret: NodeSecret) {
        self.secret = secret
    }

    var count: Int { calls.count }
    var all: some Collection<Call> { calls.values }
    /// The newest last.
    var ended: [CallSummary] { past.all }

    /// For the next call; small numbers, so that every reader of JSON can hold them.
    mutating func nextNumber() -> UInt64 {
        begun += 1
        return begun
    }

    /// The call that a request belongs to.
    /// - Parameter callerTag: where the caller's tag stands in it; nil: there is none.
    func find(_ request: Message, callerTag: Range<Int>?, pass: Int) -> Call? {
        calls[key(of: request, callerTag: callerTag, pass: pass)]
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

    func active(of expert: String) -> Int { perExpert[expert] ?? 0 }

    mutating func insert(_ call: Call) {
        calls[call.key] = call
        byID[call.id] = call
        order.append((call.number, call.key))
        for expert in Self.counted(call) { perExpert[expert, default: 0] += 1 }
    }

    /// Takes a call out; to be called once it says how it ended.
    mutating func remove(_ call: Call) {
        guard calls[call.key] === call else { return }
        calls[call.key] = nil
        byID[call.id] = nil
        for expert in Self.counted(call) {
            let left = (perExpert[expert] ?? 1) - 1
            perExpert[expert] = left > 0 ? left : nil
        }
        past.append(call.summary)
        if order.count > 2 * calls.count + 64 {
            order.removeAll { entry in calls[entry.key]?.number != entry.number }
        }
    }

    /// A call counts for the expert that the guard judged.
    private static func counted(_ call: Call) -> [String] {
        call.facts.expert.map { [$0.id] } ?? []
    }
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
