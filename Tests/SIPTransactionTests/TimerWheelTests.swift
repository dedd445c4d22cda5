import SIPTransaction
import Testing

@Suite("Timer wheel")
struct TimerWheelTests {
    private let millisecond: UInt64 = 1_000_000

    @Test(
        "a timer fires at its deadline, near or far",
        arguments: [1, 4, 5, 499, 500, 1279, 1280, 1281, 32_000, 327_680, 14_400_000, 100_000_000] as [UInt64])
    func deadlines(milliseconds: UInt64) {
        let start: UInt64 = 123_456_789
        var wheel = TimerWheel<Int>(now: start)
        let due = start + milliseconds * millisecond
        _ = wheel.arm(at: due, 7)
        var now = start
        while let next = wheel.nextDeadline {
            #expect(next > now)
            now = next
            let fired = wheel.advance(to: now)
            if !fired.isEmpty {
                #expect(fired == [7])
                #expect(now >= due)
                #expect(now <= due + 2 * wheel.resolution)
            }
        }
        #expect(wheel.count == 0)
    }

    @Test("a disarmed timer does not fire, and its handle stays harmless")
    func disarm() {
        var wheel = TimerWheel<Int>(now: 0)
        let first = wheel.arm(at: 100 * millisecond, 1)
        let second = wheel.arm(at: 100 * millisecond, 2)
        let early = [wheel.disarm(first), wheel.disarm(first)]
        #expect(early == [true, false])
        let reused = wheel.arm(at: 100 * millisecond, 3)
        let stale = wheel.disarm(first)
        #expect(!stale)
        #expect(Set(wheel.advance(to: 200 * millisecond)) == [2, 3])
        let late = [wheel.disarm(second), wheel.disarm(reused)]
        #expect(late == [false, false])
    }

    @Test("against a sorted list, in random order of arming, disarming and time")
    func againstModel() {
        var generator = SystemRandomNumberGenerator()
        var wheel = TimerWheel<Int>(now: 0)
        var model: [Int: (due: UInt64, handle: TimerWheel<Int>.Handle)] = [:]
        var now: UInt64 = 0
        for id in 0..<4000 {
            let due = now + UInt64.random(in: 0..<(5_000_000 * millisecond >> UInt64.random(in: 0..<20)))
            model[id] = (due, wheel.arm(at: due, id))
            if Bool.random(using: &generator), let victim = model.randomElement() {
                let disarmed = wheel.disarm(victim.value.handle)
                #expect(disarmed)
                model[victim.key] = nil
            }
            now += UInt64.random(in: 0..<20 * millisecond)
            for fired in wheel.advance(to: now) {
                let due = model.removeValue(forKey: fired)?.due
                #expect(due.map { $0 <= now } == true)
            }
            #expect(wheel.count == model.count)
        }
        let late = model.values.filter { $0.due + 2 * wheel.resolution < now }
        #expect(late.isEmpty)
    }
}
