public import CoreTypes
internal import GRDB

/// An address that the edge does not listen to.
public struct Ban: Sendable, Equatable {
    public var address: IPAddress
    public var reason: String
    /// The rule that banned it; nil: somebody did.
    public var jail: String?
    /// Who banned it.
    public var actor: String
    /// Milliseconds since 1970.
    public var addedAt: Int64
    /// Nil: until it is lifted.
    public var until: Int64?

    /// How long one that ends by itself may last.
    public static let duration = Duration.seconds(1) ... .seconds(3650 * 86_400)

    fileprivate var facts: [String: String] {
        var facts = ["reason": reason, "by": actor]
        facts["jail"] = jail
        facts["until"] = until.map { CivilTime(millisecondsSince1970: $0).rfc3339 }
        return facts
    }
}

extension RegistryStore {
    /// - Parameters:
    ///   - milliseconds: how long; nil: until it is lifted.
    ///   - neverBan: networks whose addresses are refused.
    /// - Returns: the ban; one that stands already is replaced.
    /// - Throws: `protected` for one of `neverBan`, `invalid`.
    @discardableResult
    public func ban(
        _ address: IPAddress, for milliseconds: Int64?, reason: String, neverBan: [IPNetwork]
    ) throws(RegistryError) -> Ban {
        let reason = try AccountName.label(reason, "reason", atMost: 200)
        if let network = neverBan.first(where: { $0.contains(address) }) {
            throw RegistryError(.protected, "\(address) is never banned: \(network) stands in bans.never_ban")
        }
        let now = clock()
        let ban = Ban(
            address: address, reason: reason, jail: nil, actor: actor, addedAt: now,
            until: milliseconds.map { now + $0 })
        try write { database in
            let before = try current(address, at: now, in: database)
            try database.execute(
                sql:
                    "INSERT OR REPLACE INTO ban (address, reason, jail, actor, added_at, until) VALUES (?, ?, ?, ?, ?, ?)",
                arguments: [address.description, ban.reason, ban.jail, ban.actor, ban.addedAt, ban.until])
            try note("ban.add", address.description, before: before?.facts, after: ban.facts, in: database)
        }
        return ban
    }

    /// Bans that have not ended, by address.
    public func bans() throws(RegistryError) -> [Ban] {
        let now = clock()
        return try read { try Self.bans(in: $0, at: now) }
    }

    /// - Throws: `notFound`.
    public func liftBan(_ address: IPAddress) throws(RegistryError) {
        let now = clock()
        try write { database in
            guard let before = try current(address, at: now, in: database) else {
                throw RegistryError(.notFound, "\(address) is not banned: see 'ban list'")
            }
            // Those that have ended go with it.
            try database.execute(
                sql: "DELETE FROM ban WHERE address = ? OR until <= ?", arguments: [address.description, now])
            try note("ban.lift", address.description, before: before.facts, after: nil, in: database)
        }
    }

    private func current(_ address: IPAddress, at now: Int64, in database: Database) throws -> Ban? {
        try Self.bans(in: database, at: now).first { $0.address == address }
    }

    static func bans(in database: Database, at now: Int64) throws -> [Ban] {
        try Row.fetchAll(
            database, sql: "SELECT * FROM ban WHERE until IS NULL OR until > ? ORDER BY address", arguments: [now]
        ).compactMap { row in
            guard let address = IPAddress(row.text("address")) else { return nil }
            let jail = row.text("jail")
            return Ban(
                address: address, reason: row.text("reason"), jail: jail.isEmpty ? nil : jail,
                actor: row.text("actor"), addedAt: Int64.fromDatabaseValue(row["added_at"]) ?? 0,
                until: Int64.fromDatabaseValue(row["until"]))
        }
    }
}
