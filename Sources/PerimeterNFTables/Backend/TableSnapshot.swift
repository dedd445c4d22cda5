/// The rules of the table at one time, to go back to. Its sets are not part of it: who was banned meanwhile stays so.
public struct TableSnapshot: Codable, Sendable, Hashable {
    public let table: String
    /// As nft lists it; nil: there was none, or none that does anything.
    let text: String?
}

extension NFTablesPerimeter {
    public func snapshot() throws(NFTablesError) -> TableSnapshot {
        let list = "list table inet \(table)"
        guard let kernel = try readTable(), !kernel.isDormant else { return TableSnapshot(table: table, text: nil) }
        return TableSnapshot(table: table, text: try NFTables.run(list, as: .loadable, list))
    }

    /// Puts the rules back, in one transaction.
    public func restore(_ snapshot: TableSnapshot) throws(NFTablesError) {
        let chains = try readTableSwitchedOn()?.chains.map(\.name) ?? []
        let commands = Ruleset.clearing(snapshot.table, chains).joined(separator: "\n")
        try NFTables.run(
            commands + "\n" + (snapshot.text ?? ""), "putting back table inet \(snapshot.table)")
    }
}
