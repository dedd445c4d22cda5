/// What a set of rules lets in, however it is written: two sets of rules that let in the same have the same reach.
///
/// `all` is every protocol, so what it opens is part of `tcp` too.
public struct Reach: Hashable, Sendable {
    /// By protocol number, where it differs from `rest`.
    private var maps: [UInt8: PortMap] = [:]
    /// Of every other protocol.
    private var rest = PortMap.empty

    public init() {}

    public init(_ rule: Rule) {
        self.init(CollectionOfOne(rule))
    }

    public init(_ rules: some Sequence<Rule>) {
        let byProtocol = Dictionary(grouping: rules, by: \.protocol)
        let all = byProtocol[.all] ?? []
        rest = PortMap(all)
        for (transport, rules) in byProtocol {
            guard let number = transport.number else { continue }
            let map = PortMap(rules + all)
            if map != rest { maps[number] = map }
        }
    }

    /// These ports, from everywhere and everyone in `sources`.
    init(_ ports: [TransportProtocol: PortSet], from sources: SourceSet) {
        let sources = sources.sources
        self.init(
            ports.flatMap { transport, ports in
                ports.ranges.flatMap { range in
                    sources.map { Rule(protocol: transport, ports: range, source: $0) }
                }
            })
    }

    public var isEmpty: Bool { rest.isEmpty && maps.isEmpty }

    public func union(_ other: Reach) -> Reach { combined(with: other) { $0.union($1) } }

    public func intersection(_ other: Reach) -> Reach { combined(with: other) { $0.intersection($1) } }

    public func subtracting(_ other: Reach) -> Reach { combined(with: other) { $0.subtracting($1) } }

    public func overlaps(_ other: Reach) -> Bool { !intersection(other).isEmpty }

    public func isSuperset(of other: Reach) -> Bool { other.subtracting(self).isEmpty }

    private func combined(with other: Reach, _ combine: (SourceSet, SourceSet) -> SourceSet) -> Reach {
        var result = Reach()
        result.rest = rest.combined(with: other.rest, combine)
        for number in Set(maps.keys).union(other.maps.keys) {
            let map = self[number].combined(with: other[number], combine)
            if map != result.rest { result.maps[number] = map }
        }
        return result
    }

    private subscript(number: UInt8) -> PortMap { maps[number] ?? rest }

    /// Who reaches a port of a protocol; of `all`: who reaches every protocol.
    public func sources(_ transport: TransportProtocol, port: UInt16) -> SourceSet { map(of: transport)[port] }

    /// Who reaches any of these ports.
    public func sources(_ transport: TransportProtocol, ports: PortSet) -> SourceSet {
        map(of: transport).sources(of: ports)
    }

    /// Ports that anybody reaches.
    public func ports(_ transport: TransportProtocol) -> PortSet { map(of: transport).ports }

    private func map(of transport: TransportProtocol) -> PortMap {
        transport.number.map { self[$0] } ?? rest
    }

    /// Only these ports of these protocols.
    func limited(_ ports: [TransportProtocol: PortSet]) -> Reach {
        var result = Reach()
        for (transport, ports) in ports {
            guard let number = transport.number else { continue }
            let map = self[number].limited(to: ports)
            if !map.isEmpty { result.maps[number] = map }
        }
        return result
    }

    /// Without these ports of these protocols.
    func without(_ ports: [TransportProtocol: PortSet]) -> Reach { subtracting(limited(ports)) }

    /// Whether it has no port of a protocol that another has not, whoever may reach it.
    func opensOnlyPorts(of other: Reach) -> Bool {
        other.rest.ports.isSuperset(of: rest.ports)
            && Set(maps.keys).union(other.maps.keys).allSatisfy { other[$0].ports.isSuperset(of: self[$0].ports) }
    }

    /// Every source that reaches anything.
    public var sources: SourceSet {
        ([rest] + maps.values).reduce(SourceSet()) { $0.union($1.sources(of: .everything)) }
    }

    /// The normal form: the same rules for every way to say the same, sorted.
    public var rules: [Rule] {
        // Rules only ever add up: `all` can't stand beside a protocol that has less than it.
        let sum = maps.values.allSatisfy { $0.combined(with: rest) { $1.subtracting($0) }.isEmpty }
        var rules = sum ? Self.rules(.all, rest) : []
        for number in sum ? maps.keys.sorted() : Array(0...UInt8.max) {
            let map = sum ? self[number].combined(with: rest) { $0.subtracting($1) } : self[number]
            rules += Self.rules(TransportProtocol(number: number), map)
        }
        return rules.sorted()
    }

    private static func rules(_ transport: TransportProtocol, _ map: PortMap) -> [Rule] {
        map.parts.flatMap { part in
            (transport.hasMessages ? part.ports.icmpPieces : [part.ports]).map {
                Rule(protocol: transport, ports: $0, source: part.source)
            }
        }
    }
}
