import SettingsFile
import Testing

@testable import SallyportConfiguration

@Suite struct DifferenceTests {
    @Test("a reload names what changed, before and after")
    func reloadNamesWhatChanged() throws {
        let before = try Configuration.parse("node: a\nprofiles: {experts: {guard: off}}", file: "a.yaml")
        let after = try Configuration.parse(
            "node: b\nlimits: {idle_timeout: 2m}\nprofiles: {experts: {call_rate: {calls: 4}}}", file: "b.yaml")
        let changes = after.difference(from: before).map(\.description)
        #expect(
            changes.prefix(4) == [
                "node: a -> b",
                "limits.idle_timeout: 3605s -> 2m",
                "profiles.experts.call_rate.calls: 10 -> 4",
                "profiles.experts.guard.headers.trace: (none) -> X-IF-Trace-ID",
            ])
        #expect(changes.last == "profiles.experts.guard: off -> (none)")
    }

    @Test("nothing changed is no difference")
    func nothingChangedNoDifference() throws {
        let one = try Configuration.parse("node: a", file: "a.yaml")
        let other = try Configuration.parse("# the same\nnode: 'a'", file: "b.yaml")
        #expect(one.difference(from: other) == [])
    }

    @Test("secrets are masked but their change is seen")
    func secretsMaskedButTheir() throws {
        let before = try Configuration.parse("database_password: env:OLD", file: "a.yaml")
        let after = try Configuration.parse("database_password: env:NEW", file: "a.yaml")
        #expect(after.difference(from: before).map(\.description) == ["database_password: (secret) -> (secret)"])
    }

    @Test(
        "a near miss finds its word",
        arguments: [
            ("lisners", "listeners"), ("nod", "node"), ("tsl", "tls"), ("Witnes", "witness"),
            ("database-password", "database_password"),
        ])
    func nearMissFindsWord(written: String, meant: String) {
        let words = ["node", "listeners", "tls", "witness", "database", "database_password"]
        #expect(Suggestion.nearest(to: written, among: words) == meant)
    }

    @Test("something else altogether finds none")
    func somethingElseAltogetherFinds() {
        #expect(Suggestion.nearest(to: "colour", among: ["node", "tls"]) == nil)
    }

    @Test("a secret is read from where its reference points")
    func secretReadFromWhere() throws {
        let configuration = try Configuration.parse("node: a", file: "/nonexistent/a.yaml")
        #expect(configuration.secret(.environment("PATH"))?.isEmpty == false)
        #expect(configuration.secret(.environment("SALLYPORT_SURELY_UNSET")) == nil)
        #expect(configuration.secret(.file("missing")) == nil)
    }
}
