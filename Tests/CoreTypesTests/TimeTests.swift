import CoreTypes
import Testing

@Suite("Civil time")
struct TimeTests {
    @Test(
        "milliseconds since 1970 become RFC 3339 text",
        arguments: [
            (0, "1970-01-01T00:00:00.000Z"), (1_762_898_400_123, "2025-11-11T22:00:00.123Z"),
            (951_782_400_000, "2000-02-29T00:00:00.000Z"), (-1, "1969-12-31T23:59:59.999Z"),
            (4_102_444_799_999, "2099-12-31T23:59:59.999Z"),
        ])
    func rfc3339(milliseconds: Int, expected: String) {
        #expect(CivilTime(millisecondsSince1970: Int64(milliseconds)).rfc3339 == expected)
    }

    @Test("a SIP date is read back as it was written")
    func sipDateRoundTrip() {
        for day in stride(from: Int64(0), to: 30_000, by: 37) {
            let milliseconds = day * 86_400_000 + 45_296_000
            let text = CivilTime(millisecondsSince1970: milliseconds).sipDate
            #expect(CivilTime.parse(sipDate: text) == milliseconds, "\(text)")
        }
    }

    @Test(
        "a date in another form is refused",
        arguments: [
            "Sat, 13 Nov 2010 23:29:00 EST", "Sun, 13 Nov 2010 23:29:00 GMT", "Sat, 31 Feb 2010 23:29:00 GMT",
            "Sat, 13 Nov 2010 23:29 GMT", "2010-11-13T23:29:00Z", "",
        ])
    func badDates(text: String) {
        #expect(CivilTime.parse(sipDate: text) == nil)
    }

    @Test("a day is all of its milliseconds, and a second is itself")
    func spans() throws {
        let day = try #require(CivilSpan(parsing: "2024-02-29"))
        #expect(CivilTime(millisecondsSince1970: day.start).rfc3339 == "2024-02-29T00:00:00.000Z")
        #expect(CivilTime(millisecondsSince1970: day.end).rfc3339 == "2024-02-29T23:59:59.999Z")
        let second = try #require(CivilSpan(parsing: "2025-11-11T22:00:00Z"))
        #expect(second.start == 1_762_898_400_000 && second.end == second.start)
    }

    @Test(
        "another form of a span is refused",
        arguments: [
            "", "T", "2025-02-29", "2025-13-01", "2025-1-1", "25-01-01", "2025-01-01T", "2025-01-01Z",
            "2025-01-01T24:00:00Z", "2025-01-01T22:00Z", "2025-01-01T22:00:00", "2025-01-01T22:00:00+01:00",
            "2025-01-01T22:00:00Z ", "+025-01-01", "2025-01-01T22:00:00TZ",
        ])
    func badSpans(text: String) {
        #expect(CivilSpan(parsing: text) == nil)
    }
}
