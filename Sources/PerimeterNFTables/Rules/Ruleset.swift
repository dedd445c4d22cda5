internal import CoreTypes
internal import Perimeter

/// The rules of a host as one text for nft, which comes into force as a whole or not at all.
struct Ruleset: Sendable {
    struct Line: Hashable, Sendable {
        let conditions: Conditions
        let comment: String
    }

    struct Counter: Hashable, Sendable {
        var packets: UInt64
        var bytes: UInt64

        static let zero = Counter(packets: 0, bytes: 0)
    }

    /// What has to be counted on from what: a rule that stays keeps its counter.
    struct Key: Hashable, Sendable {
        let conditions: Conditions
        let isAccept: Bool
    }

    let table: String
    let lines: [Line]

    /// - Parameter rules: those from groups, and those of another hand that were not understood, have no words here and are
    ///   left out.
    init(table: String, _ rules: [ObservedRule]) {
        self.table = table
        lines = Self.lines(rules.filter(\.canBeWritten))
    }

    /// - Parameters:
    ///   - chains: that the table has now. All of them go.
    ///   - counters: of what is there now.
    func text(chains: [String], counters: [Key: Counter] = [:]) -> String {
        func count(_ conditions: Conditions, _ isAccept: Bool) -> String {
            let counter = counters[Key(conditions: conditions, isAccept: isAccept)] ?? .zero
            return "counter packets \(counter.packets) bytes \(counter.bytes)"
        }
        let place = "inet \(table) \(HostRules.chain)"
        var commands = Self.clearing(table, chains)
        commands.append(
            "add chain \(place) { type filter hook input priority \(HostRules.priority); policy drop; }")
        for line in HostRules.lines {
            commands.append(
                Self.rule(
                    place, line.conditions, count(line.conditions, line.verdict == .accept), line.verdict.rawValue,
                    line.why))
        }
        for line in lines {
            commands.append(
                Self.rule(place, line.conditions, count(line.conditions, true), "accept", line.comment))
        }
        return commands.joined(separator: "\n") + "\n"
    }

    /// Commands after which a table is there that lets everything in, its sets as they were. A table that was switched off
    /// is on again.
    static func clearing(_ table: String, _ chains: [String]) -> [String] {
        let sets = HostRules.bannedSets.map { set in
            "add set inet \(table) \(set.name) { type \(set.type); flags interval, timeout; auto-merge; }"
        }
        return ["add table inet \(table)"] + sets + ["flush table inet \(table)"]
            + chains.map { "delete chain inet \(table) \($0)" }
    }

    private static func rule(
        _ place: String, _ conditions: Conditions, _ counter: String, _ verdict: String, _ comment: String
    ) -> String {
        let words = [conditions.text, counter, verdict, comment.isEmpty ? "" : "comment \"\(comment)\""]
        return "add rule \(place) " + words.filter { !$0.isEmpty }.joined(separator: " ")
    }

    // MARK: Lines

    private struct Shape: Hashable {
        let transport: TransportProtocol
        let ports: PortRange
        let description: String
    }

    private static func lines(_ rules: [ObservedRule]) -> [Line] {
        var order: [Shape] = []
        var networks: [Shape: [IPNetwork]] = [:]
        for observed in rules {
            guard case .network(let network) = observed.rule.source else { continue }
            let shape = Shape(
                transport: observed.rule.protocol, ports: observed.rule.ports,
                description: RuleComment.text(observed.description ?? ""))
            if networks[shape] == nil { order.append(shape) }
            if networks[shape]?.contains(network) != true { networks[shape, default: []].append(network) }
        }
        return order.flatMap { shape in
            conditions(shape, networks[shape] ?? []).map { Line(conditions: $0, comment: shape.description) }
        }
    }

    private static func conditions(_ shape: Shape, _ networks: [IPNetwork]) -> [Conditions] {
        var base = Conditions()
        if shape.transport != .all { base.protocols = [shape.transport] }
        if shape.transport.hasPorts, shape.ports != .all { base.ports = [shape.ports] }
        return pieces(of: shape).flatMap { piece -> [Conditions] in
            var conditions = base
            if let piece {
                conditions.types = [UInt8(truncatingIfNeeded: piece.type)]
                conditions.code = piece.code < 0 ? nil : UInt8(truncatingIfNeeded: piece.code)
            }
            return self.conditions(conditions, from: networks)
        }
    }

    /// Types and codes of ICMP; a nil where it is about none.
    private static func pieces(of shape: Shape) -> [(type: Int, code: Int)?] {
        guard shape.transport.hasMessages, shape.ports != .all else { return [nil] }
        if let message = shape.ports.icmp { return [message] }
        // From the middle of a type, or beyond its end.
        return shape.ports.closedRange.map { (type: Int($0 >> 8), code: Int($0 & 255)) }
    }

    private static func conditions(_ base: Conditions, from networks: [IPNetwork]) -> [Conditions] {
        // What one rule for both families would say, is that of one family only where it names messages.
        let isEverywhere = networks.contains { $0.isEverything(.v4) } && networks.contains { $0.isEverything(.v6) }
        let both = isEverywhere && base.types.isEmpty
        let rest = both ? networks.filter { $0.prefixLength != 0 } : networks
        var result = both ? [base] : []
        for family in [IPAddress.Family.v4, .v6] {
            let own = rest.filter { $0.address.family == family }.sorted { .network($0) < Source.network($1) }
            if own.contains(where: { $0.isEverything(family) }) {
                var conditions = base
                conditions.family = family
                result.append(conditions)
            }
            for some in own.filter({ $0.prefixLength != 0 }).apart() {
                var conditions = base
                conditions.family = family
                conditions.sources = some
                result.append(conditions)
            }
        }
        return result
    }
}

/// What a rule says about itself in the kernel: what nft can quote, and no more than it keeps.
enum RuleComment {
    static let mostBytes = 128

    static func text(_ why: String) -> String { String(RuleDescription.text(why).prefix(mostBytes)) }
}

extension IPNetwork {
    func isEverything(_ family: IPAddress.Family) -> Bool { prefixLength == 0 && address.family == family }
}

extension [IPNetwork] {
    /// In as few lists as it takes for no two in one to overlap or to stand side by side: nft would make one of them, and
    /// then nobody finds the one that was declared.
    func apart() -> [[IPNetwork]] {
        reduce(into: [[IPNetwork]]()) { lists, network in
            let free = lists.firstIndex { list in !list.contains { $0.touches(network) } }
            if let free { lists[free].append(network) } else { lists.append([network]) }
        }
    }
}

extension IPNetwork {
    fileprivate func touches(_ other: IPNetwork) -> Bool {
        contains(other.address) || other.contains(address) || last.number &+ 1 == other.address.number
            || other.last.number &+ 1 == address.number
    }
}
