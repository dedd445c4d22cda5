public import CoreTypes

/// One port of one address, by one protocol.
public struct ProbePoint: Sendable, Hashable {
    public let target: IPAddress
    /// `tcp` or `udp`.
    public let transport: TransportProtocol
    public let port: UInt16

    public init(target: IPAddress, transport: TransportProtocol, port: UInt16) {
        self.target = target
        self.transport = transport
        self.port = port
    }
}

/// What the declaration says that somebody finds who tries a port.
public struct Expectation: Sendable, Hashable {
    public let role: String
    public let point: ProbePoint
    /// Whether the file lets whoever tries in.
    public let isOpen: Bool
    /// The lines of the file that let in, or that nothing does.
    public let why: String
}

/// Who tries: where from, and as what.
public struct Prober: Sendable {
    /// As the targets see it.
    public var address: IPAddress
    /// The role of the machine that it runs on; nil: none of the file's.
    public var role: String?

    public init(address: IPAddress, role: String? = nil) {
        self.address = address
        self.role = role
    }
}

extension Declaration {
    /// Ports to try of a role: of each range that anything declares its ends, its middle and what lies beside it, and each
    /// port that is an admin's or private. What isn't declared for the role has to be closed.
    /// - Returns: sorted, without repetitions.
    public func probedPorts(of role: Role) -> [TransportProtocol: [UInt16]] {
        var ports: [TransportProtocol: Set<UInt16>] = [.tcp: [], .udp: []]
        func add(_ range: PortRange, _ transport: TransportProtocol, isOwn: Bool) {
            guard ports[transport] != nil, range != .all else { return }
            let middle = range.from + (range.to - range.from) / 2
            ports[transport]?.formUnion([range.from, middle, range.to])
            guard isOwn, range.from < range.to else { return }
            if range.from > 1 { ports[transport]?.insert(range.from - 1) }
            if range.to < .max { ports[transport]?.insert(range.to + 1) }
        }
        for other in roles {
            for rule in rules(of: other) {
                let transports: [TransportProtocol] = rule.protocol == .all ? [.tcp, .udp] : [rule.protocol]
                for transport in transports { add(rule.ports, transport, isOwn: other.name == role.name) }
            }
        }
        for range in adminPorts + privatePorts { add(range, .tcp, isOwn: false) }
        return ports.mapValues { $0.subtracting([0]).sorted() }
    }

    /// What somebody should find who tries the ports of a role at an address.
    public func expectations(
        of role: Role, at target: IPAddress, for prober: Prober, _ observed: Observation = Observation()
    ) -> [Expectation] {
        let wanted = rules(of: role)
        let groups = Set(
            prober.role.flatMap { rolesByName[$0]?.group }.map { group in
                [group, observed.group(group)?.label ?? group]
            } ?? [])
        return probedPorts(of: role).sorted { $0.key < $1.key }.flatMap { transport, ports in
            ports.map { port in
                let open = wanted.filter { rule in
                    rule.protocol == .all || rule.protocol == transport
                }.filter { $0.ports.closedRange.contains(port) && lets(prober.address, groups, in: $0, observed) }
                let why = open.first.map { "\($0)" } ?? "nothing declared lets \(prober.address) in"
                return Expectation(
                    role: role.name, point: ProbePoint(target: target, transport: transport, port: port),
                    isOpen: !open.isEmpty, why: why)
            }
        }
    }

    private func lets(_ address: IPAddress, _ groups: Set<String>, in rule: Rule, _ observed: Observation) -> Bool {
        switch rule.source {
        case .network(let network): network.contains(address)
        case .group(let group): groups.contains(group)
        case .prefixList(let id): observed.prefixLists[id]?.contains { $0.contains(address) } ?? false
        }
    }
}

/// What was found at a port.
public enum ProbeFinding: String, Sendable, Codable, CaseIterable {
    /// Somebody answers.
    case open
    /// The machine answers that nobody listens: nothing on the way has kept the question from it.
    case closed
    /// No answer, or one that somebody on the way gives.
    case filtered
}

extension Expectation {
    /// Whether what was found is as declared. A port that should be closed may be filtered or without a listener.
    public func agrees(with found: ProbeFinding) -> Bool { isOpen == (found == .open) }

    /// What a difference means; empty where there is none.
    public func remark(on found: ProbeFinding) -> String {
        switch (isOpen, found) {
        case (true, .open), (false, .closed), (false, .filtered): ""
        case (true, .closed): "let in, but nobody listens: 'verify --listen' there would"
        case (true, .filtered):
            point.transport == .udp
                ? "no answer: kept away, or nobody there answers; 'verify --listen' there would" : "kept away"
        case (false, .open): "answers, though nothing declared lets this address in"
        }
    }
}
