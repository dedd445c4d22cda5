internal import Foundation

/// A Kamailio's database on a PostgreSQL or MySQL (MariaDB) server, read by that server's own command-line client: it is
/// there wherever such a database is looked after, and knows the passwords and certificates kept for it
/// (`~/.pgpass`, `~/.my.cnf`).
struct KamailioServer: CustomStringConvertible {
    private enum Kind {
        case postgreSQL
        case mySQL

        init?(scheme: String?) {
            switch scheme?.lowercased() {
            case "postgresql", "postgres": self = .postgreSQL
            case "mysql", "mariadb": self = .mySQL
            default: return nil
            }
        }

        var clients: [String] {
            switch self {
            case .postgreSQL: ["psql"]
            case .mySQL: ["mariadb", "mysql"]
            }
        }

        var package: String {
            switch self {
            case .postgreSQL: "postgresql-client"
            case .mySQL: "mariadb-client"
            }
        }
    }

    private static let connectSeconds = 10

    private let kind: Kind
    private let host: String?
    private let port: Int?
    private let user: String?
    private let password: String?
    private let database: String
    let description: String

    /// - Throws: `invalid`.
    init(url: String) throws(RegistryError) {
        let example = "write postgresql://USER@HOST/DATABASE or mysql://USER@HOST/DATABASE"
        guard let parts = URLComponents(string: url), let kind = Kind(scheme: parts.scheme) else {
            throw RegistryError(
                .invalid, "'\(url.prefix(20))...' is no URL of a PostgreSQL or MySQL server: \(example)")
        }
        let path = parts.path.drop { $0 == "/" }
        guard parts.queryItems == nil, parts.fragment == nil, !path.contains("/") else {
            throw RegistryError(
                .invalid,
                "the URL has more than a user, a host, a port and a database: \(example), and set what else there is as "
                    + "for \(kind.clients[0]) itself (PGSSLMODE, ~/.my.cnf)")
        }
        self.kind = kind
        host = parts.host.flatMap { $0.isEmpty ? nil : $0.trimmingCharacters(in: ["[", "]"]) }
        port = parts.port
        user = parts.user
        password = parts.password
        database = path.isEmpty ? "kamailio" : String(path)
        var shown = parts
        shown.password = nil
        description = shown.string ?? kind.clients[0]
    }

    /// - Throws: `storage` when the client is not there, can't connect or may not read.
    func tables() throws(RegistryError) -> [String: [KamailioTables.Row]] {
        var tables: [String: [KamailioTables.Row]] = [:]
        for name in try names() { tables[name] = try rows(of: name) }
        return tables
    }

    /// Which of the tables there are.
    private func names() throws(RegistryError) -> [String] {
        let schema =
            switch kind {
            case .postgreSQL: "table_schema = ANY (current_schemas(false))"
            case .mySQL: "table_schema = DATABASE()"
            }
        let wanted = KamailioTables.names.map { "'\($0)'" }.joined(separator: ", ")
        let lines = try ask(
            "SELECT table_name FROM information_schema.tables WHERE \(schema) AND table_name IN (\(wanted))")
        return KamailioTables.names.filter(lines.contains)
    }

    private func rows(of table: String) throws(RegistryError) -> [KamailioTables.Row] {
        let columns: [String]
        let lines: [String]
        switch kind {
        case .postgreSQL:
            columns = try ask(
                """
                SELECT column_name FROM information_schema.columns WHERE table_schema = ANY (current_schemas(false)) \
                AND table_name = '\(table)' ORDER BY ordinal_position
                """)
            lines = try ask("COPY \(table) TO STDOUT")
        case .mySQL:
            // With the names of the columns before the rows, if there are rows.
            let answer = try ask("SELECT * FROM \(table)", withNames: true)
            columns = answer.first.map { KamailioTables.values($0, separatedBy: "\t") } ?? []
            lines = Array(answer.dropFirst())
        }
        let names = columns.map { $0.lowercased() }
        return lines.map { line in
            Dictionary(zip(names, KamailioTables.values(line, separatedBy: "\t"))) { first, _ in first }.filter {
                name, value in
                // What MySQL's client writes for NULL; these columns can't be NULL.
                kind == .postgreSQL || value != "NULL" || ["username", "domain", "password"].contains(name)
            }
        }
    }

    // MARK: The client

    /// - Returns: the lines of the answer.
    private func ask(_ query: String, withNames: Bool = false) throws(RegistryError) -> [String] {
        let search = (ProcessInfo.processInfo.environment["PATH"] ?? "/usr/bin:/bin").split(separator: ":")
        let places = kind.clients.flatMap { client in search.map { "\($0)/\(client)" } }
        guard let client = places.first(where: FileManager.default.isExecutableFile(atPath:)) else {
            throw RegistryError(
                .storage,
                "\(kind.clients[0]) is not installed, by which \(description) is read: apt install \(kind.package)")
        }
        let outcome: (code: Int32, output: String, errors: String)
        do {
            outcome = try run(client, query, withNames: withNames)
        } catch {
            throw RegistryError(.storage, "\(client) can't be run: \(error)")
        }
        guard outcome.code == 0 else {
            let said = outcome.errors.split(separator: "\n").joined(separator: "; ")
            throw RegistryError(
                .storage,
                "\(description) can't be read: \(said.isEmpty ? "\(client) exited with \(outcome.code)" : said). Try "
                    + "the same with \(kind.clients[0])")
        }
        return outcome.output.split(separator: "\n").map(String.init)
    }

    private func run(
        _ client: String, _ query: String, withNames: Bool
    ) throws -> (code: Int32, output: String, errors: String) {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: client)
        process.arguments = arguments(query, withNames: withNames)
        // Passwords go where other users of this machine can't read them.
        process.environment = ProcessInfo.processInfo.environment.merging(environment) { $1 }
        let (output, errors) = (Pipe(), Pipe())
        process.standardInput = FileHandle.nullDevice
        process.standardOutput = output
        process.standardError = errors
        try process.run()
        // Short: what a client complains of fits into the pipe.
        let rows = output.fileHandleForReading.readDataToEndOfFile()
        let complaints = errors.fileHandleForReading.readDataToEndOfFile()
        process.waitUntilExit()
        return (
            process.terminationStatus, String(decoding: rows, as: UTF8.self),
            String(decoding: complaints, as: UTF8.self)
        )
    }

    private func arguments(_ query: String, withNames: Bool) -> [String] {
        switch kind {
        case .postgreSQL:
            return ["--no-psqlrc", "--no-password", "--tuples-only", "--no-align", "--quiet", "--command", query]
        case .mySQL:
            var words = ["--batch", "--connect-timeout=\(Self.connectSeconds)", "--default-character-set=utf8mb4"]
            if !withNames { words.append("--skip-column-names") }
            if let host { words.append("--host=\(host)") }
            if let port { words.append("--port=\(port)") }
            if let user { words.append("--user=\(user)") }
            return words + ["--execute=\(query)", database]
        }
    }

    private var environment: [String: String] {
        var values: [String: String] = [:]
        switch kind {
        case .postgreSQL:
            values["PGHOST"] = host
            values["PGPORT"] = port.map(String.init)
            values["PGUSER"] = user
            values["PGPASSWORD"] = password
            values["PGDATABASE"] = database
            values["PGCONNECT_TIMEOUT"] = String(Self.connectSeconds)
            values["PGCLIENTENCODING"] = "UTF8"
        case .mySQL:
            values["MYSQL_PWD"] = password
        }
        return values
    }
}
