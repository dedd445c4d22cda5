/// One permission to come in: a protocol, its ports, and from where.
public struct Rule: Hashable, Sendable {
    public let `protocol`: TransportProtocol
    /// All of them where the protocol has neither ports nor messages.
    public let ports: PortRange
    public let source: Source

    public init(protocol transport: TransportProtocol, ports: PortRange = .all, source: Source) {
        self.protocol = transport
        self.ports = transport.hasPorts || transport.hasMessages ? ports : .all
        self.source = source
    }

    /// Whether it alone lets in all that another does.
    public func contains(_ other: Rule) -> Bool {
        guard self.protocol == .all || self.protocol == other.protocol else { return false }
        let (mine, theirs) = (ports.closedRange, other.ports.closedRange)
        return mine.contains(theirs.lowerBound) && mine.contains(theirs.upperBound) && source.contains(other.source)
    }

    /// The same from another source.
    public func from(_ source: Source) -> Rule { Rule(protocol: self.protocol, ports: ports, source: source) }
}

extension Rule: Comparable {
    public static func < (one: Rule, other: Rule) -> Bool {
        (one.protocol, one.ports, one.source) < (other.protocol, other.ports, other.source)
    }
}

extension Rule: CustomStringConvertible {
    /// `tcp 22 from 203.0.113.7/32`, `all from group:api`, `icmp 8 from 0.0.0.0/0`
    public var description: String {
        let what: String
        if ports == .all, !self.protocol.hasPorts {
            what = "\(self.protocol)"
        } else if self.protocol.hasMessages, let (type, code) = ports.icmp {
            what = "\(self.protocol) \(type)" + (code < 0 ? "" : "/\(code)")
        } else {
            what = "\(self.protocol) \(ports)"
        }
        return "\(what) from \(source)"
    }
}

extension Rule: Codable {
    private enum CodingKeys: String, CodingKey {
        case `protocol`
        case from = "from_port"
        case to = "to_port"
        case source
    }

    /// `{protocol, from_port, to_port, source}`. With ICMP the ports are type and code, -1 for each, as EC2 has it; where
    /// a protocol has neither, they don't matter.
    public init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: CodingKeys.self)
        let word = try container.decode(String.self, forKey: .protocol)
        guard let transport = TransportProtocol(word) else {
            throw DecodingError.dataCorruptedError(
                forKey: .protocol, in: container, debugDescription: "'\(word)' is no protocol")
        }
        let from = try container.decode(Int.self, forKey: .from)
        let to = try container.decode(Int.self, forKey: .to)
        let ports =
            switch transport {
            case .tcp, .udp: PortRange(from: from, to: to)
            case .icmp, .icmpv6: PortRange(icmpType: from, code: to)
            case .other, .all: PortRange.all
            }
        guard let ports else {
            throw DecodingError.dataCorruptedError(
                forKey: .from, in: container, debugDescription: "\(from) to \(to) are no ports of \(transport)")
        }
        self.init(protocol: transport, ports: ports, source: try container.decode(Source.self, forKey: .source))
    }

    public func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: CodingKeys.self)
        try container.encode(self.protocol.description, forKey: .protocol)
        let message = self.protocol.hasMessages ? ports.icmp : nil
        try container.encode(message?.type ?? Int(ports.from), forKey: .from)
        try container.encode(message?.code ?? Int(ports.to), forKey: .to)
        try container.encode(source, forKey: .source)
    }
}
