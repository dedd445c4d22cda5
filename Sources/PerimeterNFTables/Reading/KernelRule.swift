internal import CoreTypes
internal import Perimeter

/// One rule of a chain: what it asks for, and what becomes of a packet that has it.
struct KernelRule: Sendable {
    enum Verdict: Hashable, Sendable {
        case accept
        /// Or reject.
        case drop
        /// It goes on with the next.
        case none
        /// Another chain, a program, or what was not understood, decides.
        case elsewhere
    }

    private(set) var conditions = Conditions()
    private(set) var verdict = Verdict.none
    private(set) var counter: Ruleset.Counter?
    let comment: String
    /// For people.
    let text: String

    /// - Parameters:
    ///   - sets: elements of the table's named sets.
    init(_ json: JSONValue, text: String, sets: [String: JSONValue]) {
        comment = json["comment"]?.string ?? ""
        self.text = text
        for statement in json["expr"]?.array ?? [] { read(statement, sets) }
        conditions.settle()
    }

    private mutating func read(_ statement: JSONValue, _ sets: [String: JSONValue]) {
        guard let (key, value) = statement.only else {
            verdict = .elsewhere
            return
        }
        switch key {
        case "match":
            if !conditions.add(value, sets) { conditions.hasMore = true }
        case "counter":
            guard let packets = value["packets"]?.number, let bytes = value["bytes"]?.number else { break }
            counter = Ruleset.Counter(
                packets: UInt64(truncatingIfNeeded: packets), bytes: UInt64(truncatingIfNeeded: bytes))
        case "accept": decide(.accept)
        case "drop", "reject": decide(.drop)
        case "limit":
            guard let rate = value["rate"]?.number, let per = value["per"]?.string, let burst = value["burst"]?.number,
                value["inv"] == nil, value["rate_unit"] == nil, conditions.limit == nil
            else {
                conditions.hasMore = true
                break
            }
            conditions.limit = Conditions.Limit(rate: rate, per: per, burst: burst)
        case "quota", "ct count": conditions.hasMore = true
        case "log", "mangle", "notrack", "set", "map", "ct helper", "ct timeout", "meter", "last", "flow":
            // Without a say in what becomes of the packet; a meter or a set can be full, so it narrows at most.
            if key == "meter" || key == "set" { conditions.hasMore = true }
        default: decide(.elsewhere)
        }
    }

    private mutating func decide(_ new: Verdict) {
        if verdict == .none { verdict = new }
    }
}
