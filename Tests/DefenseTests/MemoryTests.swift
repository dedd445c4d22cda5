import CoreTypes
import Foundation
import Glibc
import Testing

@testable import Defense

// glibc's; the module of its headers leaves malloc.h out.
@_silgen_name("malloc_trim") private func giveBack(_ pad: Int) -> Int32

/// What a million strangers leave behind in the tables that they can make grow, in bytes.
///
/// Other tests may run in the same process, so what was too much is measured again, and the least counts.
@Suite("Memory under a million strangers", .serialized)
struct MemoryTests {
    /// Bytes of this process in RAM, with what the allocator keeps for later given back.
    private static var resident: Int {
        _ = giveBack(0)
        let pages = try? String(contentsOfFile: "/proc/self/statm", encoding: .utf8).split(separator: " ")[1]
        return (pages.flatMap { Int($0) } ?? 0) * Int(sysconf(Int32(_SC_PAGESIZE)))
    }

    private func growth<Table>(most: Int, _ fill: () -> Table) -> Int {
        var least = Int.max
        for _ in 0..<3 where least >= most {
            let before = Self.resident
            let table = fill()
            least = min(least, withExtendedLifetime(table) { Self.resident - before })
        }
        return least
    }

    @Test("a million IPv4 sources, one request each: at most 32 MiB")
    func sources() {
        let bytes = growth(most: 32 << 20) {
            var rate = SourceRate(.init())
            for index in 0..<1_000_000 {
                _ = rate.arrived(from: IPAddress(v4: UInt32(index)), fingerprint: UInt64(index), now: start)
            }
            #expect(rate.rememberedSources == 65_536)
            return rate
        }
        #expect(bytes < 32 << 20, "\(bytes >> 20) MiB")
    }

    @Test("a million IPv6 /64s, one request each: at most 32 MiB")
    func networks() {
        let bytes = growth(most: 32 << 20) {
            var rate = SourceRate(.init())
            for index in 0..<1_000_000 {
                let address = IPAddress(v6High: 0x2001_0db8_0000_0000 + UInt64(index), low: UInt64(index))
                _ = rate.arrived(from: address, fingerprint: UInt64(index), now: start)
            }
            #expect(rate.rememberedSources == 65_536)
            return rate
        }
        #expect(bytes < 32 << 20, "\(bytes >> 20) MiB")
    }

    @Test("as many arrivals as are remembered, from sources that may bring three hundred each: at most 96 MiB")
    func trunks() {
        let bytes = growth(most: 96 << 20) {
            var rate = SourceRate(.init(requests: 300))
            // Three hundred take the room of half as many again.
            for source in 0..<12_000 {
                for index in 0..<300 {
                    _ = rate.arrived(
                        from: IPAddress(v4: UInt32(source)), fingerprint: UInt64(index), now: start)
                }
            }
            #expect((4_000_000...4_194_304).contains(rate.rememberedArrivals))
            return rate
        }
        #expect(bytes < 96 << 20, "\(bytes >> 20) MiB")
    }

    @Test("a million signatures: at most 24 MiB, and those that had to go count as seen")
    func signatures() {
        let bytes = growth(most: 24 << 20) {
            var replays = SignatureReplays(capacity: 65_536)
            let window: Int64 = 300_000
            func isNew(_ index: Int, now: Int64) -> Bool {
                // As if a thousand came in each millisecond: all are within their window.
                let date = start.wall + Int64(index / 1000)
                let signature = withUnsafeBytes(of: UInt64(index)) { Array($0) } + [UInt8](repeating: 0, count: 56)
                return replays.isNew(signature, date: date, window: window, now: Moment(monotonic: 0, wall: now))
            }
            var accepted = 0
            for index in 0..<1_000_000 where isNew(index, now: start.wall + Int64(index / 1000)) { accepted += 1 }
            #expect(accepted == 1_000_000)
            for index in [0, 1, 500_000, 999_999] {
                let again = isNew(index, now: start.wall + 1000)
                #expect(!again)
            }
            return replays
        }
        #expect(bytes < 24 << 20, "\(bytes >> 20) MiB")
    }
}
