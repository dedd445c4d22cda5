import CoreTypes
import Testing

@testable import Edge

@Suite("Time zones by name")
struct ZoneTests {
    private let now: Int64 = 1_762_898_400_000

    @Test(
        "have their offsets in summer and in winter, now and in twenty years",
        arguments: [
            ("Europe/Berlin", 2026, 1, 15, 13), ("Europe/Berlin", 2026, 7, 15, 14), ("Europe/Berlin", 2045, 7, 15, 14),
            ("America/New_York", 2026, 1, 15, 7), ("America/New_York", 2026, 7, 15, 8), ("Asia/Tokyo", 2026, 7, 15, 21),
            ("UTC", 2026, 7, 15, 12), ("Australia/Sydney", 2026, 1, 15, 23), ("Australia/Sydney", 2026, 7, 15, 22),
        ] as [(String, Int, Int, Int, Int)])
    func offsets(name: String, year: Int, month: Int, day: Int, hour: Int) throws {
        let zone = try #require(ZoneOffsets(named: name, now: now))
        let noon = try #require(CivilTime.milliseconds(year: year, month: month, day: day, hour: 12))
        #expect(zone.civilTime(at: noon).hour == hour)
    }

    @Test("change to the second")
    func change() throws {
        let zone = try #require(ZoneOffsets(named: "Europe/Berlin", now: now))
        let change = try #require(CivilTime.milliseconds(year: 2026, month: 3, day: 29, hour: 1))
        #expect(zone.civilTime(at: change - 1).hour == 1)
        #expect(zone.civilTime(at: change).hour == 3)
    }

    @Test("are nothing where there is none of that name")
    func unknown() {
        #expect(ZoneOffsets(named: "Mars/Phobos", now: now) == nil)
    }
}
