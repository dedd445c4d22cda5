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
