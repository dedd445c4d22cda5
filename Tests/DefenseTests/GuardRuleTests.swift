import CoreTypes
import Crypto
import Defense
import SIPMessage
import Testing

/// Milliseconds since 1970 of a time in UTC.
private func utc(_ year: Int, _ month: Int, _ day: Int, _ hour: Int, _ minute: Int, _ second: Int = 0) throws -> Moment
{
    let wall = CivilTime.milliseconds(
        year: year, month: month, day: day, hour: hour, minute: minute, second: second)
    return Moment(monotonic: start.monotonic, wall: try #require(wall))
}

/// Two hours east in summer, one in winter, as in Berlin around 2025.
private func berlin() throws -> ZoneOffsets {
    ZoneOffsets(
        name: "Europe/Berlin", first: 3600,
        changes: [
            .init(since: try utc(2025, 3, 30, 1, 0).wall, seconds: 7200),
            .init(since: try utc(2025, 10, 26, 1, 0).wall, seconds: 3600),
        ])
}

@Suite("Layer 6: allowed hours")
struct AllowedHoursTests {
    private static let weekdays: Set<Int> = [1, 2, 3, 4, 5]

    @Test(
        "office hours in a zone, to the minute, in summer and in winter",
        arguments: [
            // Monday 2025-06-02, two hours east
            (6, 2, 5, 59, false), (6, 2, 6, 0, true), (6, 2, 15, 59, true), (6, 2, 16, 0, false),
            // Monday 2025-12-01, one hour east
            (12, 1, 6, 59, false), (12, 1, 7, 0, true), (12, 1, 16, 59, true), (12, 1, 17, 0, false),
            // Saturday, Sunday
            (6, 7, 10, 0, false), (6, 8, 10, 0, false),
            // Before and after the clocks are set, on a Sunday and the Monday behind it
            (3, 31, 6, 0, true), (3, 31, 5, 59, false), (10, 27, 7, 0, true), (10, 27, 6, 59, false),
        ] as [(Int, Int, Int, Int, Bool)])
    func office(month: Int, day: Int, hour: Int, minute: Int, isAllowed: Bool) throws {
        let hours = AllowedHours([
            .init(zone: try berlin(), days: Self.weekdays, from: 8 * 60, to: 18 * 60)
        ])
        #expect(hours.allow("any", at: try utc(2025, month, day, hour, minute)) == isAllowed)
        #expect(hours.allow(nil, at: try utc(2025, month, day, hour, minute, 59)) == isAllowed)
    }

    @Test(
        "hours over midnight belong to the day on which they begin",
        arguments: [
            // 2025-06-06 is a Friday.
            (6, 21, 59, false), (6, 22, 0, true), (6, 23, 59, true), (7, 0, 0, true), (7, 5, 59, true),
            (7, 6, 0, false), (7, 22, 0, false), (8, 0, 0, false), (6, 5, 0, false),
        ] as [(Int, Int, Int, Bool)])
    func overMidnight(day: Int, hour: Int, minute: Int, isAllowed: Bool) throws {
        let hours = AllowedHours([.init(zone: .utc, days: [5], from: 22 * 60, to: 6 * 60)])
        #expect(hours.allow(nil, at: try utc(2025, 6, day, hour, minute)) == isAllowed)
    }

    @Test("a day's whole length is allowed from 00:00 to 24:00")
    func wholeDay() throws {
        let hours = AllowedHours([.init(zone: .utc, days: [0], from: 0, to: 1440)])
        #expect(hours.allow(nil, at: try utc(2025, 6, 8, 0, 0)))
        #expect(hours.allow(nil, at: try utc(2025, 6, 8, 23, 59, 59)))
        #expect(!hours.allow(nil, at: try utc(2025, 6, 9, 0, 0)))
        #expect(!hours.allow(nil, at: try utc(2025, 6, 7, 23, 59, 59)))
    }

    @Test("an organization that is named has its own hours, the others have those that name nobody")
    func organizations() throws {
        let morning = AllowedHours.Window(organization: "council*", zone: .utc, days: [1], from: 480, to: 720)
        let evening = AllowedHours.Window(organization: "council-b", zone: .utc, days: [1], from: 1080, to: 1200)
        let noon = AllowedHours.Window(zone: .utc, days: [1], from: 720, to: 780)
        let hours = AllowedHours([morning, evening, noon])
        let (nine, twelve, nineteen) = (
            try utc(2025, 6, 2, 9, 0), try utc(2025, 6, 2, 12, 30), try utc(2025, 6, 2, 19, 0)
        )
        #expect([nine, twelve, nineteen].map { hours.allow("council-a", at: $0) } == [true, false, false])
        #expect([nine, twelve, nineteen].map { hours.allow("council-b", at: $0) } == [true, false, true])
        #expect([nine, twelve, nineteen].map { hours.allow("others", at: $0) } == [false, true, false])
        #expect([nine, twelve, nineteen].map { hours.allow(nil, at: $0) } == [false, true, false])
        #expect(AllowedHours([morning]).allow("others", at: nineteen))
        #expect(AllowedHours().allow("council-a", at: nineteen))
    }

    @Test("a call out of hours is refused like any other")
    func refusal() throws {
        var policy = expertsPolicy
        policy.authentication = nil
        policy.sourceRate = nil
        policy.callRate = nil
        policy.policyGuard?.hours = AllowedHours([.init(zone: .utc, days: [1], from: 480, to: 720)])
        var passage = try passage(policy)
        let request = try Request(uri: "sip:expert-safety@external.advisor").approach()
        #expect(passage.refusal(request, now: try utc(2025, 6, 2, 9, 0)) == nil)
        let refusal = try #require(passage.refusal(request, now: try utc(2025, 6, 2, 12, 0)))
        #expect(refusal.cause == .outsideHours && refusal.answer?.status == 403)
        #expect(refusal.answer?.fields.first?.value.contains("hours") == false)
        #expect(refusal.event?.kind == .policyRejected)
        #expect(refusal.event?.details.contains(.init("reason", "outside_hours")) == true)
    }
}

@Suite("Layer 6: allowed destinations")
struct AllowedDestinationTests {
    private let destinations = AllowedDestinations([
        .init(organization: "advisors", allow: ["expert-*@external.advisor", "*@bridge.example"]),
        .init(organization: "strict", allow: []),
        .init(allow: ["council@external.advisor", "tel:+49*"]),
    ])

    @Test(
        "patterns are for user and host, escapes resolved, the host without regard to case",
        arguments: [
            ("advisors", "sip:expert-safety@external.advisor", true),
            ("advisors", "sips:expert-safety@EXTERNAL.advisor:5061;transport=tls", true),
            ("advisors", "sip:%65xpert-safety@external.advisor", true),
            ("advisors", "sip:council@external.advisor", false),
            ("advisors", "sip:expert-safety@external.advisor.example", false),
            ("advisors", "sip:expert-safety%40external.advisor@premium.example", false),
            ("advisors", "sip:anything@bridge.example", true), ("advisors", "sip:bridge.example", true),
            ("strict", "sip:expert-safety@external.advisor", false),
            ("others", "sip:council@external.advisor", true), ("others", "sip:expert-safety@external.advisor", false),
            ("others", "tel:+49301234", true), ("others", "tel:+1900", false), (nil, "tel:+49301234", true),
        ] as [(String?, String, Bool)])
    func patterns(organization: String?, target: String, isAllowed: Bool) throws {
        #expect(destinations.allow(organization, try #require(URI(target))) == isAllowed)
    }

    @Test("without a rule for it an organization may call anybody")
    func none() throws {
        let target = try #require(URI("sip:anybody@example.org"))
        #expect(AllowedDestinations().allow("advisors", target))
        #expect(AllowedDestinations([.init(organization: "strict", allow: [])]).allow("advisors", target))
    }

    @Test("a call elsewhere is refused like any other")
    func refusal() throws {
        var policy = expertsPolicy
        policy.authentication = nil
        policy.policyGuard?.destinations = AllowedDestinations([.init(organization: "advisors", allow: ["nobody@x"])])
        var passage = try passage(policy)
        let refusal = try #require(
            passage.refusal(try Request(uri: "sip:expert-safety@external.advisor").approach()))
        #expect(refusal.cause == .destinationNotAllowed && refusal.answer?.status == 403)
    }
}

