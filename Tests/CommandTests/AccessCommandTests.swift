import Foundation
import TestSupport
import Testing

@Suite("Commands for keys and bans")
final class AccessCommandTests {
    private let program: Program

    init() throws {
        program = try Program()
    }

    @Test("a key is shown once, listed without what opens anything, and revoked")
    func key() throws {
        let made = try program.run(
            "key", "create", "console", "--role", "operator", "--expires", "2090-12-31", "--json")
        let document = made.json as? [String: Any]
        let key = try #require(document?["key"] as? String)
        #expect(key.count == 76 && document?["role"] as? String == "operator")
        #expect(document?["expires_at"] as? String == "2090-12-31T23:59:59.999Z")
        let list = try program.run("key", "list")
        #expect(list.output.contains("console  operator  \(key.prefix(11))"))
        #expect(!list.output.contains(key.suffix(64)))
        #expect(try program.run("key", "revoke", "console").output == "revoked console\n")
        #expect(try program.run("key", "list", "--json").output == "[]\n")
    }

    @Test("an address is banned for a while or for good, shown, and heard again")
    func ban() throws {
        #expect(
            try program.run("ban", "add", "192.0.2.9", "--reason", "scans").output
                == "banned 192.0.2.9 until it is lifted\n")
        #expect(try program.run("ban", "add", "2001:db8::1", "--for", "10m").code == 0)
        let bans = try program.run("ban", "list", "--json").json as? [[String: Any]]
        #expect(bans?.compactMap { $0["address"] as? String } == ["192.0.2.9", "2001:db8::1"])
        #expect(bans?.first?["reason"] as? String == "scans" && bans?.first?["until"] == nil)
        #expect(bans?.last?["until"] is String)
        #expect(try program.run("ban", "lift", "192.0.2.9").code == 0)
        #expect(try program.run("ban", "lift", "192.0.2.9").code == 1)
    }

    @Test("what makes no sense ends with a reason and the right code")
    func refusals() throws {
        let cases: [(arguments: [String], code: Int32, says: String)] = [
            (["key", "create", "a b", "--role", "viewer"], 1, "'a b' is no name of a key"),
            (["key", "create", "a", "--role", "king"], 64, "viewer, operator and admin"),
            (["key", "create", "a", "--role", "viewer", "--expires", "2020-01-01"], 1, "expired already"),
            (["key", "create", "a", "--role", "viewer", "--expires", "soon"], 64, "2026-12-31"),
            (["key", "revoke", "nothing"], 1, "there is no key 'nothing'"),
            (["ban", "add", "example.org"], 64, "example.org"),
            (["ban", "add", "127.0.0.1"], 1, "never banned"),
            (["ban", "add", "192.0.2.9", "--for", "10"], 64, "has no unit"),
            (["ban", "add", "192.0.2.9", "--for", "0s"], 64, "out of range"),
            (["explain", "192.0.2.9"], 1, "no edge runs"),
            (["explain", "nowhere"], 64, "nowhere"),
            (["explain", "192.0.2.9", "--header", "nothing"], 64, "'Name: value'"),
        ]
        for (arguments, code, says) in cases {
            let outcome = try program.run(arguments)
            #expect(outcome.code == code, "\(arguments): \(outcome.errors)")
            #expect(outcome.errors.contains(says), "\(arguments): \(outcome.errors)")
        }
    }
}
