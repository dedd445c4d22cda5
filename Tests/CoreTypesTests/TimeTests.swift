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
}
