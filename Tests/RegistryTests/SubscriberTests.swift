import Foundation
import GRDB
import Registry
import Testing

@Suite("Subscribers")
final class SubscriberTests {
    private let scratch: Scratch

    init() throws {
        scratch = try Scratch()
    }

    @Test("only hashes are written, for the domain as realm unless another is configured", arguments: [nil, "council"])
    func hashesOnly(realm: String?) throws {
        let store = try scratch.store(realm: realm)
        try store.addSubscriber("alice@Example.org", password: "correct horse")
        let row = try #require(try scratch.connection().read { try Row.fetchOne($0, sql: "SELECT * FROM subscriber") })
        let used = realm ?? "example.org"
        #expect(row["username"] == "alice")
        #expect(row["domain"] == "example.org")
        #expect(row["password"] == "")
        #expect(row["ha1"] == md5("alice:\(used):correct horse"))
        #expect(row["ha1b"] == md5("alice@example.org:\(used):correct horse"))
        let subscriber = try #require(try store.snapshot().subscribers.first)
        #expect(subscriber.ha1.md5 == Array(md5("alice:\(used):correct horse").utf8))
        #expect(subscriber.ha1.sha256 == Array(sha256("alice:\(used):correct horse").utf8))
        #expect(subscriber.ha1.sha512_256?.count == 64)
        #expect(subscriber.isEnabled)
        let content = try Data(contentsOf: URL(fileURLWithPath: scratch.path))
        #expect(content.range(of: Data("correct horse".utf8)) == nil)
        let mode = try FileManager.default.attributesOfItem(atPath: scratch.path)[.posixPermissions] as? Int
        #expect(mode == 0o600)
    }

    @Test("the hashes of RFC 7616 section 3.9.1's user are those that OpenSSL computes")
    func rfc7616() throws {
        let store = try scratch.store(realm: "http-auth@example.org")
        try store.addSubscriber("Mufasa@example.org", password: "Circle of Life")
        let ha1 = try #require(try store.snapshot().subscribers.first).ha1
        #expect(ha1.md5 == Array("3d78807defe7de2157e2b0b6573a855f".utf8))
        #expect(ha1.sha256 == Array("7987c64c30e25f1b74be53f966b49b90f2808aa92faf9a00262392d7b4794232".utf8))
        #expect(ha1.sha512_256 == Array("fb174f5c3c7802721517cae13b98e2b8dae2e0118cb705d94ee29946319204ce".utf8))
    }

