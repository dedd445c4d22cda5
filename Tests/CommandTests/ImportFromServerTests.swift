import Foundation
import TestSupport
import Testing

@Suite("Taking over from a Kamailio's database server", .timeLimit(.minutes(2)))
final class ImportFromServerTests {
    private let program: Program

    init() throws {
        program = try Program()
    }

    /// As Kamailio's own scripts make them, in short.
    private static let tables = """
        CREATE TABLE subscriber (id INTEGER PRIMARY KEY, username VARCHAR(64) DEFAULT '' NOT NULL,
            domain VARCHAR(64) DEFAULT '' NOT NULL, password VARCHAR(64) DEFAULT '' NOT NULL,
            ha1 VARCHAR(128) DEFAULT '' NOT NULL, ha1b VARCHAR(128) DEFAULT '' NOT NULL);
        CREATE TABLE address (id INTEGER PRIMARY KEY, grp INTEGER DEFAULT 1 NOT NULL, ip_addr VARCHAR(50) NOT NULL,
            mask INTEGER DEFAULT 32 NOT NULL, port SMALLINT DEFAULT 0 NOT NULL, tag VARCHAR(64));
        INSERT INTO address VALUES (1, 1, '192.0.2.0', 24, 0, 'acme'), (2, 2, '2001:db8::', 32, 5060, NULL);
        """

    /// MD5 of alice's name, realm and password, in which there is what is special in the rows that clients write: a
    /// quote, a backslash before a letter, and more than ASCII.
    private static let alice = "6adaaa80c6e80d1d127f2b272f9970b5"

    private func checkImport(from url: String, shown: String) throws {
        let planned = try program.run("import", "kamailio", url)
        #expect(
            planned.output == """
                + subscriber alice@external.advisor (MD5 SHA-256 SHA-512-256)
                + subscriber bob@external.advisor (MD5)
                + subscriber NULL@external.advisor (MD5 SHA-256 SHA-512-256)
                + network 192.0.2.0/24 in group 1 for acme
                + network 2001:db8::/32 in group 2 for kamailio
                5 to add: say --apply

                """, "\(planned)")
        #expect(planned.code == 2)
        #expect(
            planned.errors
                == "left out: subscriber 'dave@external.advisor' has a password with control characters or of over 1024 bytes\n"
        )
        #expect(try program.run("import", "kamailio", url, "--apply").code == 0)
        let kept = try Child.run(
            try PeerProgram.sqlite3.require(),
            [program.path("var/sallyport.db"), "SELECT ha1 FROM subscriber WHERE username = 'alice'"],
            in: program.directory)
        #expect(kept.output == Self.alice + "\n", "\(kept)")
        #expect(try program.run("import", "kamailio", url).output.contains("= subscriber alice@external.advisor\n"))

        let wrong = try program.run("import", "kamailio", url.replacing("pa%40ss", with: "wrong"))
        #expect(wrong.code == 1 && wrong.errors.contains(shown) && wrong.errors.contains("can't be read"), "\(wrong)")
        #expect(!wrong.errors.contains("wrong@"))
    }

    @Test(
        "PostgreSQL's rows arrive as they are there",
        .enabled(if: PeerProgram.postgres.isInstalled, "\(PeerProgram.postgres.howToGetIt)"),
        .enabled(if: PeerProgram.psql.isInstalled, "\(PeerProgram.psql.howToGetIt)"))
    func postgreSQL() async throws {
        let server = try await PostgreSQL()
        try server.execute("CREATE USER kamailio PASSWORD 'pa@ss'")
        try server.execute("CREATE DATABASE kamailio OWNER kamailio")
        try server.execute(
            """
            \(Self.tables)
            INSERT INTO subscriber VALUES
                (1, 'alice', 'external.advisor', E'se\\'c\\\\nré', '', ''),
                (2, 'bob', 'external.advisor', '', '18803ef14138194de639e88b56ba72a3', ''),
                (3, 'NULL', 'external.advisor', 'secret', '', ''),
                (4, 'dave', 'external.advisor', E'se\\tcret', '', '');
            GRANT SELECT ON subscriber, address TO kamailio;
            """, in: "kamailio")
        try checkImport(
            from: "postgresql://kamailio:pa%40ss@127.0.0.1:\(server.port)/kamailio",
            shown: "postgresql://kamailio@127.0.0.1:\(server.port)/kamailio")

        let other = try program.run(
            "import", "kamailio", "postgresql://kamailio:pa%40ss@127.0.0.1:\(server.port)/postgres")
        #expect(other.code == 1 && other.errors.contains("neither a table 'subscriber' nor a table 'address'"))
    }

    @Test(
        "MariaDB's rows arrive as they are there",
        .enabled(if: PeerProgram.mariadbd.isInstalled, "\(PeerProgram.mariadbd.howToGetIt)"),
        .enabled(if: PeerProgram.mariadb.isInstalled, "\(PeerProgram.mariadb.howToGetIt)"))
    func mariaDB() async throws {
        let server = try await MariaDB()
        try server.execute(
            """
            SET NAMES utf8mb4;
            CREATE DATABASE kamailio CHARACTER SET utf8mb4;
            CREATE USER kamailio@'127.0.0.1' IDENTIFIED BY 'pa@ss';
            GRANT SELECT ON kamailio.* TO kamailio@'127.0.0.1';
            USE kamailio;
            \(Self.tables)
            INSERT INTO subscriber VALUES
                (1, 'alice', 'external.advisor', 'se\\'c\\\\nré', '', ''),
                (2, 'bob', 'external.advisor', '', '18803ef14138194de639e88b56ba72a3', ''),
                (3, 'NULL', 'external.advisor', 'secret', '', ''),
                (4, 'dave', 'external.advisor', 'se\\tcret', '', '');
            """)
        try checkImport(
            from: "mysql://kamailio:pa%40ss@127.0.0.1:\(server.port)/kamailio",
            shown: "mysql://kamailio@127.0.0.1:\(server.port)/kamailio")
    }

    @Test(
        "what is no server's URL is said",
        arguments: [
            ("oracle://db/kamailio", "no URL of a PostgreSQL or MySQL server"),
            ("mysql://db/kamailio?ssl=1", "more than a user, a host, a port and a database"),
            ("postgresql://db/a/b", "more than a user, a host, a port and a database"),
        ])
    func badURL(url: String, complaint: String) throws {
        let outcome = try program.run("import", "kamailio", url)
        #expect(outcome.code == 1 && outcome.errors.contains(complaint), "\(outcome)")
    }
}
