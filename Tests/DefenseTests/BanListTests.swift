import CoreTypes
import Defense
import Testing

@Suite("Bans")
struct BanListTests {
    private func list(_ bans: (String, Int64?)...) throws -> BanList {
        BanList(try bans.map { (try #require(IPAddress($0.0)), $0.1) })
    }

    @Test("an address is banned until its ban ends, and no other is")
    func ends() throws {
        let list = try list(("192.0.2.1", 1000), ("192.0.2.2", nil))
        for (address, now, expected) in [
            ("192.0.2.1", 999, true), ("192.0.2.1", 1000, false), ("192.0.2.2", .max, true), ("192.0.2.3", 0, false),
            ("::ffff:192.0.2.1", 0, true),
        ] as [(String, Int64, Bool)] {
            #expect(list.holds(try #require(IPAddress(address)), at: now) == expected, "\(address) at \(now)")
        }
        #expect(list.count(at: 999) == 2 && list.count(at: 1000) == 1)
        #expect(BanList().isEmpty && !list.isEmpty)
    }

    @Test("of IPv6 the whole /64 is banned; of two bans in it the longer one counts", arguments: [true, false])
    func networks(isReversed: Bool) throws {
        for (one, other, end) in [(1000, 2000, 2000), (1000, nil, nil), (nil, nil, nil)] as [(Int64?, Int64?, Int64?)] {
            let (first, second) = isReversed ? (other, one) : (one, other)
            let list = try list(("2001:db8::1", first), ("2001:db8::2", second))
            let neighbor = try #require(IPAddress("2001:db8::ffff:1"))
            #expect(list.count(at: 0) == 1)
            #expect(list.holds(neighbor, at: 1999))
            #expect(list.holds(neighbor, at: 2000) == (end == nil))
            #expect(!list.holds(try #require(IPAddress("2001:db8:0:1::1")), at: 0))
        }
    }
}
