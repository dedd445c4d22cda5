internal import CoreTypes
internal import GRDB

/// Reads Kamailio's rows together with ours, and knows which of ours are out of date.
struct SubscriberReader {
    let settings: RegistrySettings

    struct Subscriber {
        var username: String
        /// In lower case.
        var domain: String
        var hashes: RegistrySnapshot.Hashes
        var isEnabled: Bool
        var hasPlaintext: Bool
        var createdAt: Int64?
        var updatedAt: Int64?
        /// What an operator should know about this row.
        var problems: [String]
    }

    func forEach(
        in database: Database, where condition: String, arguments: StatementArguments = [],
        _ body: (Subscriber) -> Void
    ) throws {
        let rows = try Row.fetchCursor(
            database,
            sql: """
                SELECT s.username, s.domain, s.password, s.ha1, o.made_with_ha1, o.ha1_sha256, o.ha1_sha512_256,
                    o.realm, o.enabled, o.created_at, o.updated_at
                FROM subscriber s
                LEFT JOIN sallyport_subscriber o ON o.username = s.username AND o.domain = s.domain
                WHERE \(condition) ORDER BY s.domain, s.username
                """,
            arguments: arguments)
        while let row = try rows.next() { body(subscriber(row)) }
    }

    private func subscriber(_ row: Row) -> Subscriber {
        let username = row.text("username")
        let domain = row.text("domain")
        let ha1 = row.text("ha1")
        let password = row.text("password")
        var result = Subscriber(
            username: username, domain: domain.lowercased(), hashes: .init(),
            isEnabled: Bool.fromDatabaseValue(row["enabled"]) ?? true, hasPlaintext: !password.isEmpty,
            createdAt: Int64.fromDatabaseValue(row["created_at"]),
            updatedAt: Int64.fromDatabaseValue(row["updated_at"]), problems: [])
        let name = quoted("\(username)@\(domain)")
        if !ha1.isEmpty {
            result.hashes.md5 = PasswordHashes.digits(ha1, bytes: 16)
            if result.hashes.md5 == nil { result.problems.append("subscriber \(name): its ha1 is no MD5 hash") }
        }
        // Another program has set a password since: what we kept belongs to the old one.
        if row.text("made_with_ha1") == ha1, !ha1.isEmpty {
            result.hashes.sha256 = PasswordHashes.digits(row.text("ha1_sha256"), bytes: 32)
            result.hashes.sha512_256 = PasswordHashes.digits(row.text("ha1_sha512_256"), bytes: 32)
            let realm = row.text("realm")
            if let wanted = settings.realm, result.hashes.sha256 != nil, realm != wanted {
                result.problems.append(
                    "subscriber \(name): its password was set for realm \(quoted(realm)), not \(quoted(wanted)): set it "
                        + "again")
            }
        }
        if result.hasPlaintext { usePlaintext(password, ha1: ha1, domain: domain, name: name, &result) }
        return result
    }

    private func usePlaintext(
        _ password: String, ha1: String, domain: String, name: String, _ result: inout Subscriber
    ) {
        result.problems.append(
            "subscriber \(name): its password stands in the database in plain text: set it with 'subscriber password'")
        guard settings.acceptsPlaintext else { return }
        let hashes = PasswordHashes(
            user: result.username, domain: domain, realm: settings.realm ?? domain, password: password)
        // Where both stand and differ, Kamailio's usual setting trusts the hash.
        guard ha1.isEmpty || hashes.md5 == ha1.lowercased() else { return }
        result.hashes = .init(
            md5: Array(hashes.md5.utf8), sha256: Array(hashes.sha256.utf8), sha512_256: Array(hashes.sha512_256.utf8))
    }
}

extension Row {
    /// The column as text, whatever was stored there; empty for NULL.
    func text(_ name: String) -> String {
        String.fromDatabaseValue(self[name]) ?? Int64.fromDatabaseValue(self[name]).map(String.init) ?? ""
    }
}