    @Test("the life of a subscriber is recorded without secrets")
    func life() throws {
        let store = try scratch.store()
        try store.addSubscriber("sip:bob@example.org", password: "first")
        try store.setSubscriber("bob@EXAMPLE.org", enabled: false)
        #expect(try store.subscriber("bob@example.org").isEnabled == false)
        #expect(try store.snapshot().subscribers.map(\.isEnabled) == [false])
        try store.setPassword("second", of: "bob@example.org")
        #expect(try store.subscriber("bob@example.org").isEnabled == false)
        try store.setSubscriber("bob@example.org", enabled: true)
        #expect(try store.subscriber("bob@example.org").algorithms == ["MD5", "SHA-256", "SHA-512-256"])
        #expect(try store.snapshot().subscribers.first?.ha1.md5 == Array(md5("bob:example.org:second").utf8))
        try store.removeSubscriber("bob@example.org")
        #expect(try store.subscribers().isEmpty)
        let changes = try store.pendingChanges()
        #expect(
            changes.map(\.action) == [
                "subscriber.add", "subscriber.disable", "subscriber.password", "subscriber.enable", "subscriber.remove",
            ])
        #expect(
            changes.allSatisfy { $0.object == "bob@example.org" && $0.actor == "operator" && $0.time == Scratch.now })
        #expect(changes[0].before == nil)
        #expect(changes[0].after == #"{"algorithms":"MD5 SHA-256 SHA-512-256","enabled":"yes"}"#)
        try store.forgetChanges(upTo: changes[2].id)
        #expect(try store.pendingChanges().map(\.action) == ["subscriber.enable", "subscriber.remove"])
    }

    @Test("what is there twice or not at all is said with what to do")
    func existence() throws {
        let store = try scratch.store()
        try store.addSubscriber("alice@example.org", password: "x")
        var error = #expect(throws: RegistryError.self) { try store.addSubscriber("alice@EXAMPLE.ORG", password: "y") }
        #expect(error?.code == .exists)
        for attempt in [
            { try store.setPassword("x", of: "bob@example.org") }, { try store.removeSubscriber("bob@example.org") },
            { try store.setSubscriber("bob@example.org", enabled: true) },
        ] as [() throws -> Void] {
            error = #expect(throws: RegistryError.self) { try attempt() }
            #expect(error?.code == .notFound)
            #expect(error?.description.contains("bob@example.org") == true)
        }
    }

    @Test(
        "a name that is none, or would be mistaken for another, is refused and shown harmlessly",
        arguments: [
            "", "alice", "@example.org", "alice@", "a@b@c", "al:ice@example.org", "alice@exa mple.org",
            "a b@example.org",
            "alice\n@example.org", "\u{1b}[2Jalice@example.org", "'; DROP TABLE subscriber; --@example.org",
            "alice@-example.org", "alice@example..org", "alice@[nonsense]", "älice@example.org",
            String(repeating: "a", count: 65) + "@example.org",
        ])
    func hostileNames(name: String) throws {
        let store = try scratch.store()
        let error = #expect(throws: RegistryError.self) { try store.addSubscriber(name, password: "x") }
        #expect(error?.code == .invalid)
        #expect(error?.description.unicodeScalars.allSatisfy { $0.value >= 0x20 && $0.value != 0x7f } == true)
        #expect(try store.subscribers().isEmpty)
    }

    @Test(
        "strange but lawful names live with those around them",
        arguments: ["o'hara@example.org", "a%20b@[2001:db8::1]"])
    func lawfulNames(name: String) throws {
        let store = try scratch.store()
        try store.addSubscriber(name, password: "pässwörd \" ' \\ :")
        #expect(try store.subscriber(name).aor == name)
        try store.removeSubscriber(name)
        #expect(try store.subscribers().isEmpty)
    }

    @Test(
        "a password that is none is refused", arguments: ["", "a\nb", "a\u{0}b", String(repeating: "x", count: 1025)])
    func badPasswords(password: String) throws {
        let store = try scratch.store()
        let error = #expect(throws: RegistryError.self) { try store.addSubscriber("a@example.org", password: password) }
        #expect(error?.code == .invalid)
    }

    @Test("a plaintext password of another program is hashed in memory, reported, and can be forbidden")
    func plaintext() throws {
        let store = try scratch.store()
        try scratch.execute(
            "INSERT INTO subscriber (username, domain, password) VALUES ('old', 'Example.org', 'secret')")
        let snapshot = try store.snapshot()
        #expect(snapshot.subscribers.first?.ha1.sha256 == Array(sha256("old:Example.org:secret").utf8))
        #expect(snapshot.problems.count == 1)
        #expect(!snapshot.problems[0].contains("secret"))
        #expect(try store.subscriber("old@example.org").hasPlaintext)
        var strict = scratch.settings
        strict.acceptsPlaintext = false
        #expect(try RegistryStore(strict).snapshot().subscribers.first?.ha1 == .init())
        try store.setPassword("new", of: "old@example.org")
        #expect(try store.snapshot().problems.isEmpty)
        #expect(try store.snapshot().subscribers.first?.ha1.algorithms.count == 3)
    }

    @Test("hashes kept beside an ha1 that another program has changed are not used any more")
    func staleSideRow() throws {
        let store = try scratch.store()
        try store.addSubscriber("alice@example.org", password: "before")
        let changed = md5("alice:example.org:after")
        try scratch.execute("UPDATE subscriber SET ha1 = ?", [changed])
        #expect(try store.snapshot().subscribers.first?.ha1 == .init(md5: Array(changed.utf8)))
        #expect(try store.subscriber("alice@example.org").algorithms == ["MD5"])
        try scratch.execute("UPDATE subscriber SET ha1 = '', password = 'third'")
        #expect(
            try store.snapshot().subscribers.first?.ha1.sha256 == Array(sha256("alice:example.org:third").utf8))
    }

    @Test("rows that can't be read are reported, not fatal")
    func unreadableRows() throws {
        let store = try scratch.store()
        try scratch.execute("INSERT INTO subscriber (username, domain, ha1) VALUES ('a', 'example.org', 'nonsense')")
        try scratch.execute("INSERT INTO subscriber (username, domain, ha1) VALUES (x'ff00fe', 'example.org', '')")
        try scratch.execute("INSERT INTO expert VALUES ('e@example.org', 'n', 'o', 'no json', 1, NULL, 0, 0)")
        let snapshot = try store.snapshot()
        #expect(snapshot.subscribers.count == 2)
        #expect(snapshot.subscribers.allSatisfy { $0.ha1 == .init() })
        #expect(snapshot.problems.count == 2)
        #expect(snapshot.experts.isEmpty)
    }
}
