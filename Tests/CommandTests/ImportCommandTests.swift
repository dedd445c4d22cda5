import Foundation
import TestSupport
import Testing

@Suite("Taking over from Kamailio")
final class ImportCommandTests {
    private let program: Program
    /// MD5 of `bob:external.advisor:secret`, as kamctl writes it.
    private let bob = "18803ef14138194de639e88b56ba72a3"

    init() throws {
        program = try Program()
    }

    private func textDatabase() throws -> String {
        let directory = program.path("dbtext")
        try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: true)
        try """
        id(int,auto) username(string) domain(string) password(string) ha1(string) ha1b(string)
        1:alice:external.advisor:se\\:cret:::
        2:bob:external.advisor::\(bob):
        3:carol:external.advisor:::
        4:bad user:external.advisor:x::
        """.write(toFile: directory + "/subscriber", atomically: true, encoding: .utf8)
        try """
        id(int,auto) grp(int) ip_addr(string) mask(int) port(int) tag(string,null)
        1:1:192.0.2.0:24:0:acme
        2:2:2001\\:db8\\:\\::32:5060:
        3:1:nonsense:24:0:x
        """.write(toFile: directory + "/address", atomically: true, encoding: .utf8)
        return directory
    }

    @Test("says first what it would do, then does it, and has nothing to do the second time")
    func text() throws {
        let directory = try textDatabase()
        let planned = try program.run("import", "kamailio", directory)
        #expect(planned.code == 2)
        #expect(
            planned.output == """
                + subscriber alice@external.advisor (MD5 SHA-256 SHA-512-256)
                + subscriber bob@external.advisor (MD5)
                + network 192.0.2.0/24 in group 1 for acme
                + network 2001:db8::/32 in group 2 for kamailio
                4 to add: say --apply

                """)
        for problem in ["'carol@external.advisor' has neither", "'bad user@external.advisor'", "'nonsense/24'"] {
            #expect(planned.errors.contains(problem), "\(planned.errors)")
        }
        #expect(try program.run("subscriber", "list", "--json").output == "[]\n")
        let applied = try program.run("import", "kamailio", directory, "--apply", "--json")
        #expect(applied.code == 0 && (applied.json as? [String: Any])?["applied"] as? Bool == true)
        let shown = try program.run("subscriber", "show", "bob@external.advisor", "--json").json as? [String: Any]
        #expect(shown?["algorithms"] as? [String] == ["MD5"] && shown?["plaintext"] as? Bool == false)
        #expect(try program.run("allow", "test", "2001:db8::1", "--group", "2").code == 0)
        let again = try program.run("import", "kamailio", directory)
        #expect(again.code == 0 && again.output.hasSuffix("nothing to do\n"))
        #expect(again.output.contains("= subscriber bob@external.advisor\n"))
    }

    @Test("what is here and different stays as it is")
    func differs() throws {
        let input = "another\n"
        #expect(
            try program.run("subscriber", "add", "bob@external.advisor", "--password-stdin", input: input).code == 0)
        let planned = try program.run("import", "kamailio", try textDatabase())
        #expect(planned.output.contains("! subscriber bob@external.advisor differs and stays as it is\n"))
    }

    @Test("reads the file of Kamailio's SQLite module", .enabled(if: PeerProgram.sqlite3.isInstalled))
    func database() throws {
        let path = program.path("kamailio.sqlite")
        let made = try Child.run(
            try PeerProgram.sqlite3.require(),
            [
                path,
                """
                CREATE TABLE subscriber (id INTEGER PRIMARY KEY, username VARCHAR(64), domain VARCHAR(64),
                    password VARCHAR(64), ha1 VARCHAR(128), ha1b VARCHAR(128));
                INSERT INTO subscriber VALUES (1, 'alice', 'external.advisor', 'secret', '', '');
                """,
            ], in: program.directory)
        #expect(made.code == 0)
        let planned = try program.run("import", "kamailio", path)
        #expect(planned.output.hasPrefix("+ subscriber alice@external.advisor (MD5 SHA-256 SHA-512-256)\n"))
        let before = try Data(contentsOf: URL(fileURLWithPath: path))
        #expect(try program.run("import", "kamailio", path, "--apply").code == 0)
        #expect(try Data(contentsOf: URL(fileURLWithPath: path)) == before)
    }

    @Test("what is no Kamailio is said", arguments: ["nowhere", "sallyport.yaml", "."])
    func nothing(path: String) throws {
        let outcome = try program.run("import", "kamailio", program.path(path))
        #expect(outcome.code == 1 && outcome.errors.contains(path == "." ? "neither a table" : path))
    }
}
