internal import GRDB

/// The tables: Kamailio's, which are used as they are found, and our own.
struct Schema {
    /// Whether `address` has Kamailio's optional column `proto`.
    let addressHasProto: Bool

    private static let kamailio: [(name: String, version: Int, columns: Set<String>, sql: String)] = [
        (
            "subscriber", 7, ["username", "domain", "password", "ha1", "ha1b"],
            """
            CREATE TABLE subscriber (
                id INTEGER PRIMARY KEY NOT NULL,
                username VARCHAR(64) DEFAULT '' NOT NULL,
                domain VARCHAR(64) DEFAULT '' NOT NULL,
                password VARCHAR(64) DEFAULT '' NOT NULL,
                ha1 VARCHAR(128) DEFAULT '' NOT NULL,
                ha1b VARCHAR(128) DEFAULT '' NOT NULL,
                CONSTRAINT subscriber_account_idx UNIQUE (username, domain)
            );
            CREATE INDEX subscriber_username_idx ON subscriber (username)
            """
        ),
        (
            "address", 6, ["id", "grp", "ip_addr", "mask", "port", "tag"],
            """
            CREATE TABLE address (
                id INTEGER PRIMARY KEY NOT NULL,
                grp INTEGER DEFAULT 1 NOT NULL,
                ip_addr VARCHAR(50) NOT NULL,
                mask INTEGER DEFAULT 32 NOT NULL,
                port SMALLINT DEFAULT 0 NOT NULL,
                tag VARCHAR(64)
            )
            """
        ),
    ]

    private static let migrator: DatabaseMigrator = {
        var migrator = DatabaseMigrator()
        migrator.registerMigration("registry-1") { database in
            try database.execute(
                sql: """
                    CREATE TABLE sallyport_subscriber (
                        username TEXT NOT NULL,
                        domain TEXT NOT NULL COLLATE NOCASE,
                        realm TEXT NOT NULL,
                        made_with_ha1 TEXT NOT NULL,
                        ha1_sha256 TEXT,
                        ha1_sha512_256 TEXT,
                        enabled INTEGER NOT NULL DEFAULT 1,
                        created_at INTEGER NOT NULL,
                        updated_at INTEGER NOT NULL,
                        PRIMARY KEY (username, domain)
                    );
                    CREATE TABLE sallyport_address (
                        address_id INTEGER PRIMARY KEY NOT NULL,
                        ip_addr TEXT NOT NULL,
                        mask INTEGER NOT NULL,
                        grp INTEGER NOT NULL,
                        transport TEXT NOT NULL
                    );
                    CREATE TABLE expert (
                        aor TEXT PRIMARY KEY NOT NULL,
                        name TEXT NOT NULL,
                        organization TEXT NOT NULL,
                        specializations TEXT NOT NULL,
                        verified INTEGER NOT NULL DEFAULT 0,
                        contact TEXT,
                        created_at INTEGER NOT NULL,
                        updated_at INTEGER NOT NULL
                    );
                    CREATE TABLE expert_key (
                        aor TEXT NOT NULL REFERENCES expert (aor) ON DELETE CASCADE,
                        key_id TEXT NOT NULL,
                        public_key BLOB NOT NULL,
                        not_before INTEGER,
                        not_after INTEGER,
                        created_at INTEGER NOT NULL,
                        PRIMARY KEY (aor, key_id)
                    );
                    CREATE TABLE sallyport_change (
                        id INTEGER PRIMARY KEY AUTOINCREMENT,
                        time INTEGER NOT NULL,
                        actor TEXT NOT NULL,
                        action TEXT NOT NULL,
                        object TEXT NOT NULL,
                        before TEXT,
                        after TEXT
                    )
                    """)
        }
        migrator.registerMigration("registry-2") { database in
            try database.execute(
                sql: """
                    CREATE TABLE api_key (
                        name TEXT PRIMARY KEY NOT NULL,
                        role TEXT NOT NULL,
                        prefix TEXT NOT NULL UNIQUE,
                        hash BLOB NOT NULL,
                        created_at INTEGER NOT NULL,
                        expires_at INTEGER,
                        last_used_at INTEGER
                    );
                    CREATE TABLE ban (
                        address TEXT PRIMARY KEY NOT NULL,
                        reason TEXT NOT NULL,
                        jail TEXT,
                        actor TEXT NOT NULL,
                        added_at INTEGER NOT NULL,
                        until INTEGER
                    )
                    """)
        }
        return migrator
    }()

    /// Makes what is missing and writes nothing when nothing is.
    static func prepare(_ queue: DatabaseQueue) throws -> Schema {
        let state = try queue.read { database in
            (
                isCurrent: try migrator.hasCompletedMigrations(database),
                isNewer: try migrator.hasBeenSuperseded(database),
                missing: try kamailio.filter { try !database.tableExists($0.name) && !database.viewExists($0.name) }
            )
        }
        guard !state.isNewer else {
            throw RegistryError(.corrupt, "\(queue.path) was made by a newer version of this program: use that one")
        }
        if !state.missing.isEmpty {
            try queue.write { database in
                for table in state.missing where try !database.tableExists(table.name) {
                    try create(table.name, version: table.version, sql: table.sql, in: database)
                }
            }
        }
        if !state.isCurrent { try migrator.migrate(queue) }
        return try queue.read { database in
            for table in kamailio {
                let columns = Set(try database.columns(in: table.name).map { $0.name.lowercased() })
                let missing = table.columns.subtracting(columns).sorted()
                guard missing.isEmpty else {
                    throw RegistryError(
                        .corrupt,
                        "\(queue.path): table \(table.name) lacks \(missing.joined(separator: ", ")): it is not "
                            + "Kamailio's, and it is not ours to change")
                }
            }
            return Schema(
                addressHasProto: try database.columns(in: "address").contains { $0.name.lowercased() == "proto" })
        }
    }

    /// Makes a table as Kamailio's own script does, with the version entry that Kamailio looks for at its start.
    private static func create(_ name: String, version: Int, sql: String, in database: Database) throws {
        try database.execute(sql: sql)
        if try !database.tableExists("version") {
            try database.execute(
                sql: """
                    CREATE TABLE version (
                        id INTEGER PRIMARY KEY NOT NULL,
                        table_name VARCHAR(32) NOT NULL,
                        table_version INTEGER DEFAULT 0 NOT NULL,
                        CONSTRAINT version_table_name_idx UNIQUE (table_name)
                    );
                    INSERT INTO version (table_name, table_version) VALUES ('version', 1)
                    """)
        }
        try database.execute(
            sql: "INSERT OR IGNORE INTO version (table_name, table_version) VALUES (?, ?)", arguments: [name, version])
    }
}
