import CoreTypes
import Foundation
import GRDB
import Registry
import Testing

@Suite("The database file")
final class DatabaseTests {
    private let scratch: Scratch

    init() throws {
        scratch = try Scratch()
    }

    @Test(
        "a file made with Kamailio's own scripts is used, and its tables stay as they were",
        .enabled(if: Kamailio.isInstalled, "needs Kamailio's scripts: apt-get install kamailio-sqlite-modules"))
    func kamailio() throws {
        try Kamailio.makeDatabase(scratch)
        try scratch.execute(
            "INSERT INTO subscriber (username, domain, password, ha1, ha1b) VALUES ('carol', 'Example.org', '', ?, 'b')",
            [md5("carol:Example.org:pw")])
        try scratch.execute("INSERT INTO subscriber (username, domain, password) VALUES ('dave', 'example.org', 'pw')")
        try scratch.execute("INSERT INTO address (grp, ip_addr, mask, tag) VALUES (2, '192.0.2.99', 24, NULL)")
        try scratch.execute("INSERT INTO address (ip_addr) VALUES ('not an address')")
        let before = try scratch.kamailioContent()

        let store = try scratch.store()
        let snapshot = try store.snapshot()
        #expect(snapshot.subscribers.map(\.username) == ["carol", "dave"])
        #expect(snapshot.addresses.map(\.network.description) == ["192.0.2.0/24"])
        #expect(snapshot.problems.count == 2)
        try store.setSubscriber("carol@example.org", enabled: false)
        try store.addSubscriber("erin@example.org", password: "x")
        try store.allow(.init(network: try IPNetwork(parsing: "198.51.100.0/24"), group: 1, transport: .tls, tag: "t"))
        #expect(try store.snapshot().subscribers.map(\.isEnabled) == [false, true, true])
        try store.removeSubscriber("erin@example.org")
        try store.disallow(try IPNetwork(parsing: "198.51.100.0/24"))
        #expect(try scratch.kamailioContent() == before)
        _ = try scratch.store()
        #expect(try scratch.kamailioContent() == before)
    }

    @Test(
        "tables that are made here are those that Kamailio's scripts make",
        .enabled(if: Kamailio.isInstalled, "needs Kamailio's scripts: apt-get install kamailio-sqlite-modules"))
    func sameTables() throws {
        let (ours, theirs) = (try Scratch(), try Scratch())
        _ = try ours.store()
        try Kamailio.makeDatabase(theirs)
        func shape(_ scratch: Scratch) throws -> [String] {
            try scratch.connection().read { database in
                try String.fetchAll(
                    database,
                    sql: """
                        SELECT m.name || '.' || p.name || ' ' || p.type || ' ' || p."notnull" || ' '
                            || coalesce(p.dflt_value, '-') || ' ' || p.pk
                        FROM sqlite_master m JOIN pragma_table_info(m.name) p
                        WHERE m.name IN ('subscriber', 'address', 'version') ORDER BY m.name, p.cid
                        """)
                    + String.fetchAll(
                        database,
                        sql: """
                            SELECT table_name || table_version FROM version
                            WHERE table_name IN ('subscriber', 'address', 'version') ORDER BY 1
                            """)
            }
        }
        #expect(try shape(ours) == shape(theirs))
    }

    @Test("opening a file in which nothing is missing writes nothing")
    func openingIsQuiet() throws {
        _ = try scratch.store()
        let before = try Data(contentsOf: URL(fileURLWithPath: scratch.path))
        _ = try scratch.store().snapshot()
        #expect(try Data(contentsOf: URL(fileURLWithPath: scratch.path)) == before)
    }

    @Test("a locked file is an error that says so, and nothing is changed")
    func locked() throws {
        let store = try scratch.store()
        let other = try scratch.connection()
        try other.inDatabase { try $0.execute(sql: "BEGIN EXCLUSIVE") }
        for attempt in [
            { try store.addSubscriber("a@example.org", password: "x") }, { _ = try store.snapshot() },
            { _ = try self.scratch.store() },
        ] as [() throws -> Void] {
            let error = #expect(throws: RegistryError.self) { try attempt() }
            #expect(error?.code == .locked)
            #expect(error?.description.contains(scratch.path) == true)
        }
        try other.inDatabase { try $0.execute(sql: "ROLLBACK") }
        #expect(try store.subscribers().isEmpty)
    }

    @Test("a file that is no database, or a damaged one, is an error that says so", arguments: [true, false])
    func corrupt(isText: Bool) throws {
        if isText {
            try Data(String(repeating: "this is no database\n", count: 500).utf8)
                .write(to: URL(fileURLWithPath: scratch.path))
        } else {
            try scratch.store().addSubscriber("a@example.org", password: "x")
            var content = try Data(contentsOf: URL(fileURLWithPath: scratch.path))
            for index in 100..<content.count { content[index] = 0xa5 }
            try content.write(to: URL(fileURLWithPath: scratch.path))
        }
        let error = #expect(throws: RegistryError.self) { try scratch.store().snapshot() }
        #expect(error?.code == .corrupt)
        #expect(error?.description.contains(scratch.path) == true)
    }

    @Test("a subscriber table of another shape is left alone and named")
    func anotherShape() throws {
        try scratch.execute("CREATE TABLE subscriber (name TEXT)")
        let error = #expect(throws: RegistryError.self) { try scratch.store() }
        #expect(error?.code == .corrupt)
        #expect(error?.description.contains("domain, ha1, ha1b, password, username") == true)
    }

    @Test("a directory that can't be written is an error that says so")
    func noDirectory() throws {
        let settings = RegistrySettings(path: "/proc/nowhere/registry.db", actor: "operator")
        let error = #expect(throws: RegistryError.self) { try RegistryStore(settings) }
        #expect(error?.code == .storage)
    }
}