@Suite("Layer 6: an expert for a hazard")
struct ExpertChoiceTests {
    private func named(_ name: String, contact: String? = "sip:x@192.0.2.9", _ hazards: Set<String> = ["safety"])
        -> Expert
    {
        Expert(
            id: "\(name)@external.advisor", name: name, organization: "Advisors", specializations: hazards,
            isVerified: true, contact: contact.flatMap { URI($0) })
    }

    private func choice(
        _ experts: [Expert], calls: [String: Int] = [:], uri: String = "sip:hazard-safety@external.advisor",
        hazard: String = "safety"
    ) throws -> (expert: String?, destination: String?, cause: Refusal.Cause?) {
        var policy = expertsPolicy
        policy.authentication = nil
        var passage = try passage(policy, directory(experts: experts))
        var request = Request(uri: uri)
        request.lines = ["X-IF-Trace-ID: t", "X-IF-Hazard: \(hazard)"]
        let report = passage.examine(try request.approach(), now: start, activeCalls: { calls[$0] ?? 0 })
        return (report.facts.expert?.id, report.facts.destination?.text, report.refusal?.cause)
    }

    @Test("the first by name among equals, always the same")
    func order() throws {
        let all = ["c", "a", "b"].map { named($0) }
        for experts in [all, all.reversed()] {
            let chosen = try choice(experts)
            #expect(chosen.expert == "a@external.advisor" && chosen.destination == "sip:a@external.advisor")
            #expect(chosen.cause == nil)
        }
    }

