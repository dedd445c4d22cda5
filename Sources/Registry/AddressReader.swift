internal import CoreTypes
internal import GRDB

/// Reads Kamailio's `address` rows as networks.
struct AddressReader {
    let hasProto: Bool

    struct Problem: Error {
        let text: String
    }

    func forEach(
        in database: Database, _ body: (Int64, Result<RegistrySnapshot.Address, Problem>) -> Void
    ) throws {
        let rows = try Row.fetchCursor(
            database,
            sql: """
                SELECT a.id, a.grp, a.ip_addr, a.mask, a.port, a.tag,
                    \(hasProto ? "a.proto" : "NULL") AS proto, o.transport
                FROM address a
                LEFT JOIN sallyport_address o ON o.address_id = a.id AND o.ip_addr = a.ip_addr AND o.mask = a.mask
                    AND o.grp = a.grp
                ORDER BY a.grp, a.ip_addr, a.mask, a.id
                """)
        while let row = try rows.next() {
            let id = Int64.fromDatabaseValue(row["id"]) ?? 0
            body(id, Result { () throws(Problem) in try rule(row, id) })
        }
    }

    private func rule(_ row: Row, _ id: Int64) throws(Problem) -> RegistrySnapshot.Address {
        let address = row.text("ip_addr")
        func problem(_ text: String) -> Problem {
            Problem(text: "address row \(id) (\(quoted(address))) is skipped: \(text)")
        }
        guard let group = Int.fromDatabaseValue(row["grp"]) else { throw problem("its group is no number") }
        guard let port = UInt16(exactly: Int.fromDatabaseValue(row["port"]) ?? -1) else {
            throw problem("its port \(quoted(row.text("port"))) is no port")
        }
        let host = address.hasPrefix("[") && address.hasSuffix("]") ? address.dropFirst().dropLast() : address[...]
        guard let parsed = IPAddress(host) else { throw problem("it is no address") }
        guard var length = Int.fromDatabaseValue(row["mask"]) else { throw problem("its mask is no number") }
        // ::ffff:192.0.2.0/120 is an IPv4 network here.
        if parsed.family == .v4, host.contains(":") { length -= 96 }
        guard let network = IPNetwork(parsed, prefixLength: length) else {
            throw problem("its mask \(length) does not fit the address")
        }
        return RegistrySnapshot.Address(
            network: network, group: group, port: port, transport: try transport(row, problem), tag: row.text("tag"))
    }

    private func transport(_ row: Row, _ problem: (String) -> Problem) throws(Problem) -> TransportKind? {
        let text = (hasProto ? row.text("proto") : row.text("transport")).lowercased()
        if text.isEmpty || text == "any" { return nil }
        guard let transport = TransportKind(rawValue: text) else {
            throw problem("transport \(quoted(text)) is none that this edge has")
        }
        return transport
    }
}
