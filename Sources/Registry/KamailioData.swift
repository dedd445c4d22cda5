internal import CoreTypes
internal import Foundation
internal import GRDB

/// What a Kamailio knows of subscribers and networks, read from its SQLite file, or from the directory of its text
/// database (db_text).
public struct KamailioData: Sendable {
    struct Subscriber: Sendable {
        let name: AccountName
        /// Lower-case hexadecimal digits; empty where there is none.
        let ha1: String
        let ha1b: String
        let password: String
    }

    var subscribers: [Subscriber] = []
    var addresses: [RegistrySnapshot.Address] = []
    /// Rows that can't be used, each a sentence.
    public private(set) var problems: [String] = []

    /// - Parameter path: a SQLite file with the tables `subscriber` or `address`, or a directory with files of these names.
    /// - Throws: `storage`, `corrupt`.
    public init(path: String) throws(RegistryError) {
        var isDirectory: ObjCBool = false
        guard FileManager.default.fileExists(atPath: path, isDirectory: &isDirectory) else {
            throw RegistryError(.storage, "\(path) is not there")
        }
        do {
            let tables = try isDirectory.boolValue ? Self.textTables(path) : Self.databaseTables(path)
            guard !tables.isEmpty else {
                throw RegistryError(.corrupt, "\(path) has neither a table 'subscriber' nor a table 'address'")
            }
            for row in tables["subscriber"] ?? [] { addSubscriber(row) }
            for row in tables["address"] ?? [] { addNetwork(row) }
        } catch {
            throw RegistryError(error, path: path)
        }
    }

    private typealias Row = [String: String]

    private mutating func addSubscriber(_ row: Row) {
        let text = "\(row["username"] ?? "")@\(row["domain"] ?? "")"
        do {
            let name = try AccountName(parsing: text)
            let ha1 = PasswordHashes.digits(row["ha1"] ?? "", bytes: 16).map { String(decoding: $0, as: UTF8.self) }
            let ha1b = PasswordHashes.digits(row["ha1b"] ?? "", bytes: 16).map { String(decoding: $0, as: UTF8.self) }
            let password = row["password"] ?? ""
            guard ha1 != nil || !password.isEmpty else {
                problems.append("subscriber \(quoted(text)) has neither an MD5 hash nor a password")
                return
            }
            subscribers.append(.init(name: name, ha1: ha1 ?? "", ha1b: ha1b ?? "", password: password))
        } catch {
            problems.append("subscriber \(error.description)")
        }
    }

    private mutating func addNetwork(_ row: Row) {
        let text = "\(row["ip_addr"] ?? "")/\(row["mask"] ?? "32")"
        guard let address = IPAddress(row["ip_addr"] ?? ""), let mask = Int(row["mask"] ?? "32"),
            let network = IPNetwork(address, prefixLength: mask), let group = Int(row["grp"] ?? "1"), group >= 0,
            let port = UInt16(row["port"] ?? "0")
        else {
            problems.append("address \(quoted(text)): its network, group or port can't be read")
            return
        }
        let transport = (row["proto"] ?? "any").lowercased()
        guard transport == "any" || transport.isEmpty || TransportKind(rawValue: transport) != nil else {
            problems.append("address \(quoted(text)): transport \(quoted(transport)) is none that this edge has")
            return
        }
        let tag = row["tag"] ?? ""
        addresses.append(
            .init(
                network: network, group: group, port: port, transport: TransportKind(rawValue: transport),
                tag: RegistryText.isLabel(tag, atMost: 64) ? tag : "kamailio"))
    }

    // MARK: Reading

