import CoreTypes
import GRDB
import Registry
import Testing

@Suite("The allowlist")
final class AddressTests {
    private let scratch: Scratch

    init() throws {
        scratch = try Scratch()
    }

    private func rule(
        _ network: String, group: Int = 1, port: UInt16 = 0, transport: TransportKind? = nil, tag: String = "org"
    ) throws -> RegistrySnapshot.Address {
        .init(network: try IPNetwork(parsing: network), group: group, port: port, transport: transport, tag: tag)
    }

    @Test("networks of both families are kept as Kamailio keeps them", arguments: [false, true])
    func roundTrip(hasProto: Bool) throws {
        if hasProto {
            try scratch.execute(
                """
                CREATE TABLE address (id INTEGER PRIMARY KEY NOT NULL, grp INTEGER DEFAULT 1 NOT NULL,
                    ip_addr VARCHAR(50) NOT NULL, mask INTEGER DEFAULT 32 NOT NULL, port SMALLINT DEFAULT 0 NOT NULL,
                    proto VARCHAR(4) DEFAULT 'any' NOT NULL, tag VARCHAR(64))
                """)
        }
        let store = try scratch.store()
        let rules = [
            try rule("192.0.2.0/24"), try rule("2001:db8::/32", group: 2, tag: "Rat für Ethik"),
            try rule("198.51.100.7", port: 5061, transport: .tls), try rule("0.0.0.0/0", group: 3),
        ]
        for rule in rules { try store.allow(rule) }
        let listed = try store.addresses().map(\.rule)
        #expect(listed.count == 4)
        for rule in rules { #expect(listed.contains(rule), "\(rule)") }
        #expect(try store.snapshot().addresses == listed)
        #expect(try store.disallow(IPNetwork(parsing: "192.0.2.0/24")) == 1)
        #expect(try store.addresses().count == 3)
        #expect(try store.pendingChanges().map(\.action) == Array(repeating: "allow.add", count: 4) + ["allow.remove"])
    }

    @Test("the longest prefix comes first in a test")
    func longestPrefix() throws {
        let store = try scratch.store()
        for network in ["192.0.2.0/24", "192.0.0.0/16", "192.0.2.7", "2001:db8::/32"] {
            try store.allow(try rule(network, tag: network))
        }
        let address = try #require(IPAddress("192.0.2.7"))
        #expect(try store.rules(for: address).map(\.rule.tag) == ["192.0.2.7", "192.0.2.0/24", "192.0.0.0/16"])
        #expect(try store.rules(for: try #require(IPAddress("203.0.113.1"))).isEmpty)
    }

    @Test("the same network is refused twice, but may be in two groups and leave one")
    func duplicates() throws {
        let store = try scratch.store()
        try store.allow(try rule("192.0.2.0/24"))
        try store.allow(try rule("192.0.2.0/24", group: 2))
        var error = #expect(throws: RegistryError.self) { try store.allow(try rule("192.0.2.0/24", tag: "other")) }
        #expect(error?.code == .exists)
        #expect(try store.disallow(IPNetwork(parsing: "192.0.2.0/24"), group: 2) == 1)
        #expect(try store.addresses().map(\.rule.group) == [1])
        error = #expect(throws: RegistryError.self) { try store.disallow(IPNetwork(parsing: "192.0.2.0/24"), group: 2) }
        #expect(error?.code == .notFound)
        error = #expect(throws: RegistryError.self) { try store.allow(try rule("203.0.113.0/24", tag: "a\u{202e}b")) }
        #expect(error?.code == .invalid)
    }

    @Test("rows as others write them are read, or skipped with a reason")
    func foreignRows() throws {
        let store = try scratch.store()
        let rows: [(String, String, String, String?)] = [
            ("192.0.2.77", "24", "0", "192.0.2.0/24"), ("[2001:db8::1]", "64", "5060", "2001:db8::/64"),
            ("::ffff:198.51.100.0", "120", "0", "198.51.100.0/24"), ("sip.example.org", "32", "0", nil),
            ("192.0.2.1", "33", "0", nil), ("192.0.2.1", "-1", "0", nil), ("192.0.2.1", "'x'", "0", nil),
            ("192.0.2.1", "32", "70000", nil), ("\u{1b}[31m", "32", "0", nil), ("", "32", "0", nil),
        ]
        for row in rows {
            try scratch.execute(
                "INSERT INTO address (ip_addr, mask, port, tag) VALUES (?, \(row.1), \(row.2), NULL)", [row.0])
        }
        let snapshot = try store.snapshot()
        #expect(Set(snapshot.addresses.map(\.network.description)) == Set(rows.compactMap(\.3)))
        #expect(snapshot.problems.count == rows.count { $0.3 == nil })
        #expect(!snapshot.problems.joined().unicodeScalars.contains("\u{1b}"))
    }

    @Test("a transport of ours does not stick to a row that another program has put in its place")
    func reusedRow() throws {
        let store = try scratch.store()
        try store.allow(try rule("192.0.2.0/24", transport: .tls))
        try scratch.execute("DELETE FROM address")
        try scratch.execute("INSERT INTO address (id, ip_addr, mask) VALUES (1, '198.51.100.0', 24)")
        #expect(try store.addresses().map(\.rule.transport) == [nil])
    }
}
