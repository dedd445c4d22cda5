public import CoreTypes
internal import GRDB

/// A network of the allowlist.
public struct AddressEntry: Sendable, Equatable {
    /// The row in the table.
    public let id: Int64
    public let rule: RegistrySnapshot.Address

    fileprivate var facts: [String: String] {
        var facts = ["group": String(rule.group), "tag": rule.tag]
        if rule.port != 0 { facts["port"] = String(rule.port) }
        facts["transport"] = rule.transport?.rawValue
        return facts
    }
}

extension RegistryStore {
    /// - Returns: the entry, with its row.
    /// - Throws: `exists` when the same network, group, port and transport is there; `invalid`.
    @discardableResult
    public func allow(_ rule: RegistrySnapshot.Address) throws(RegistryError) -> AddressEntry {
        let tag = try AccountName.label(rule.tag, "tag")
        guard rule.group >= 0 else { throw RegistryError(.invalid, "a group is a number from 0") }
        return try write { database in
            let same = try addresses(in: database).first { entry in
                entry.rule.network == rule.network && entry.rule.group == rule.group && entry.rule.port == rule.port
                    && entry.rule.transport == rule.transport
            }
            if let same {
                throw RegistryError(
                    .exists,
                    "\(rule.network) is allowed already in group \(rule.group), for \(quoted(same.rule.tag)): remove it "
                        + "first to change its tag")
            }
            let address = rule.network.address.description
            let length = rule.network.prefixLength
            if schema.addressHasProto {
                try database.execute(
                    sql: "INSERT INTO address (grp, ip_addr, mask, port, tag, proto) VALUES (?, ?, ?, ?, ?, ?)",
                    arguments: [rule.group, address, length, rule.port, tag, rule.transport?.rawValue ?? "any"])
            } else {
                try database.execute(
                    sql: "INSERT INTO address (grp, ip_addr, mask, port, tag) VALUES (?, ?, ?, ?, ?)",
                    arguments: [rule.group, address, length, rule.port, tag])
            }
            let entry = AddressEntry(id: database.lastInsertedRowID, rule: rule)
            if !schema.addressHasProto {
                if let transport = rule.transport {
                    try database.execute(
                        sql: "INSERT OR REPLACE INTO sallyport_address (address_id, ip_addr, mask, grp, transport) "
                            + "VALUES (?, ?, ?, ?, ?)",
                        arguments: [entry.id, address, length, rule.group, transport.rawValue])
                }
            }
            try note("allow.add", rule.network.description, before: nil, after: entry.facts, in: database)
            return entry
        }
    }

    /// All readable rows, by group and network.
    public func addresses() throws(RegistryError) -> [AddressEntry] {
        try read { try addresses(in: $0) }
    }

    /// Removes a network.
    /// - Parameter group: nil: from every group.
    /// - Returns: how many rows were removed.
    /// - Throws: `notFound`.
    @discardableResult
    public func disallow(_ network: IPNetwork, group: Int? = nil) throws(RegistryError) -> Int {
        try write { database in
            let found = try addresses(in: database).filter { entry in
                entry.rule.network == network && (group == nil || entry.rule.group == group)
            }
            guard !found.isEmpty else {
                let place = group.map { " in group \($0)" } ?? ""
                throw RegistryError(.notFound, "\(network) is not in the allowlist\(place): see 'allow list'")
            }
            for entry in found { try remove(entry, in: database) }
            return found.count
        }
    }

    /// Removes one entry.
    /// - Throws: `notFound` when it is gone or another by now.
    public func disallow(_ entry: AddressEntry) throws(RegistryError) {
        try write { database in
            try checkIsThere(entry, in: database)
            try remove(entry, in: database)
        }
    }

    /// Says whose network it is.
    /// - Throws: `notFound` when it is gone or another by now; `invalid`.
    public func setTag(_ tag: String, of entry: AddressEntry) throws(RegistryError) -> AddressEntry {
        var rule = entry.rule
        rule.tag = try AccountName.label(tag, "tag")
        let changed = AddressEntry(id: entry.id, rule: rule)
        try write { database in
            try checkIsThere(entry, in: database)
            try database.execute(sql: "UPDATE address SET tag = ? WHERE id = ?", arguments: [rule.tag, entry.id])
            try note(
                "allow.tag", rule.network.description, before: entry.facts, after: changed.facts, in: database)
        }
        return changed
    }

    private func checkIsThere(_ entry: AddressEntry, in database: Database) throws {
        guard try addresses(in: database).contains(entry) else {
            throw RegistryError(.notFound, "\(entry.rule.network) has been changed or removed since: see 'allow list'")
        }
    }

    private func remove(_ entry: AddressEntry, in database: Database) throws {
        try database.execute(sql: "DELETE FROM address WHERE id = ?", arguments: [entry.id])
        try database.execute(sql: "DELETE FROM sallyport_address WHERE address_id = ?", arguments: [entry.id])
        try note("allow.remove", entry.rule.network.description, before: entry.facts, after: nil, in: database)
    }

    /// The rules that an address falls under, the longest prefix (which decides) first.
    public func rules(for address: IPAddress) throws(RegistryError) -> [AddressEntry] {
        try addresses().filter { $0.rule.network.contains(address) }
            .sorted { ($1.rule.network.prefixLength, $0.id) < ($0.rule.network.prefixLength, $1.id) }
    }

    private func addresses(in database: Database) throws -> [AddressEntry] {
        var entries: [AddressEntry] = []
        try AddressReader(hasProto: schema.addressHasProto).forEach(in: database) { id, outcome in
            if case .success(let rule) = outcome { entries.append(AddressEntry(id: id, rule: rule)) }
        }
        return entries
    }
}
