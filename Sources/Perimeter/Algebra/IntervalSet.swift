/// A set of whole numbers as intervals: sorted, apart from each other by at least one number, so that equal sets are equal
/// values.
public struct IntervalSet<Bound: FixedWidthInteger & UnsignedInteger & Sendable>: Hashable, Sendable {
    public private(set) var intervals: [ClosedRange<Bound>]

    public init() {
        intervals = []
    }

    public init(_ interval: ClosedRange<Bound>) {
        intervals = [interval]
    }

    public init(_ parts: some Sequence<ClosedRange<Bound>>) {
        intervals = []
        for part in parts.sorted(by: { $0.lowerBound < $1.lowerBound }) {
            guard let last = intervals.last, Self.touches(last, part) else {
                intervals.append(part)
                continue
            }
            intervals[intervals.count - 1] = last.lowerBound...max(last.upperBound, part.upperBound)
        }
    }

    public static var everything: IntervalSet { IntervalSet(Bound.min...Bound.max) }

    public var isEmpty: Bool { intervals.isEmpty }

    public func contains(_ number: Bound) -> Bool { intervals.contains { $0.contains(number) } }

    public func union(_ other: IntervalSet) -> IntervalSet {
        if isEmpty || self == other { return other }
        return other.isEmpty ? self : IntervalSet(intervals + other.intervals)
    }

    public func intersection(_ other: IntervalSet) -> IntervalSet {
        var result = IntervalSet()
        var mine = intervals[...]
        var theirs = other.intervals[...]
        while let one = mine.first, let two = theirs.first {
            if one.overlaps(two) { result.intervals.append(one.clamped(to: two)) }
            if one.upperBound < two.upperBound { mine.removeFirst() } else { theirs.removeFirst() }
        }
        return result
    }

    public func subtracting(_ other: IntervalSet) -> IntervalSet {
        isEmpty || other.isEmpty ? self : intersection(other.complement)
    }

    public func overlaps(_ other: IntervalSet) -> Bool { !intersection(other).isEmpty }

    public func isSuperset(of other: IntervalSet) -> Bool { other.subtracting(self).isEmpty }

    public var complement: IntervalSet {
        var result = IntervalSet()
        var next: Bound? = .min
        for interval in intervals {
            if let start = next, start < interval.lowerBound {
                result.intervals.append(start...interval.lowerBound - 1)
            }
            next = interval.upperBound == .max ? nil : interval.upperBound + 1
        }
        if let start = next { result.intervals.append(start...Bound.max) }
        return result
    }

    /// Whether two intervals, the first not starting later, are one: they overlap or have nothing between them.
    private static func touches(_ one: ClosedRange<Bound>, _ later: ClosedRange<Bound>) -> Bool {
        one.upperBound == .max || later.lowerBound <= one.upperBound + 1
    }

    /// The fewest aligned blocks whose length is a power of two, each by its start and the number of its free bits.
    var blocks: [(start: Bound, freeBits: Int)] {
        var blocks: [(start: Bound, freeBits: Int)] = []
        for interval in intervals {
            var start = interval.lowerBound
            while true {
                var free = min(start.trailingZeroBitCount, Bound.bitWidth)
                while Self.end(of: start, free) > interval.upperBound { free -= 1 }
                blocks.append((start, free))
                let end = Self.end(of: start, free)
                guard end < interval.upperBound else { break }
                start = end + 1
            }
        }
        return blocks
    }

    private static func end(of start: Bound, _ freeBits: Int) -> Bound {
        start | (freeBits == Bound.bitWidth ? .max : (1 << freeBits) - 1)
    }
}

/// Ports, or messages of ICMP.
public typealias PortSet = IntervalSet<UInt16>

extension PortSet {
    public init(ranges: some Sequence<PortRange>) {
        self.init(ranges.map(\.closedRange))
    }

    public var ranges: [PortRange] { intervals.map { PortRange($0) } }
}
