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
    /// Beyond this many a list is kept as a set, so that a long one takes no quadratic time; up to it in place.
    private static let few = 8
    private var starts = SIMD8<UInt32>()
    private var ends = SIMD8<UInt32>()
    private var count = 0
    private var many: Set<String> = []

    init() {}

    mutating func begin() {
        count = 0
        if !many.isEmpty { many = [] }
    }

    /// - Returns: whether the name is new.
    mutating func insert(_ bytes: [UInt8], _ name: Range<Int>) -> Bool {
        if many.isEmpty {
            for number in 0..<count where bytes.equal(name, Int(starts[number])..<Int(ends[number])) { return false }
            if count < Self.few {
                starts[count] = UInt32(clamping: name.lowerBound)
                ends[count] = UInt32(clamping: name.upperBound)
                count += 1
                return true
            }
            many = Set((0..<count).map { bytes.string(Int(starts[$0])..<Int(ends[$0])).lowercased() })
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
