internal import CoreTypes
internal import Perimeter

extension Conditions {
    /// Takes a match in.
    /// - Returns: false when it was not understood: the conditions are then wider than the rule.
    mutating func add(_ match: JSONValue, _ sets: [String: JSONValue]) -> Bool {
        guard let left = match["left"], let right = match["right"], let operation = match["op"]?.string,
            operation == "==" || operation == "in"
        else { return false }
        if let key = left["meta"]?["key"]?.string { return addMeta(key, right.resolved(sets)) }
        if left["ct"]?["key"]?.string == "state", left["ct"]?["dir"] == nil { return addStates(right) }
        guard let payload = left["payload"] else { return false }
        guard let name = payload["protocol"]?.string, let field = payload["field"]?.string else {
            return addOctets(payload, right.resolved(sets))
        }
        if field == "saddr", right.isBanned {
            guard sourceSet == nil, narrow(name == "ip" ? .v4 : .v6) else { return false }
            sourceSet = right.string.map { String($0.dropFirst()) }
            return true
        }
        return addField(name, field, right.resolved(sets))
    }

    /// After the last match: what some imply together.
    mutating func settle() {
        guard family == nil, !types.isEmpty, let transport = protocols.first else { return }
        family = transport == .icmp ? .v4 : .v6
    }

    private mutating func addMeta(_ key: String, _ values: [JSONValue]) -> Bool {
        switch key {
        case "iifname":
            guard interface == nil, values.count == 1, let name = values[0].string else { return false }
            interface = name
            return true
        case "nfproto":
            guard values.count == 1 else { return false }
            switch values[0] {
            case .number(2), .string("ipv4"): return narrow(.v4)
            case .number(10), .string("ipv6"): return narrow(.v6)
            default: return false
            }
        case "l4proto": return addProtocols(values)
        default: return false
        }
    }

    private mutating func addStates(_ value: JSONValue) -> Bool {
        let found = value.members.map { $0.number.flatMap(State.init) ?? State(word: $0.string ?? "") }
        guard states.isEmpty, !found.isEmpty, !found.contains(nil) else { return false }
        states = Set(found.compactMap { $0 })
        return true
    }

    private mutating func addField(_ header: String, _ field: String, _ values: [JSONValue]) -> Bool {
        switch (header, field) {
        case ("ip", "saddr"), ("ip6", "saddr"): return addSources(header == "ip" ? .v4 : .v6, values)
        case ("ip", "protocol"), ("ip6", "nexthdr"):
            // Behind extension headers there can be another one.
            guard narrow(header == "ip" ? .v4 : .v6) else { return false }
            return addProtocols(values) && header == "ip"
        case ("ip6", "hoplimit"):
            guard hopLimit == nil, values.count == 1, let number = values[0].octet else { return false }
            hopLimit = number
            return narrow(.v6)
        case ("tcp", "dport"), ("udp", "dport"):
            return narrow(to: header == "tcp" ? .tcp : .udp) && addPorts(values)
        case ("th", "dport"): return addPorts(values)
        case ("icmp", "type"), ("icmpv6", "type"):
            return narrow(to: header == "icmp" ? .icmp : .icmpv6) && addTypes(values)
        case ("icmp", "code"), ("icmpv6", "code"):
            return narrow(to: header == "icmp" ? .icmp : .icmpv6) && addCode(values)
        default:
            // At least it is of that protocol.
            if let transport = TransportProtocol(header), transport != .all { _ = narrow(to: transport) }
            return false
        }
    }

    /// Octets of what stands above IP: the type and code of ICMP.
    private mutating func addOctets(_ payload: JSONValue, _ values: [JSONValue]) -> Bool {
        guard payload["base"]?.string == "th", payload["len"]?.number == 8, protocols.allSatisfy(\.hasMessages),
            protocols.count == 1
        else { return false }
        switch payload["offset"]?.number {
        case 0: return addTypes(values)
        case 8: return addCode(values)
        default: return false
        }
    }

    // MARK: Narrowing

