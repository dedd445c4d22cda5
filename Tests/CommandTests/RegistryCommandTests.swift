import Foundation
import TestSupport
import Testing

@Suite("Commands of the registry")
final class RegistryCommandTests {
    private let program: Program
    private let alice = "alice@external.advisor"

    init() throws {
        program = try Program()
    }

    @Test("a subscriber is added, listed, disabled and removed")
    func subscriber() throws {
        #expect(try program.run("subscriber", "add", alice, "--password-stdin", input: "secret\n").code == 0)
        let list = try program.run("subscriber", "list")
        #expect(list.output.contains("alice@external.advisor  yes      MD5 SHA-256 SHA-512-256"))
        #expect(try program.run("subscriber", "disable", alice).output == "disabled \(alice)\n")
        let shown = try program.run("subscriber", "show", alice, "--json").json as? [String: Any]
        #expect(shown?["enabled"] as? Bool == false)
        #expect(shown?["aor"] as? String == alice)
        #expect(try program.run("subscriber", "enable", alice).code == 0)
        #expect(try program.run("subscriber", "password", alice, "--password-stdin", input: "other\n").code == 0)
        #expect(try program.run("subscriber", "remove", alice).code == 0)
        #expect(try program.run("subscriber", "list", "--json").output == "[]\n")
    }

    @Test(
        "a password is taken from standard input only",
        arguments: [["--password", "secret"], ["--password-stdin", "--password=secret"], []])
    func passwordOnCommandLine(options: [String]) throws {
        for command in ["add", "password"] {
            let outcome = try program.run(["subscriber", command, alice] + options)
            #expect(outcome.code == 64)
            #expect(outcome.errors.contains("--password-stdin"))
            #expect(!outcome.errors.contains("secret"))
        }
        #expect(!FileManager.default.fileExists(atPath: program.directory + "/var"))
    }

    @Test("an empty standard input is no password", arguments: ["", "\n"])
    func emptyPassword(input: String) throws {
        let outcome = try program.run("subscriber", "add", alice, "--password-stdin", input: input)
        #expect(outcome.code == 1)
        #expect(outcome.errors.contains("no password"))
    }

    @Test("networks are allowed, tested and removed")
    func allow() throws {
        #expect(try program.run("allow", "add", "192.0.2.0/24", "--tag", "Rat", "--transport", "tls").code == 0)
        #expect(try program.run("allow", "add", "2001:db8::/32", "--tag", "Council", "--group", "2").code == 0)
        let table = try program.run("allow", "list").output
        #expect(
            table == """
                NETWORK        GROUP  PORT  TRANSPORT  TAG
                192.0.2.0/24   1      any   tls        Rat
                2001:db8::/32  2      any   any        Council

                """)
        #expect(try program.run("allow", "test", "192.0.2.200").code == 0)
        #expect(try program.run("allow", "test", "192.0.2.200", "--group", "2").code == 1)
        let test = try program.run("allow", "test", "198.51.100.1", "--json")
        #expect(test.code == 1)
        #expect((test.json as? [String: Any])?["allowed"] as? Bool == false)
        #expect(try program.run("allow", "remove", "192.0.2.0/24").code == 0)
        #expect(try program.run("allow", "remove", "192.0.2.0/24").code == 1)
    }

    @Test("what makes no sense ends with a reason and the right code")
    func refusals() throws {
        #expect(try program.run("allow", "add", "::/0", "--tag", "all").code == 0)
        let cases: [(arguments: [String], code: Int32, says: String)] = [
            (["allow", "add", "192.0.2.5/24", "--tag", "x"], 1, "192.0.2.0/24"),
            (["allow", "add", "nonsense", "--tag", "x"], 1, "nonsense"),
            (["allow", "add", "192.0.2.0/24"], 64, "--tag"),
            (["allow", "add", "192.0.2.0/24", "--tag", "x", "--transport", "sctp"], 64, "udp, tcp and tls"),
            (["allow", "add", "192.0.2.0/24", "--tag", "x", "--port", "70000"], 64, "70000"),
            (["allow", "test", "example.org"], 64, "example.org"),
            (["subscriber", "show", "nobody@external.advisor"], 1, "nobody@external.advisor"),
            (["subscriber", "show", "\u{1b}[2J"], 1, "\\u{1b}"),
            (["expert", "add", "e@external.advisor", "--name", "n", "--organization", "o"], 64, "--specialization"),
            (["expert", "show", "e@external.advisor"], 1, "e@external.advisor"),
            (["subscriber", "list", "--config", "missing.yaml"], 1, "missing.yaml"),
            (["subscriber", "frobnicate"], 64, "frobnicate"),
        ]
        for (arguments, code, says) in cases {
            let outcome = try program.run(arguments)
            let text = outcome.errors
            #expect(outcome.code == code, "\(arguments): \(text)")
            #expect(text.contains(says), "\(text)")
            #expect(!text.contains("\u{1b}"))
        }
    }

    @Test("looking does not make a database")
    func lookingOnly() throws {
        let outcome = try program.run("subscriber", "list")
        #expect(outcome.code == 1)
        #expect(outcome.errors.contains("var/sallyport.db"))
        #expect(!FileManager.default.fileExists(atPath: program.directory + "/var"))
    }

    @Test("an expert is added, given a key, verified and removed")
    func expert() throws {
        let id = "expert-safety@external.advisor"
        let added = try program.run(
            "expert", "add", id, "--name", "Dr. Ada", "--organization", "Council", "--specialization", "safety",
            "--specialization", "alignment", "--contact", "sips:ada@203.0.113.9:5061")
        #expect(added.output == "added \(id)\n")
        try program.write("key.pub", Data(repeating: 9, count: 32).base64EncodedString())
        let keyed = try program.run(
            "expert", "key", "add", id, "k1", "key.pub", "--not-before", "2026-01-02T03:04:05Z", "--not-after",
            "2027-12-31", "--json")
        let keys = (keyed.json as? [String: Any])?["keys"] as? [[String: Any]]
        #expect(keys?.first?["not_before"] as? String == "2026-01-02T03:04:05.000Z")
        #expect(keys?.first?["not_after"] as? String == "2027-12-31T23:59:59.999Z")
        #expect(try program.run("expert", "key", "add", id, "k2", "missing.pub").code == 1)
        #expect(try program.run("expert", "key", "add", id, "k2", "key.pub", "--not-after", "tomorrow").code == 64)
        #expect(try program.run("expert", "verify", id).code == 0)
        #expect(try program.run("expert", "show", id).output.contains("verified         yes"))
        #expect(try program.run("expert", "key", "remove", id, "k1").code == 0)
        #expect(try program.run("expert", "remove", id).code == 0)
        #expect(try program.run("expert", "list").output == "no experts\n")
    }
}
