internal import CoreTypes
internal import Foundation
internal import GRDB

/// The two tables of a Kamailio that tell who may call, as texts.
struct KamailioTables {
    /// Texts by the columns' names in lower case; empty where the database has NULL.
    typealias Row = [String: String]

    static let names = ["subscriber", "address"]

    /// Where they come from, without a password.
    let place: String
    /// Nil where there is no such table.
    let subscriber: [Row]?
    let address: [Row]?

    init(source: String) throws(RegistryError) {
        let tables: [String: [Row]]
        if source.contains("://") {
            let server = try KamailioServer(url: source)
            place = server.description
            tables = try server.tables()
        } else {
            place = source
            tables = try Self.files(source)
        }
        subscriber = tables["subscriber"]
        address = tables["address"]
    }

    private static func files(_ path: String) throws(RegistryError) -> [String: [Row]] {
        var isDirectory: ObjCBool = false
        guard FileManager.default.fileExists(atPath: path, isDirectory: &isDirectory) else {
            throw RegistryError(
                .storage,
                "\(path) is not there: name a file, a directory, or a server as postgresql://... or mysql://...")
        }
        do {
            return try isDirectory.boolValue ? textTables(path) : databaseTables(path)
        } catch {
            throw RegistryError(error, path: path)
        }
    }

    private static func databaseTables(_ path: String) throws -> [String: [Row]] {
        var configuration = GRDB.Configuration()
        configuration.readonly = true
        return try DatabaseQueue(path: path, configuration: configuration).read { database in
            var tables: [String: [Row]] = [:]
            for name in names where try database.tableExists(name) {
                tables[name] = try GRDB.Row.fetchAll(database, sql: "SELECT * FROM \(name)").map { row in
                    Dictionary(row.columnNames.map { ($0.lowercased(), row.text($0)) }) { first, _ in first }
                }
            }
            return tables
        }
    }

    /// db_text: a line that names the columns, as `username(string)`, then a line a row; values stand between colons.
    private static func textTables(_ directory: String) throws -> [String: [Row]] {
        var tables: [String: [Row]] = [:]
        for name in names {
            guard let data = FileManager.default.contents(atPath: directory + "/" + name) else { continue }
            var lines = String(decoding: data, as: UTF8.self).split(whereSeparator: \.isNewline)[...]
            let columns = (lines.popFirst() ?? "").split(separator: " ").map { $0.prefix { $0 != "(" }.lowercased() }
            tables[name] = lines.map { line in
                Dictionary(zip(columns, values(line, separatedBy: ":"))) { first, _ in first }
            }
        }
        return tables
    }

    /// The values of a row as text databases, PostgreSQL's COPY and MySQL's client write them: with backslashes before
    /// what is special, and `\N` for NULL.
    static func values(_ line: some StringProtocol, separatedBy separator: Character) -> [String] {
        let meanings: [Character: String] = ["n": "\n", "r": "\r", "t": "\t", "0": "\0", "N": ""]
        var values = [""]
        var isEscaped = false
        for character in line {
            if isEscaped {
                values[values.count - 1].append(meanings[character] ?? String(character))
                isEscaped = false
            } else if character == "\\" {
                isEscaped = true
            } else if character == separator {
                values.append("")
            } else {
                values[values.count - 1].append(character)
            }
        }
        return values
    }
}