    private mutating func narrow(_ other: IPAddress.Family) -> Bool {
        guard family == nil || family == other else { return false }
        family = other
        return true
    }

    private mutating func narrow(to transport: TransportProtocol) -> Bool {
        guard protocols.isEmpty || protocols == [transport] else { return false }
        protocols = [transport]
        return true
    }

    private mutating func addProtocols(_ values: [JSONValue]) -> Bool {
        let numbers = values.flatMap(\.octets)
        guard protocols.isEmpty, !numbers.contains(nil), !numbers.isEmpty else { return false }
        protocols = Set(numbers.compactMap { $0 }).sorted().map { TransportProtocol(number: $0) }
        return true
    }

    private mutating func addPorts(_ values: [JSONValue]) -> Bool {
        let ranges = values.map(\.ports)
        guard ports.isEmpty, !ranges.contains(nil), !ranges.isEmpty else { return false }
        // All of them is the same as none asked for.
        ports = ranges.compactMap { $0 }.sorted()
        if ports == [.all] { ports = [] }
        return true
    }

    private mutating func addTypes(_ values: [JSONValue]) -> Bool {
        let found = values.flatMap(\.octets)
        guard types.isEmpty, !found.contains(nil), !found.isEmpty else { return false }
        types = Set(found.compactMap { $0 }).sorted()
        return true
    }

    private mutating func addCode(_ values: [JSONValue]) -> Bool {
        guard code == nil, values.count == 1, let number = values[0].octet else { return false }
        code = number
        return true
    }

    private mutating func addSources(_ family: IPAddress.Family, _ values: [JSONValue]) -> Bool {
        let found = values.map(\.networks)
        guard narrow(family), sources.isEmpty, !found.contains(nil) else { return false }
        sources = Set(found.flatMap { $0 ?? [] }).sorted { .network($0) < Source.network($1) }
        guard !sources.isEmpty, sources.allSatisfy({ $0.address.family == family }) else {
            // From a set that has nobody in it yet: who may be added there is not known.
            sources = []
            return false
        }
        if sources.contains(where: { $0.prefixLength == 0 }) { sources = [] }
        return true
    }
}

extension Conditions.State {
    fileprivate init?(word: String) {
        switch word {
        case "invalid": self = .invalid
        case "established": self = .established
        case "related": self = .related
        default: return nil
        }
    }
}

extension JSONValue {
    fileprivate var isBanned: Bool {
        HostRules.bannedSets.contains { "@\($0.name)" == string }
    }

    /// The values that it stands for, those of a named set among them.
    fileprivate func resolved(_ sets: [String: JSONValue]) -> [JSONValue] {
        guard let name = string, name.hasPrefix("@") else { return members }
        return sets[String(name.dropFirst())]?.members ?? []
    }

    fileprivate var octet: UInt8? { number.flatMap { UInt8(exactly: $0) } }

    /// A number, or those of a range; a nil for what is neither.
    fileprivate var octets: [UInt8?] {
        guard let range = self["range"]?.array else { return [octet] }
        guard range.count == 2, let from = range[0].octet, let to = range[1].octet, from <= to else { return [nil] }
        return (from...to).map { $0 }
    }

    fileprivate var ports: PortRange? {
        if let number { return PortRange(from: number, to: number) }
        guard let range = self["range"]?.array, range.count == 2, let from = range[0].number, let to = range[1].number
        else { return nil }
        return PortRange(from: from, to: to)
    }

    fileprivate var networks: [IPNetwork]? {
        if let string {
            return IPAddress(string).flatMap { IPNetwork($0, prefixLength: $0.family.bitWidth) }.map { [$0] }
        }
        if let prefix = self["prefix"], let address = prefix["addr"]?.string.flatMap({ IPAddress($0) }),
            let length = prefix["len"]?.number
        {
            return IPNetwork(address, prefixLength: length).map { [$0] }
        }
        guard let range = self["range"]?.array, range.count == 2, let from = range[0].string.flatMap({ IPAddress($0) }),
            let to = range[1].string.flatMap({ IPAddress($0) })
        else { return nil }
        return IPNetwork.from(from, to: to)
    }
}
