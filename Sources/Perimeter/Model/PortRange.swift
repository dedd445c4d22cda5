/// Ports from one to another, both among them.
///
/// With ICMP it holds messages instead: type times 256 plus code, so that the same algebra serves.
public struct PortRange: Hashable, Sendable {
    public let from: UInt16
    public let to: UInt16

    public static let all = PortRange(0...UInt16.max)

    public init(_ ports: ClosedRange<UInt16>) {
        from = ports.lowerBound
        to = ports.upperBound
    }

    public init(_ port: UInt16) {
        self.init(port...port)
    }

    /// Nil when a bound is no port, or they stand the wrong way around.
    public init?(from: Int, to: Int) {
        guard let from = UInt16(exactly: from), let to = UInt16(exactly: to), from <= to else { return nil }
        self.init(from...to)
    }

    /// Reads `22` or `16384-32768`.
    public init?(_ text: some StringProtocol) {
        let bounds = text.split(separator: "-", omittingEmptySubsequences: false)
        guard (1...2).contains(bounds.count),
            bounds.allSatisfy({ !$0.isEmpty && $0.utf8.allSatisfy { (48...57).contains($0) } }),
            let from = Int(bounds[0]), let to = Int(bounds[bounds.count - 1])
        else { return nil }
        self.init(from: from, to: to)
    }

    public var closedRange: ClosedRange<UInt16> { from...to }
}

extension PortRange: Comparable {
    public static func < (one: PortRange, other: PortRange) -> Bool {
        (one.from, one.to) < (other.from, other.to)
    }
}

extension PortRange: CustomStringConvertible {
    public var description: String { from == to ? "\(from)" : "\(from)-\(to)" }
}

extension PortRange {
    /// The messages of an ICMP type and code as EC2 gives them, where -1 stands for each. Nil for what can't be.
    public init?(icmpType type: Int, code: Int) {
        switch (type, code) {
        case (-1, _): self = .all
        case (0...255, -1): self.init(from: type << 8, to: type << 8 | 255)
        case (0...255, 0...255): self.init(from: type << 8 | code, to: type << 8 | code)
        default: return nil
        }
    }

    /// The other way around; nil for messages that one type and code can't say.
    public var icmp: (type: Int, code: Int)? {
        if self == .all { return (-1, -1) }
        if from == to { return (Int(from >> 8), Int(from & 255)) }
        guard from & 255 == 0, to == from | 255 else { return nil }
        return (Int(from >> 8), -1)
    }

    /// The same messages in pieces each of which has a type and code.
    var icmpPieces: [PortRange] {
        if icmp != nil { return [self] }
        return (from >> 8...to >> 8).flatMap { type in
            let whole = type << 8...type << 8 | 255
            let part = whole.clamped(to: closedRange)
            return part == whole ? [PortRange(part)] : part.map { PortRange($0) }
        }
    }
}
