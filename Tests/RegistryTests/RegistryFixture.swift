import Crypto
import Foundation
import GRDB
import Registry

/// A database file of its own for a test, removed with it.
final class Scratch: Sendable {
    let directory: String
    let path: String
    static let now: Int64 = 1_762_898_400_123

    init() throws {
        let url = FileManager.default.temporaryDirectory.appendingPathComponent("registry-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: url, withIntermediateDirectories: true)
        directory = url.path
        path = url.path + "/registry.db"
    }

    deinit {
        try? FileManager.default.removeItem(atPath: directory)
    }

    var settings: RegistrySettings {
        var settings = RegistrySettings(path: path, actor: "operator")
        settings.busyTimeout = .seconds(1)
        return settings
    }

    func store(realm: String? = nil) throws -> RegistryStore {
        var settings = settings
        settings.realm = realm
        return try RegistryStore(settings, clock: { Self.now })
    }

    /// A connection such as another program would have.
    func connection() throws -> DatabaseQueue {
        var configuration = Configuration()
        configuration.allowsUnsafeTransactions = true
        // The follower reads at any moment, and for that moment nobody else can commit.
        configuration.busyMode = .timeout(20)
        return try DatabaseQueue(path: path, configuration: configuration)
    }

    func execute(_ sql: String, _ arguments: StatementArguments = []) throws {
        try connection().write { try $0.execute(sql: sql, arguments: arguments) }
    }

    /// The statement that made each table and index of Kamailio's, and every value of every row as SQL text.
    func kamailioContent() throws -> [String] {
        try connection().read { database in
            var content = try String.fetchAll(
                database,
                sql: "SELECT sql FROM sqlite_master WHERE tbl_name IN ('subscriber', 'address') AND sql IS NOT NULL")
            for table in ["subscriber", "address"] {
                let columns = try database.columns(in: table).map { "quote(\($0.name))" }.joined(separator: "||'|'||")
                content += try String.fetchAll(database, sql: "SELECT \(columns) FROM \(table) ORDER BY rowid")
            }
            return content
        }
    }
}

enum Kamailio {
    static let scripts = ["standard", "auth_db", "permissions"].map {
        "/usr/share/kamailio/db_sqlite/\($0)-create.sql"
    }

    /// Whether Debian's package is installed that has Kamailio's own scripts.
    static var isInstalled: Bool { scripts.allSatisfy { FileManager.default.isReadableFile(atPath: $0) } }

    static func makeDatabase(_ scratch: Scratch) throws {
        for script in scripts { try scratch.execute(try String(contentsOfFile: script, encoding: .utf8)) }
    }
}

func md5(_ text: String) -> String {
    Insecure.MD5.hash(data: Data(text.utf8)).map { String(format: "%02x", $0) }.joined()
}

func sha256(_ text: String) -> String {
    SHA256.hash(data: Data(text.utf8)).map { String(format: "%02x", $0) }.joined()
}
