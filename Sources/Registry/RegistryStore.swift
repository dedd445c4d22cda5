public import CoreTypes
internal import Foundation
internal import GRDB

/// A change that somebody made, kept until a running edge has written it into the witness.
public struct RegistryChange: Sendable, Equatable {
    public let id: Int64
    /// Milliseconds since 1970.
    public let time: Int64
    /// The operating system's user who made it.
    public let actor: String
    /// Such as `subscriber.add`.
    public let action: String
    /// What was changed: an address of record or a network.
    public let object: String
    /// JSON objects of texts, without secrets; nil when it was not there.
    public let before: String?
    public let after: String?

    /// What the witness writes about it; `time` is the event's time.
    public var event: SecurityEvent {
        var details: [SecurityEvent.Detail] = [
            .init("action", .string(action)), .init("object", .string(object)), .init("actor", .string(actor)),
            .init("change", .integer(Int(id))),
        ]
        if let before { details.append(.init("before", .string(before))) }
        if let after { details.append(.init("after", .string(after))) }
        let isOfExpert = action.hasPrefix("expert.")
        return SecurityEvent(.adminChange, .notice, expertID: isOfExpert ? object : nil, details: details)
    }
}

/// Subscribers, networks and experts in a SQLite file, for commands and the control plane.
///
/// Every call waits for the disk, so none may be made on an event loop. Works beside other programs that use the file.
public final class RegistryStore: Sendable {
    public let settings: RegistrySettings
    let schema: Schema
    private let queue: DatabaseQueue
    /// Who makes changes, for the record of changes.
    let actor: String
    let clock: @Sendable () -> Int64

    /// Opens the file, and makes the tables that are missing; never touches a table of Kamailio's that is there.
    /// - Parameters:
    ///   - create: make the file, readable for its owner only, when it is missing.
    ///   - clock: the time of day in milliseconds since 1970.
    public init(
        _ settings: RegistrySettings, create: Bool = true, clock: @escaping @Sendable () -> Int64 = RegistryStore.now
    ) throws(RegistryError) {
        self.settings = settings
        self.clock = clock
        actor = settings.actor
        var configuration = Configuration()
        configuration.busyMode = .timeout(settings.busyTimeout.inSeconds)
        configuration.label = "registry"
        do {
            try Self.findFile(settings.path, create: create)
            queue = try DatabaseQueue(path: settings.path, configuration: configuration)
            schema = try Schema.prepare(queue)
        } catch {
            throw RegistryError(error, path: settings.path)
        }
    }

    private init(_ store: RegistryStore, actor: String) {
        settings = store.settings
        schema = store.schema
        queue = store.queue
        clock = store.clock
        self.actor = actor
    }

    /// The same store for changes that somebody else makes.
    public func acting(as actor: String) -> RegistryStore { RegistryStore(self, actor: actor) }

    @Sendable public static func now() -> Int64 {
        Int64((Date().timeIntervalSince1970 * 1000).rounded(.down))
    }

    private static func findFile(_ path: String, create: Bool) throws {
        guard !FileManager.default.fileExists(atPath: path) else { return }
        guard create else {
            throw RegistryError(
                .storage,
                "\(path) is missing: it is made when the edge starts or something is added; if it was there, restore it"
            )
        }
        let directory = (path as NSString).deletingLastPathComponent
        if !directory.isEmpty {
            try FileManager.default.createDirectory(
                atPath: directory, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o750])
        }
        // SQLite would let everybody read the hashes.
        guard FileManager.default.createFile(atPath: path, contents: nil, attributes: [.posixPermissions: 0o600]) else {
            throw RegistryError(.storage, "\(path) can't be made: check that this user may write to its directory")
        }
    }

    func read<Value>(_ body: (Database) throws -> Value) throws(RegistryError) -> Value {
        do {
            return try queue.read(body)
        } catch {
            throw RegistryError(error, path: settings.path)
        }
    }

    func write<Value>(_ body: (Database) throws -> Value) throws(RegistryError) -> Value {
        do {
            return try queue.write(body)
        } catch {
            throw RegistryError(error, path: settings.path)
        }
    }

    /// A number that changes when another program or connection changes the file.
    func dataVersion() throws(RegistryError) -> Int64 {
        try read { try Int64.fetchOne($0, sql: "PRAGMA data_version") ?? 0 }
    }

    /// Notes a change to something that is not in the registry, for the edge to put into the witness.
    public func noteChange(
        _ action: String, of object: String, before: [String: String]?, after: [String: String]?
    ) throws(RegistryError) {
        try write { try note(action, object, before: before, after: after, in: $0) }
    }

    /// Notes a change in the transaction that makes it.
    func note(
        _ action: String, _ object: String, before: [String: String]?, after: [String: String]?, in database: Database
    ) throws {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        func json(_ facts: [String: String]?) throws -> String? {
            try facts.map { String(decoding: try encoder.encode($0), as: UTF8.self) }
        }
        try database.execute(
            sql: "INSERT INTO sallyport_change (time, actor, action, object, before, after) VALUES (?, ?, ?, ?, ?, ?)",
            arguments: [clock(), actor, action, object, try json(before), try json(after)])
    }

    /// Changes that no edge has put into the witness yet, the oldest first.
    /// - Parameter after: only those with a greater `id`.
    public func pendingChanges(after id: Int64 = 0, limit: Int = 1000) throws(RegistryError) -> [RegistryChange] {
        try read { database in
            try Row.fetchAll(
                database,
                sql: "SELECT id, time, actor, action, object, before, after FROM sallyport_change WHERE id > ? "
                    + "ORDER BY id LIMIT ?",
                arguments: [id, limit]
            ).map { row in
                RegistryChange(
                    id: row["id"], time: row["time"], actor: row["actor"], action: row["action"],
                    object: row["object"], before: row["before"], after: row["after"])
            }
        }
    }

    /// Lets go of changes that are in the witness now.
    public func forgetChanges(upTo id: Int64) throws(RegistryError) {
        try write { try $0.execute(sql: "DELETE FROM sallyport_change WHERE id <= ?", arguments: [id]) }
    }
}
