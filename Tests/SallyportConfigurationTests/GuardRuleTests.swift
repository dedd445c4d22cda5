import SettingsFile
import Testing

@testable import SallyportConfiguration

@Suite struct GuardRuleTests {
    @Test("hours and destinations are read as written")
    func read() throws {
        let read = try Configuration.parse(
            """
            profiles:
              experts:
                guard:
                  hours:
                    - {zone: Europe/Berlin, days: [mon, fri], from: "08:00", to: "18:30"}
                    - {organization: "council*", from: 22:00, to: 06:00}
                  destinations:
                    - {organization: advisors, allow: ["expert-*@external.advisor", "tel:+49*"]}
                    - {allow: []}
            """, file: "a.yaml")
        let policyGuard = try #require(read.profiles["experts"]?.guard)
        #expect(policyGuard.hours.map(\.zone) == ["Europe/Berlin", "UTC"])
        #expect(policyGuard.hours.map(\.organization) == [nil, "council*"])
        #expect(policyGuard.hours[0].days == [.mon, .fri] && policyGuard.hours[1].days.count == 7)
        #expect(
            policyGuard.hours.map(\.from.minute) == [480, 1320] && policyGuard.hours.map(\.to.minute) == [1110, 360])
        #expect(policyGuard.destinations.map(\.organization) == ["advisors", nil])
        #expect(policyGuard.destinations.map(\.allow.count) == [2, 0])
    }

    @Test("liveness is on by default, can be changed and switched off")
    func liveness() throws {
        #expect(Profile.experts.liveness?.every == .seconds(60) && Profile.trunks.liveness?.every == .seconds(300))
        let read = try Configuration.parse(
            "profiles: {experts: {liveness: {misses: 5}}, trunks: {liveness: off}}", file: "a.yaml")
        #expect(read.profiles["experts"]?.liveness?.every == .seconds(60))
        #expect(read.profiles["experts"]?.liveness?.misses == 5)
        #expect(read.profiles["trunks"]?.liveness == nil)
    }
}
