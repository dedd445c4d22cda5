/// A stretch of a message's octets: a range in half the room, since there are many in each message.
struct Stretch: Hashable, Sendable {
    private let start: UInt32
    private let end: UInt32

    init(_ range: Range<Int>) {
        start = UInt32(clamping: range.lowerBound)
        end = UInt32(clamping: range.upperBound)
    }

    static let empty = Stretch(0..<0)

    var lowerBound: Int { Int(start) }
    var upperBound: Int { Int(end) }
    /// Clamping keeps the order of the bounds.
    var range: Range<Int> { Range(uncheckedBounds: (Int(start), Int(end))) }
    var count: Int { Int(end - start) }
}

/// Names that have been met in one list, compared without regard to case.
struct NameLedger: Sendable {
    /// Beyond this many a list is kept as a set, so that a long one takes no quadratic time.
    private static let few = 16
    private var seen: [Stretch] = []
    private var many: Set<String> = []

    init() {}

    mutating func begin() {
        seen.removeAll(keepingCapacity: true)
        if !many.isEmpty { many = [] }
    }

    /// - Returns: whether the name is new.
    mutating func insert(_ bytes: [UInt8], _ name: Range<Int>) -> Bool {
        if many.isEmpty {
            for other in seen where bytes.equal(name, other.range) { return false }
            seen.append(Stretch(name))
            if seen.count > Self.few { many = Set(seen.map { bytes.string($0.range).lowercased() }) }
            return true
        }
        return many.insert(bytes.string(name).lowercased()).inserted
    }
}

extension Array where Element == UInt8 {
    /// Compares two stretches, ignoring the case of letters.
    func equal(_ first: Range<Int>, _ second: Range<Int>) -> Bool {
        guard first.count == second.count, first.upperBound <= count, second.upperBound <= count else { return false }
        var offset = first.lowerBound
        for index in second {
            guard self[offset].lowercased == self[index].lowercased else { return false }
            offset += 1
        }
        return true
    }
}
