import Testing

@testable import SallyportConfiguration

@Suite struct DifferenceTests {
    @Test func `a reload names what changed, before and after`() throws {
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

    @Test func `nothing changed is no difference`() throws {
        let one = try Configuration.parse("node: a", file: "a.yaml")
        let other = try Configuration.parse("# the same\nnode: 'a'", file: "b.yaml")
        #expect(one.difference(from: other) == [])
    }

    @Test func `secrets are masked but their change is seen`() throws {
        let before = try Configuration.parse("database_password: env:OLD", file: "a.yaml")
        let after = try Configuration.parse("database_password: env:NEW", file: "a.yaml")
        #expect(after.difference(from: before).map(\.description) == ["database_password: (secret) -> (secret)"])
    }

    @Test(arguments: [
        ("lisners", "listeners"), ("nod", "node"), ("tsl", "tls"), ("Witnes", "witness"),
        ("database-password", "database_password"),
    ])
    func `a near miss finds its word`(written: String, meant: String) {
        let words = ["node", "listeners", "tls", "witness", "database", "database_password"]
        #expect(Suggestion.nearest(to: written, among: words) == meant)
    }

    @Test func `something else altogether finds none`() {
        #expect(Suggestion.nearest(to: "colour", among: ["node", "tls"]) == nil)
    }

    @Test func `a secret is read from where its reference points`() throws {
        let configuration = try Configuration.parse("node: a", file: "/nonexistent/a.yaml")
        #expect(configuration.secret(.environment("PATH"))?.isEmpty == false)
        #expect(configuration.secret(.environment("SALLYPORT_SURELY_UNSET")) == nil)
        #expect(configuration.secret(.file("missing")) == nil)
    }
}