    private static func databaseTables(_ path: String) throws -> [String: [Row]] {
        var configuration = GRDB.Configuration()
        configuration.readonly = true
        return try DatabaseQueue(path: path, configuration: configuration).read { database in
            var tables: [String: [Row]] = [:]
            for name in ["subscriber", "address"] where try database.tableExists(name) {
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
        for name in ["subscriber", "address"] {
            guard let data = FileManager.default.contents(atPath: directory + "/" + name) else { continue }
            var lines = String(decoding: data, as: UTF8.self).split(whereSeparator: \.isNewline)[...]
            let columns = (lines.popFirst() ?? "").split(separator: " ").map { $0.prefix { $0 != "(" }.lowercased() }
            tables[name] = lines.map { line in
                Dictionary(zip(columns, values(line))) { first, _ in first }
            }
        }
        return tables
    }

    private static func values(_ line: Substring) -> [String] {
        var values = [""]
        var isEscaped = false
        for character in line {
            if isEscaped {
                values[values.count - 1].append(character == "n" ? "\n" : character)
                isEscaped = false
            } else if character == "\\" {
                isEscaped = true
            } else if character == ":" {
                values.append("")
            } else {
                values[values.count - 1].append(character)
            }
        }
        return values
    }
}

/// What an import would do, row by row.
public struct ImportPlan: Sendable {
    public enum Step: Sendable, Equatable {
        /// With the digest algorithms that it can answer.
        case addSubscriber(aor: String, algorithms: [String])
        case addNetwork(RegistrySnapshot.Address)
        /// It is here already, just like this.
        case present(String)
        /// It is here already, and different: left as it is.
        case differs(String)
    }

    public fileprivate(set) var steps: [Step] = []
    fileprivate var subscribers: [KamailioData.Subscriber] = []
    fileprivate var addresses: [RegistrySnapshot.Address] = []

    public var changes: Int { subscribers.count + addresses.count }
}

extension RegistryStore {
    /// Looks only.
    public func plan(_ data: KamailioData) throws(RegistryError) -> ImportPlan {
        var plan = ImportPlan()
        let known = Dictionary(try subscribers().map { ($0.aor, $0) }) { first, _ in first }
        let hashes = Dictionary(
            try snapshot().subscribers.map { ("\($0.username)@\($0.domain)", $0.ha1.md5) }
        ) { first, _ in first }
        for subscriber in data.subscribers {
            let aor = subscriber.name.text
            guard known[aor] == nil else {
                let isSame = hashes[aor].flatMap { $0 }.map { $0 == Array(full(subscriber).md5.utf8) } ?? false
                plan.steps.append(isSame ? .present("subscriber \(aor)") : .differs("subscriber \(aor)"))
                continue
            }
            plan.subscribers.append(subscriber)
            plan.steps.append(
                .addSubscriber(
                    aor: aor, algorithms: knowsPassword(subscriber) ? ["MD5", "SHA-256", "SHA-512-256"] : ["MD5"]))
        }
        let networks = try addresses().map(\.rule)
        for rule in data.addresses {
            let text = "network \(rule.network) in group \(rule.group)"
            let same = networks.first {
                $0.network == rule.network && $0.group == rule.group && $0.port == rule.port
                    && $0.transport == rule.transport
            }
            if let same {
                plan.steps.append(
                    same.tag == rule.tag ? .present(text) : .differs("\(text), there for \(quoted(same.tag))"))
            } else if !plan.addresses.contains(rule) {
                plan.addresses.append(rule)
                plan.steps.append(.addNetwork(rule))
            }
        }
        return plan
    }

    /// Does what was planned, each row in a transaction of its own, so that what is done stays done.
    /// - Parameter progress: told how many of all are done.
    /// - Throws: at the first row that can't be added.
    public func carryOut(_ plan: ImportPlan, progress: (Int) -> Void = { _ in }) throws(RegistryError) {
        var done = 0
        for subscriber in plan.subscribers {
            if knowsPassword(subscriber) {
                try addSubscriber(subscriber.name.text, password: subscriber.password)
            } else {
                try addSubscriber(subscriber.name, ha1: subscriber.ha1, ha1b: subscriber.ha1b)
            }
            done += 1
            progress(done)
        }
        for rule in plan.addresses {
            try allow(rule)
            done += 1
            progress(done)
        }
    }

    /// Whether the password that stands there is the one that the hash is of: as Kamailio, the hash is believed.
    private func knowsPassword(_ subscriber: KamailioData.Subscriber) -> Bool {
        !subscriber.password.isEmpty
            && (subscriber.ha1.isEmpty || full(subscriber, fromPassword: true).md5 == subscriber.ha1)
    }

    private func full(_ subscriber: KamailioData.Subscriber, fromPassword: Bool = false) -> PasswordHashes {
        var hashes = PasswordHashes(
            user: subscriber.name.user, domain: subscriber.name.domain,
            realm: settings.realm ?? subscriber.name.domain, password: subscriber.password)
        if !fromPassword, !subscriber.ha1.isEmpty { hashes.md5 = subscriber.ha1 }
        return hashes
    }
}
