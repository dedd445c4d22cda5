internal import CoreTypes
internal import Crypto
internal import Foundation
internal import GRDB

/// What somebody with a key of the control API may do; each role may do what those before it may.
public enum APIRole: String, Sendable, CaseIterable, Codable, Comparable {
    /// Sees everything but the keys.
    case viewer
    /// Ends calls, changes the allowlist and bans.
    case `operator`
    /// Changes subscribers, experts and keys.
    case admin

    public static func < (first: APIRole, second: APIRole) -> Bool { first.rank < second.rank }

    private var rank: Int {
        switch self {
        case .viewer: 0
        case .operator: 1
        case .admin: 2
        }
    }
}

/// A key of the control API as an operator sees it: the key itself is known to nobody.
public struct APIKeyEntry: Sendable, Equatable {
    public let name: String
    public let role: APIRole
    /// The part of the key that tells it from others.
    public let prefix: String
    /// Milliseconds since 1970.
    public let createdAt: Int64
    /// Nil: it does not expire.
    public let expiresAt: Int64?
    /// Within a minute; nil: never.
    public let lastUsedAt: Int64?

    fileprivate var facts: [String: String] {
        var facts = ["role": role.rawValue, "prefix": prefix]
        facts["expires"] = expiresAt.map { CivilTime(millisecondsSince1970: $0).rfc3339 }
        return facts
    }
}

/// `sp_`, eight characters by which it is found, `_`, and 256 random bits: both in lower-case hexadecimal digits.
struct APIKeyText {
    /// With `sp_`.
    let prefix: String
    let text: String

    static func random() -> APIKeyText {
        func digits(_ count: Int) -> String {
            Hexadecimal.string((0..<count).map { _ in UInt8.random(in: .min ... .max) })
        }
        let prefix = "sp_" + digits(4)
        return APIKeyText(prefix: prefix, text: prefix + "_" + digits(32))
    }

    private init(prefix: String, text: String) {
        self.prefix = prefix
        self.text = text
    }

    /// Nil where a text can't be a key.
    init?(parsing text: String) {
        guard text.utf8.count == 76 else { return nil }
        prefix = String(text.prefix(11))
        self.text = text
    }

    var hash: SHA256.Digest { SHA256.hash(data: Data(text.utf8)) }
}

extension RegistryStore {
    /// Keys that there may be at a time.
    private static let mostKeys = 1000

    /// - Parameter expiresAt: milliseconds since 1970, in the future; nil: never.
    /// - Returns: the key, which is kept nowhere: 76 characters.
    /// - Throws: `exists`, `invalid`.
    public func createKey(_ name: String, role: APIRole, expiresAt: Int64? = nil) throws(RegistryError) -> String {
        let name = try AccountName.token(name, "name of a key")
        if let expiresAt, expiresAt <= clock() {
            throw RegistryError(.invalid, "the key would have expired already: give a time in the future")
        }
        let key = APIKeyText.random()
        try write { database in
            guard try entry(name, in: database) == nil else {
                throw RegistryError(.exists, "there is a key \(name) already: revoke it first, or use another name")
            }
            guard try Int.fetchOne(database, sql: "SELECT count(*) FROM api_key") ?? 0 < Self.mostKeys else {
                throw RegistryError(.invalid, "there are \(Self.mostKeys) keys: revoke some first")
            }
            try database.execute(
                sql: "INSERT INTO api_key (name, role, prefix, hash, created_at, expires_at) VALUES (?, ?, ?, ?, ?, ?)",
                arguments: [name, role.rawValue, key.prefix, Data(key.hash), clock(), expiresAt])
            try note("key.create", name, before: nil, after: entry(name, in: database)?.facts, in: database)
        }
        return key.text
    }

    /// All keys, by name, also those that have expired.
    public func apiKeys() throws(RegistryError) -> [APIKeyEntry] {
        try read { try entries(in: $0, where: "1") }
    }

    /// From now on nobody gets in with it.
    public func revokeKey(_ name: String) throws(RegistryError) {
        try write { database in
            guard let before = try entry(name, in: database) else {
                throw RegistryError(.notFound, "there is no key \(quoted(name)): see 'key list'")
            }
            try database.execute(sql: "DELETE FROM api_key WHERE name = ?", arguments: [name])
            try note("key.revoke", name, before: before.facts, after: nil, in: database)
        }
    }

    /// Whose key this is; nil: nobody's, or it has expired. Takes the same comparisons for a wrong key as for a right one.
    public func authenticate(key text: String) throws(RegistryError) -> APIKeyEntry? {
        guard let key = APIKeyText(parsing: text) else { return nil }
        let now = clock()
        return try read { database in
            let row = try Row.fetchOne(
                database, sql: "SELECT * FROM api_key WHERE prefix = ?", arguments: [key.prefix])
            let stored = row.flatMap { Data.fromDatabaseValue($0["hash"]) } ?? Data(count: SHA256.byteCount)
            // Digests compare in constant time.
            guard key.hash == stored, let row, let entry = Self.entry(row) else { return nil }
            return entry.expiresAt.map { $0 <= now } == true ? nil : entry
        }
    }

    /// Notes that a key was used; writes at most once a minute for each.
    public func noteUse(of key: APIKeyEntry) throws(RegistryError) {
        let now = clock()
        guard now - (key.lastUsedAt ?? 0) >= 60_000 else { return }
        try write { database in
            try database.execute(
                sql: "UPDATE api_key SET last_used_at = ? WHERE name = ? AND prefix = ?",
                arguments: [now, key.name, key.prefix])
        }
    }

    private func entry(_ name: String, in database: Database) throws -> APIKeyEntry? {
        try entries(in: database, where: "name = ?", arguments: [name]).first
    }

    private func entries(
        in database: Database, where condition: String, arguments: StatementArguments = []
    ) throws -> [APIKeyEntry] {
        try Row.fetchAll(
            database, sql: "SELECT * FROM api_key WHERE \(condition) ORDER BY name", arguments: arguments
        ).compactMap(Self.entry)
    }

    /// Nil for a row that another program has put there with a role that there is not: it lets nobody in.
    private static func entry(_ row: Row) -> APIKeyEntry? {
        guard let role = APIRole(rawValue: row.text("role")) else { return nil }
        return APIKeyEntry(
            name: row.text("name"), role: role, prefix: row.text("prefix"),
            createdAt: Int64.fromDatabaseValue(row["created_at"]) ?? 0,
            expiresAt: Int64.fromDatabaseValue(row["expires_at"]),
            lastUsedAt: Int64.fromDatabaseValue(row["last_used_at"]))
    }
}
