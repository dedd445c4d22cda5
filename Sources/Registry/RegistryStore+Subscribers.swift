internal import GRDB

/// A subscriber as an operator sees it: no hashes.
public struct SubscriberEntry: Sendable, Equatable {
    public let username: String
    public let domain: String
    public let isEnabled: Bool
    /// The digest algorithms that it can answer: of `MD5`, `SHA-256`, `SHA-512-256`.
    public let algorithms: [String]
    /// A password in plain text stands in the table, put there by another program.
    public let hasPlaintext: Bool
    /// Milliseconds since 1970; nil for those that Sallyport has not changed yet.
    public let createdAt: Int64?
    public let updatedAt: Int64?

    public var aor: String { "\(username)@\(domain)" }

    fileprivate var facts: [String: String] {
        ["enabled": isEnabled ? "yes" : "no", "algorithms": algorithms.joined(separator: " ")]
    }
}

extension RegistryStore {
    /// - Parameters:
    ///   - aor: `user@domain`.
    ///   - realm: what the password is hashed for; nil: the configured realm, or else the domain.
    /// - Throws: `exists`, `invalid`.
    public func addSubscriber(_ aor: String, password: String, realm: String? = nil) throws(RegistryError) {
        let name = try AccountName(parsing: aor)
        try PasswordHashes.check(password)
        try write { database in
            guard try entry(name, in: database) == nil else {
                throw RegistryError(
                    .exists, "subscriber \(name.text) exists already: use 'subscriber password' to change its password")
            }
            let realm = realm ?? settings.realm ?? name.domain
            let hashes = PasswordHashes(user: name.user, domain: name.domain, realm: realm, password: password)
            try database.execute(
                sql: "INSERT INTO subscriber (username, domain, password, ha1, ha1b) VALUES (?, ?, '', ?, ?)",
                arguments: [name.user, name.domain, hashes.md5, hashes.md5WithDomain])
            try keep(hashes, of: name, realm: realm, isEnabled: true, in: database)
            try note("subscriber.add", name.text, before: nil, after: entry(name, in: database)?.facts, in: database)
        }
    }

    /// Adds one of whom another program has told the MD5 hashes only.
    /// - Throws: `exists`.
    func addSubscriber(_ name: AccountName, ha1: String, ha1b: String) throws(RegistryError) {
        try write { database in
            guard try entry(name, in: database) == nil else {
                throw RegistryError(.exists, "subscriber \(name.text) exists already")
            }
            try database.execute(
                sql: "INSERT INTO subscriber (username, domain, password, ha1, ha1b) VALUES (?, ?, '', ?, ?)",
                arguments: [name.user, name.domain, ha1, ha1b])
            try note("subscriber.add", name.text, before: nil, after: entry(name, in: database)?.facts, in: database)
        }
    }

    public func subscribers() throws(RegistryError) -> [SubscriberEntry] {
        try read { try entries(in: $0, where: "1") }
    }

    public func subscriber(_ aor: String) throws(RegistryError) -> SubscriberEntry {
        let name = try AccountName(parsing: aor)
        return try read { try existing(name, in: $0) }
    }

    /// Sets the password in all algorithms, and removes one in plain text.
    public func setPassword(_ password: String, of aor: String, realm: String? = nil) throws(RegistryError) {
        let name = try AccountName(parsing: aor)
        try PasswordHashes.check(password)
        try write { database in
            let before = try existing(name, in: database)
            let realm = realm ?? settings.realm ?? name.domain
            let hashes = PasswordHashes(user: name.user, domain: before.domain, realm: realm, password: password)
            try database.execute(
                sql: """
                    UPDATE subscriber SET password = '', ha1 = ?, ha1b = ?
                    WHERE username = ? AND domain = ? COLLATE NOCASE
                    """,
                arguments: [hashes.md5, hashes.md5WithDomain, name.user, name.domain])
            try keep(hashes, of: name, realm: realm, isEnabled: before.isEnabled, in: database)
            var after = try existing(name, in: database).facts
            after["password"] = "changed"
            try note("subscriber.password", name.text, before: before.facts, after: after, in: database)
        }
    }

    /// A disabled subscriber keeps its password but may not call.
    public func setSubscriber(_ aor: String, enabled: Bool) throws(RegistryError) {
        let name = try AccountName(parsing: aor)
        try write { database in
            let before = try existing(name, in: database)
            let now = clock()
            try database.execute(
                sql: """
                    INSERT INTO sallyport_subscriber
                        (username, domain, realm, made_with_ha1, enabled, created_at, updated_at)
                    VALUES (?, ?, '', '', ?, ?, ?)
                    ON CONFLICT (username, domain) DO UPDATE
                    SET enabled = excluded.enabled, updated_at = excluded.updated_at
                    """,
                arguments: [name.user, name.domain, enabled, now, now])
            try note(
                enabled ? "subscriber.enable" : "subscriber.disable", name.text, before: before.facts,
                after: existing(name, in: database).facts, in: database)
        }
    }

    public func removeSubscriber(_ aor: String) throws(RegistryError) {
        let name = try AccountName(parsing: aor)
        try write { database in
            let before = try existing(name, in: database)
            for table in ["subscriber", "sallyport_subscriber"] {
                try database.execute(
                    sql: "DELETE FROM \(table) WHERE username = ? AND domain = ? COLLATE NOCASE",
                    arguments: [name.user, name.domain])
            }
            try note("subscriber.remove", name.text, before: before.facts, after: nil, in: database)
        }
    }

    private func keep(
        _ hashes: PasswordHashes, of name: AccountName, realm: String, isEnabled: Bool, in database: Database
    ) throws {
        let now = clock()
        try database.execute(
            sql: """
                INSERT INTO sallyport_subscriber (username, domain, realm, made_with_ha1, ha1_sha256, ha1_sha512_256,
                    enabled, created_at, updated_at)
                VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)
                ON CONFLICT (username, domain) DO UPDATE SET realm = excluded.realm,
                    made_with_ha1 = excluded.made_with_ha1, ha1_sha256 = excluded.ha1_sha256,
                    ha1_sha512_256 = excluded.ha1_sha512_256, enabled = excluded.enabled,
                    updated_at = excluded.updated_at
                """,
            arguments: [
                name.user, name.domain, realm, hashes.md5, hashes.sha256, hashes.sha512_256, isEnabled, now, now,
            ])
    }

    private func existing(_ name: AccountName, in database: Database) throws -> SubscriberEntry {
        guard let entry = try entry(name, in: database) else {
            throw RegistryError(.notFound, "there is no subscriber \(name.text): see 'subscriber list'")
        }
        return entry
    }

    private func entry(_ name: AccountName, in database: Database) throws -> SubscriberEntry? {
        try entries(
            in: database, where: "s.username = ? AND s.domain = ? COLLATE NOCASE", arguments: [name.user, name.domain]
        ).first
    }

    private func entries(
        in database: Database, where condition: String, arguments: StatementArguments = []
    ) throws -> [SubscriberEntry] {
        var entries: [SubscriberEntry] = []
        let reader = SubscriberReader(settings: settings)
        try reader.forEach(in: database, where: condition, arguments: arguments) { row in
            entries.append(
                SubscriberEntry(
                    username: row.username, domain: row.domain, isEnabled: row.isEnabled,
                    algorithms: row.hashes.algorithms, hasPlaintext: row.hasPlaintext, createdAt: row.createdAt,
                    updatedAt: row.updatedAt))
        }
        return entries
    }
}
