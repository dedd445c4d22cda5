/// Who may reach each port of one protocol: stretches of ports whose sources are the same, sorted, without empty ones, and
/// no two beside each other alike. So equal maps are equal values.
struct PortMap: Hashable, Sendable {
    struct Stretch: Hashable, Sendable {
        var ports: ClosedRange<UInt16>
        var sources: SourceSet
    }

    private(set) var stretches: [Stretch] = []

    static let empty = PortMap()

    init() {}

    init(_ rules: [Rule]) {
        for ports in Self.pieces(rules.map(\.ports.closedRange)) {
            let sources = rules.filter { $0.ports.closedRange.contains(ports.lowerBound) }.map(\.source)
            append(Stretch(ports: ports, sources: SourceSet(sources)))
        }
    }

    var isEmpty: Bool { stretches.isEmpty }

    subscript(port: UInt16) -> SourceSet {
        stretches.first { $0.ports.contains(port) }?.sources ?? SourceSet()
    }

    var ports: PortSet { PortSet(stretches.map(\.ports)) }

    /// All sources of any of these ports.
    func sources(of ports: PortSet) -> SourceSet {
        stretches.reduce(SourceSet()) { found, stretch in
            ports.overlaps(PortSet(stretch.ports)) ? found.union(stretch.sources) : found
        }
    }

    func limited(to ports: PortSet) -> PortMap {
        var result = PortMap()
        for stretch in stretches {
            for part in ports.intersection(PortSet(stretch.ports)).intervals {
                result.append(Stretch(ports: part, sources: stretch.sources))
            }
        }
        return result
    }

    /// Port by port, without going through each. Where neither has a source, nor may the result.
    func combined(with other: PortMap, _ combine: (SourceSet, SourceSet) -> SourceSet) -> PortMap {
        var result = PortMap()
        for ports in Self.pieces((stretches + other.stretches).map(\.ports)) {
            let sources = combine(self[ports.lowerBound], other[ports.lowerBound])
            result.append(Stretch(ports: ports, sources: sources))
        }
        return result
    }

    /// The ports from the first to the last of some ranges, in pieces that each range has wholly or not at all.
    private static func pieces(_ ranges: [ClosedRange<UInt16>]) -> [ClosedRange<UInt16>] {
        let starts = Set(ranges.map { Int($0.lowerBound) } + ranges.map { Int($0.upperBound) + 1 }).sorted()
        return zip(starts, starts.dropFirst()).map { UInt16($0)...UInt16($1 - 1) }
    }

    /// Behind all that is there.
    private mutating func append(_ stretch: Stretch) {
        guard !stretch.sources.isEmpty else { return }
        if let last = stretches.last, last.sources == stretch.sources,
            last.ports.upperBound < .max, last.ports.upperBound + 1 == stretch.ports.lowerBound
        {
            stretches[stretches.count - 1].ports = last.ports.lowerBound...stretch.ports.upperBound
        } else {
            stretches.append(stretch)
        }
    }

    /// Ports and sources such that together they say the same; neighboring ports with a source in common are joined.
    var parts: [(ports: PortRange, source: Source)] {
        var bySource: [Source: [ClosedRange<UInt16>]] = [:]
        for stretch in stretches {
            for source in stretch.sources.sources { bySource[source, default: []].append(stretch.ports) }
        }
        return bySource.flatMap { source, ports in
            PortSet(ports).ranges.map { (ports: $0, source: source) }
        }
        .sorted { ($0.ports, $0.source) < ($1.ports, $1.source) }
    }
}
