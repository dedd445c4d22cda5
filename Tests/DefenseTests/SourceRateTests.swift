import CoreTypes
import Defense
import Testing

@Suite("Layer 1: source rate")
struct SourceRateTests {
    private let address = IPAddress(v4: 0xcb00_7107)

    private func at(_ milliseconds: Int) -> Moment { start.advanced(by: .milliseconds(milliseconds)) }

    @Test("thirty requests pass, the thirty-first is refused with an answer, the rest in silence")
    func limit() {
        var rate = SourceRate(.init())
        for index in 0..<30 {
            #expect(rate.arrived(from: address, fingerprint: UInt64(index + 1), now: at(index * 10)) == .within)
        }
        #expect(rate.arrived(from: address, fingerprint: 99, now: at(301)) == .exceeded(retryAfterSeconds: 10))
        #expect(rate.arrived(from: address, fingerprint: 100, now: at(302)) == .exceededAgain)
        #expect(rate.arrived(from: address, fingerprint: 0, now: at(303)) == .exceededAgain)
    }

    @Test("another source is not affected; an IPv6 /64 counts as one")
    func separation() throws {
        var rate = SourceRate(.init(requests: 2))
        for host in 1...2 {
            let inNetwork = try #require(IPAddress("2001:db8:1:2::\(host)"))
            #expect(rate.arrived(from: inNetwork, fingerprint: 0, now: start) == .within)
        }
        let third = try #require(IPAddress("2001:db8:1:2::3"))
        #expect(rate.arrived(from: third, fingerprint: 0, now: start) != .within)
        let neighbor = try #require(IPAddress("2001:db8:1:3::1"))
        #expect(rate.arrived(from: neighbor, fingerprint: 0, now: start) == .within)
    }

    @Test("a flood stays out while it lasts, and may come back when it has paused")
    func flood() {
        var rate = SourceRate(.init(requests: 5, per: .seconds(1)))
        for index in 0..<1000 {
            let outcome = rate.arrived(from: address, fingerprint: 0, now: at(index * 10))
            #expect((outcome == .within) == (index < 5))
        }
        #expect(rate.arrived(from: address, fingerprint: 0, now: at(20_000)) == .within)
    }

    @Test("who has been told so is counted without a look into the packet, nobody else, and not before")
    func shutOut() {
        var rate = SourceRate(.init(requests: 2, per: .seconds(1)))
        let other = IPAddress(v4: 0xcb00_7108)
        func counted(_ source: IPAddress, _ now: Int) -> Bool { rate.counted(shutOut: source, now: at(now)) }
        for _ in 0..<2 { #expect(rate.arrived(from: address, fingerprint: 0, now: at(0)) == .within) }
        let early = counted(address, 1)
        #expect(!early && !rate.mayHaveShutOut(at(1)))
        #expect(rate.arrived(from: address, fingerprint: 0, now: at(2)) == .exceeded(retryAfterSeconds: 1))
        #expect(!rate.hasRoom(for: address, now: at(3)) && rate.hasRoom(for: other, now: at(3)))
        let (one, another) = (counted(address, 3), counted(other, 3))
        #expect(one && !another && rate.mayHaveShutOut(at(3)))
        for moment in [500, 501] {
            let still = counted(address, moment)
            #expect(still)
        }
        // Behind the window the next one is told again.
        let late = counted(address, 1002)
        #expect(!late && !rate.mayHaveShutOut(at(1002)))
        #expect(rate.arrived(from: address, fingerprint: 0, now: at(1002)) != .within)
        #expect(rate.mayHaveShutOut(at(1003)))
    }

    @Test("a flood is answered once a window")
    func answeredOnce() {
        var rate = SourceRate(.init(requests: 5, per: .seconds(1)))
        var answers = 0
        for index in 0..<1000 {
            if case .exceeded = rate.arrived(from: address, fingerprint: 0, now: at(index * 10)) { answers += 1 }
        }
        #expect(answers == 10)
    }

    @Test("retransmissions neither count nor are refused, up to as many as RFC 3261 sends")
    func retransmissions() {
        var rate = SourceRate(.init(requests: 2))
        for _ in 0..<11 {
            #expect(rate.arrived(from: address, fingerprint: 7, now: start) == .within)
        }
        #expect(rate.arrived(from: address, fingerprint: 8, now: start) == .within)
        #expect(rate.arrived(from: address, fingerprint: 7, now: start) != .within)
    }

    @Test("a retransmission of what was refused stays refused")
    func refusedRetransmission() {
        var rate = SourceRate(.init(requests: 1))
        _ = rate.arrived(from: address, fingerprint: 1, now: start)
        _ = rate.arrived(from: address, fingerprint: 2, now: start)
        #expect(rate.arrived(from: address, fingerprint: 2, now: start) == .exceededAgain)
    }

    @Test("exact against a plain list of times, in random steps, from several sources")
    func againstModel() {
        var rate = SourceRate(.init(requests: 4, per: .seconds(5)))
        var model: [IPAddress: [UInt64]] = [:]
        var now = start
        for _ in 0..<20_000 {
            now = now.advanced(by: .milliseconds(Int.random(in: 0..<700)))
            let source = IPAddress(v4: UInt32.random(in: 0..<3))
            // All that came counts, also what was refused.
            var times = model[source] ?? []
            times.removeAll { now.monotonic - $0 >= 5_000_000_000 }
            let isWithin = times.count < 4
            times.append(now.monotonic)
            model[source] = times
            let outcome = rate.arrived(from: source, fingerprint: 0, now: now)
            #expect((outcome == .within) == isWithin)
        }
    }

    @Test("what all sources together bring is bounded, however much each may bring")
    func boundedArrivals() {
        var rate = SourceRate(.init(requests: 300), capacity: 10_000, mostArrivals: 20_000)
        for round in 0..<300 {
            for source in 0..<200 {
                _ = rate.arrived(from: IPAddress(v4: UInt32(source)), fingerprint: 0, now: at(round))
            }
            #expect(rate.rememberedArrivals <= 20_000)
        }
        rate.forgetSilent(at(1_000_000), most: .max)
        #expect(rate.rememberedSources == 0 && rate.rememberedArrivals == 0)
    }

    @Test("one source is remembered in any case")
    func oneSource() {
        var rate = SourceRate(.init(requests: 100), mostArrivals: 10)
        for index in 0..<100 {
            #expect(rate.arrived(from: address, fingerprint: 0, now: at(index)) == .within)
        }
        #expect(rate.arrived(from: address, fingerprint: 0, now: at(100)) != .within)
    }

    @Test("a million sources leave a bounded table, and silence empties it")
    func bounded() {
        var rate = SourceRate(.init(), capacity: 1000)
        for index in 0..<1_000_000 {
            _ = rate.arrived(from: IPAddress(v4: UInt32(index)), fingerprint: 0, now: start)
        }
        #expect(rate.rememberedSources == 1000)
        for index in 0..<600 {
            _ = rate.arrived(from: IPAddress(v4: 1), fingerprint: 0, now: at(121_000 + index * 1000))
        }
        #expect(rate.rememberedSources == 1)
    }
}
