/// What stands above IP, as firewalls tell it apart.
public enum TransportProtocol: Hashable, Sendable {
    case tcp
    case udp
    case icmp
    case icmpv6
    /// By its number at IANA; none of the numbers that have a case of their own: see `init(number:)`.
    case other(UInt8)
    /// Every protocol, and so every port: EC2's `-1`.
    case all

    public init(number: UInt8) {
        switch number {
        case 1: self = .icmp
        case 6: self = .tcp
        case 17: self = .udp
        case 58: self = .icmpv6
        default: self = .other(number)
        }
    }

    /// Reads `tcp`, `udp`, `icmp`, `icmpv6`, `all`, `-1` or a number.
    public init?(_ text: some StringProtocol) {
        switch text.lowercased() {
        case "tcp": self = .tcp
        case "udp": self = .udp
        case "icmp": self = .icmp
        case "icmpv6": self = .icmpv6
        case "all", "-1": self = .all
        case let digits:
            guard digits.utf8.allSatisfy({ (48...57).contains($0) }), let number = UInt8(digits) else { return nil }
            self.init(number: number)
        }
    }

    /// Nil for `all`.
    public var number: UInt8? {
        switch self {
        case .icmp: 1
        case .tcp: 6
        case .udp: 17
        case .icmpv6: 58
        case .other(let number): number
        case .all: nil
        }
    }

    public var hasPorts: Bool { self == .tcp || self == .udp }

    /// Whether ports stand for types and codes: see `PortRange`.
    public var hasMessages: Bool { self == .icmp || self == .icmpv6 }
}

extension TransportProtocol: CustomStringConvertible {
    public var description: String {
        switch self {
        case .tcp: "tcp"
        case .udp: "udp"
        case .icmp: "icmp"
        case .icmpv6: "icmpv6"
        case .other(let number): "\(number)"
        case .all: "all"
        }
    }
}

extension TransportProtocol: Comparable {
    public static func < (one: TransportProtocol, other: TransportProtocol) -> Bool { one.order < other.order }

    private var order: Int {
        switch self {
        case .tcp: 0
        case .udp: 1
        case .icmp: 2
        case .icmpv6: 3
        case .other(let number): 4 + Int(number)
        case .all: 260
        }
    }
}
