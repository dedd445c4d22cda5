import TestSupport
import Foundation
import Testing

@Suite("The command cert", .timeLimit(.minutes(1)))
final class CertCommandTests {
    private let program: Program

    init() throws {
        program = try Program()
    }

    private func configure(_ tls: String) throws {
        try program.write("sallyport.yaml", "tls: {trust: tls/ca.pem, \(tls)}\n")
    }

    @Test("development certificates are issued once, and again only when forced")
    func issue() throws {
        let first = try program.run("cert", "issue-dev", "tls", "--name", "edge.test", "--json")
        #expect(first.code == 0, "\(first.errors)")
        let files = try #require(first.json as? [String: String])
        #expect(files.keys.sorted() == ["ca", "ca_key", "client", "client_key", "server", "server_key"])
        #expect(files.values.allSatisfy(FileManager.default.fileExists(atPath:)))
        let second = try program.run("cert", "issue-dev", "tls")
        #expect(second.code == 1)
        #expect(second.errors.contains("is there already"))
        #expect(try program.run("cert", "issue-dev", "tls", "--force").code == 0)
    }

    @Test("certificates are shown with their names and what is left of them")
    func show() throws {
        #expect(try program.run("cert", "issue-dev", "tls", "--name", "edge.test").code == 0)
        try configure("warn_before_expiry: 30d")
        let shown = try program.run("cert", "show", "--json")
        #expect(shown.code == 0, "\(shown.errors)")
        let list = try #require(shown.json as? [[String: Any]])
        #expect(list.first?["names"] as? [String] == ["edge.test", "sip:edge.test"])
        #expect(list.first?["key_matches"] as? Bool == true)
        #expect(try program.run("cert", "show", "tls/ca.pem").output.contains("Sallyport development authority"))
        #expect(try program.run("cert", "show", "none.pem").code == 1)
    }

    @Test(
        "a check says what can't be used and what expires soon",
        arguments: [
            ("warn_before_expiry: 30d", 0, "ok "), ("warn_before_expiry: 500d", 2, "renew it"),
            ("key: tls/client-key.pem", 1, "is not the key of"), ("certificate: none.pem", 1, "does not exist"),
        ] as [(String, Int32, String)])
    func check(tls: String, code: Int32, says: String) throws {
        #expect(try program.run("cert", "issue-dev", "tls").code == 0)
        try configure(tls)
        let outcome = try program.run("cert", "check")
        #expect(outcome.code == code)
        #expect(outcome.output.contains(says), "\(outcome.output)")
    }
}
