import Testing

@testable import Transport

@Suite("How often a socket is looked at")
struct ReadingPaceTests {
    private static let millisecond: UInt64 = 1_000_000

    /// Looks as often as it asks to, for a tenth of a second, and finds what has come since the last look.
    private func run(_ pace: inout ReadingPace, from start: UInt64, perSecond rate: Double, used: Double) -> UInt64 {
        var now = start
        while now < start + 100 * Self.millisecond {
            let passed = UInt64(pace.interval)
            now += passed
            let found = Int(Double(passed) / 1e9 * rate)
            pace.count(found, used: Int(Double(found) * used))
            _ = pace.isHigh(at: now)
        }
        return now
    }

    @Test("few datagrams are waited for, many looked for")
    func high() {
        var pace = ReadingPace()
        pace.count(39, used: 39)
        let few = pace.isHigh(at: 20 * Self.millisecond)
        pace.count(40, used: 40)
        let many = pace.isHigh(at: 40 * Self.millisecond)
        // After a pause only its last 20 ms count.
        pace.count(40, used: 40)
        let afterPause = pace.isHigh(at: 80 * Self.millisecond)
        #expect(!few && many && !afterPause)
    }

    @Test(
        "the more come, the sooner comes the next look",
        arguments: [
            (9_000.0, Int64(2_000_000)), (40_000, 1_000_000), (100_000, 400_000), (10_000_000, 100_000),
        ])
    func interval(_ rate: Double, _ expected: Int64) {
        var pace = ReadingPace()
        _ = run(&pace, from: 20 * Self.millisecond, perSecond: rate, used: 1)
        #expect(abs(pace.interval - expected) < expected / 10)
    }

    @Test("in a flood the looks after one that found something of a call come soon")
    func hurry() {
        var pace = ReadingPace()
        let now = run(&pace, from: 20 * Self.millisecond, perSecond: 100_000, used: 0)
        #expect(pace.interval > 350_000)
        pace.count(40, used: 1)
        for _ in 0..<19 {
            #expect(pace.interval == 100_000)
            pace.count(10, used: 0)
        }
        pace.count(10, used: 0)
        #expect(pace.interval > 350_000)
        // Calls alone are no flood.
        _ = run(&pace, from: now, perSecond: 100_000, used: 1)
        pace.count(40, used: 40)
        #expect(pace.interval > 350_000)
    }
}