    @Test("one without a call before one with, one who can be reached before one who can't")
    func preference() throws {
        let all = ["a", "b", "c"].map { named($0) }
        #expect(try choice(all, calls: ["a@external.advisor": 1]).expert == "b@external.advisor")
        #expect(
            try choice(all, calls: ["a@external.advisor": 2, "b@external.advisor": 1, "c@external.advisor": 1]).expert
                == "b@external.advisor")
        #expect(
            try choice([named("a", contact: nil), named("b")], calls: ["b@external.advisor": 3]).expert
                == "b@external.advisor")
    }

    @Test("only the verified of that domain, for that hazard, below their limit")
    func whoCounts() throws {
        var unverified = named("a")
        unverified.isVerified = false
        var foreign = named("b")
        foreign.id = "b@elsewhere.example"
        let experts = [unverified, foreign, named("c", ["privacy"]), named("d")]
        #expect(try choice(experts).expert == "d@external.advisor")
        #expect(try choice(Array(experts.dropLast())).cause == .unknownExpert)
        #expect(try choice(experts, calls: ["d@external.advisor": 5]).cause == .tooManyCalls)
        #expect(try choice(experts, hazard: "privacy").cause == .hazardNotCovered)
    }

    @Test("who is registered under such a name is called, and what names no hazard names nobody")
    func names() throws {
        #expect(try choice([named("hazard-safety"), named("a")]).expert == "hazard-safety@external.advisor")
        #expect(try choice([named("a")], uri: "sip:hazard-fun@external.advisor").cause == .unknownExpert)
        #expect(try choice([named("a")], uri: "sip:hazard-@external.advisor").cause == .unknownExpert)
        let secure = try choice([named("a")], uri: "sips:hazard-safety@external.advisor")
        #expect(secure.destination == "sips:a@external.advisor")
    }
}

@Suite("Layer 6: keys and replays")
struct KeyTests {
    @Test(
        "a key is good from its first to its last millisecond",
        arguments: [(-1, false), (0, true), (5000, true), (5001, false)])
    func dates(offset: Int64, isGood: Bool) throws {
        var dated = expert
        dated.keys[0].notBefore = start.wall
        dated.keys[0].notAfter = start.wall + 5000
        let now = Moment(monotonic: start.monotonic, wall: start.wall + offset)
        #expect(try cause(dated, keyID: "k1", key: dated.keys[0].id, now: now) == (isGood ? nil : .signatureInvalid))
    }

    @Test("of several keys the one that is named counts, and each only for its own time")
    func several() throws {
        var twoKeys = expert
        var old = twoKeys.keys[0]
        old.id = "old"
        old.notAfter = start.wall - 1
        twoKeys.keys.insert(old, at: 0)
        #expect(try cause(twoKeys, keyID: "k1", key: "k1", now: start) == nil)
        #expect(try cause(twoKeys, keyID: "old", key: "old", now: start) == .signatureInvalid)
        #expect(try cause(twoKeys, keyID: "k3", key: "k3", now: start) == .signatureInvalid)
    }

    private func cause(_ expert: Expert, keyID: String, key: String, now: Moment) throws -> Refusal.Cause? {
        let date = CivilTime(millisecondsSince1970: now.wall).sipDate
        let text = CallSignature.signedText(
            traceID: "if-trace-1", hazard: "safety", from: "expert-safety@external.advisor",
            requestURI: "sip:expert-safety@external.advisor", callID: "call-1@192.0.2.5", date: date)
        let value = try #require(
            CallSignature.sign(text, keyID: keyID, privateKey: Array(signingKey.rawRepresentation)))
        var request = Request(uri: "sip:expert-safety@external.advisor")
        request.lines += ["Date: \(date)", "X-IF-Signature: \(value)"]
        var policy = expertsPolicy
        policy.authentication = nil
        var passage = try passage(policy, directory(experts: [expert]))
        return passage.refusal(try request.approach(), now: now)?.cause
    }
}
