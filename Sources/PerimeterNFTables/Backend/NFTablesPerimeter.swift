internal import CoreTypes
public import Perimeter

/// The perimeter on this host: one table of nftables, in the network namespace of this process. Other tables are neither
/// looked at nor touched.
///
/// Needs root (CAP_NET_ADMIN). Calls block for some milliseconds.
public struct NFTablesPerimeter: PerimeterBackend {
    public let table: String

    /// - Throws: when nft has no way to write the table's name.
    public init(_ provider: Declaration.NFTables) throws(NFTablesError) {
        let name = provider.table.utf8
        let isWord = name.allSatisfy {
            (48...57).contains($0) || (65...90).contains($0 & 0xdf) || "_-.".utf8.contains($0)
        }
        guard isWord, let first = name.first, (65...90).contains(first & 0xdf), name.count <= 64 else {
            throw NFTablesError(
                .badSetting,
                "provider.nftables.table: nft takes no '\(provider.table.prefix(64))': write up to 64 letters, digits, "
                    + "'_', '-' and '.', a letter first")
        }
        table = provider.table
    }

    public var isAtomic: Bool { true }

    public func close() async throws {}

    /// Reads the table back. Without it, or without its chain, the host lets in everything, and so it is seen.
    /// - Throws: ``NFTablesError``.
    public func observe(_ declared: Declaration) async throws -> Observation { try look(declared) }

    /// Loads the whole ruleset of the state that the changes lead to, in one transaction, and reads it back. Banned
    /// addresses stay, with the time that is left to them; a rule that stays keeps its counter.
    /// - Throws: ``NFTablesError``; nothing was changed then, unless it is `notDone`.
    public func carryOut(_ changes: [Change], _ declared: Declaration) async throws { try load(changes, declared) }

    func look(_ declared: Declaration) throws(NFTablesError) -> Observation {
        let role = declared.rolesInForce.first
        let rules =
            try readTable()?.ingress { rule in role.map { declared.why(rule, of: $0) } ?? "" } ?? KernelTable.everything
        let host = try HostAddresses()
        let member = Member(kind: .host, id: host.name, groups: [table], addresses: host.networks)
        return Observation(
            groups: [
                ObservedGroup(
                    id: table, name: role?.group ?? table, description: "table inet \(table)", ingress: rules,
                    usedBy: [member.id])
            ], members: [member])
    }

    func load(_ changes: [Change], _ declared: Declaration) throws(NFTablesError) {
        let state = changes.reduce(try look(declared)) { $0.applying($1) }
        let wanted = state.groups.first?.ingress ?? []
        let kernel = try readTableSwitchedOn()
        let text = Ruleset(table: table, wanted).text(
            chains: kernel?.chains.map(\.name) ?? [], counters: kernel?.counters ?? [:])
        try NFTables.run(text, "table inet \(table)")
        let now = try look(declared).groups.first?.ingress ?? []
        let difference = Reach(now.map(\.rule)).difference(from: Reach(wanted.filter(\.canBeWritten).map(\.rule)))
        guard let difference else { return }
        throw NFTablesError(
            .notDone,
            "table inet \(table): loaded, but then \(difference): somebody else changes it: see 'nft list table inet \(table)'"
        )
    }

    /// Nil when there is none.
    func readTable() throws(NFTablesError) -> KernelTable? {
        guard try isThere() else { return nil }
        let list = "list table inet \(table)"
        return try KernelTable(
            json: try NFTables.run(list, list), text: try NFTables.run(list, as: .text, list))
    }

    /// One that is switched off loses its chains, which do nothing: the kernel can't both switch it on and delete them.
    func readTableSwitchedOn() throws(NFTablesError) -> KernelTable? {
        guard let kernel = try readTable(), kernel.isDormant else { return try readTable() }
        let commands =
            kernel.chains.map { "flush chain inet \(table) \($0.name)" }
            + kernel.chains.map { "delete chain inet \(table) \($0.name)" }
        for step in commands.isEmpty
            ? ["add table inet \(table)"] : [commands.joined(separator: "\n"), "add table inet \(table)"]
        {
            try NFTables.run(step, "table inet \(table), which is switched off")
        }
        return try readTable()
    }

    func isThere() throws(NFTablesError) -> Bool {
        let list = "list tables inet"
        let json = try NFTables.run(list, list)
        do {
            let tables = try JSONValue(text: json)["nftables"]?.array ?? []
            return tables.contains { $0["table"]?["name"]?.string == table }
        } catch {
            throw NFTablesError(.badAnswer, "\(list): libnftables' JSON can't be read: \(error): report it")
        }
    }
}

extension Reach {
    /// The first thing in which it is another, in words; nil when it is the same.
    fileprivate func difference(from wanted: Reach) -> String? {
        if let missing = wanted.subtracting(self).rules.first { return "\(missing) is not let in" }
        return subtracting(wanted).rules.first.map { "\($0) is let in as well" }
    }
}
