import CoreTypes
import Perimeter
import Testing

@testable import PerimeterNFTables

extension NFTablesTests {
    @Suite("Ranges of addresses") struct RangeTests {
        static let ranges: [(first: String, last: String, networks: [String])] = [
            ("192.0.2.1", "192.0.2.1", ["192.0.2.1/32"]),
            ("192.0.2.8", "192.0.2.10", ["192.0.2.8/31", "192.0.2.10/32"]),
            ("0.0.0.0", "255.255.255.255", ["0.0.0.0/0"]),
            ("0.0.0.1", "0.0.0.4", ["0.0.0.1/32", "0.0.0.2/31", "0.0.0.4/32"]),
            ("255.255.255.254", "255.255.255.255", ["255.255.255.254/31"]),
            ("::", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", ["::/0"]),
            ("2001:db8::", "2001:db8::2", ["2001:db8::/127", "2001:db8::2/128"]),
            (
                "ffff:ffff:ffff:ffff:ffff:ffff:ffff:fffe", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
                [
                    "ffff:ffff:ffff:ffff:ffff:ffff:ffff:fffe/127"
                ]
            ),
        ]

        @Test("are the fewest networks", arguments: ranges)
        func networks(first: String, last: String, networks: [String]) throws {
            let found = IPNetwork.from(try #require(IPAddress(first)), to: try #require(IPAddress(last)))
            #expect(found?.map(\.description) == networks)
        }

        @Test(
            "that are none are none", arguments: [("192.0.2.2", "192.0.2.1"), ("192.0.2.1", "2001:db8::")])
        func none(first: String, last: String) throws {
            #expect(IPNetwork.from(try #require(IPAddress(first)), to: try #require(IPAddress(last))) == nil)
        }

        @Test("have each of their addresses once, and no other's", arguments: 0..<20)
        func whole(seed: UInt64) throws {
            var random = Generator(seed: seed)
            for base in [UInt128(0xc000_0200), UInt128(0x2001_0db8) << 96] {
                let isIPv4 = base >> 32 == 0
                func address(_ offset: UInt64) -> IPAddress {
                    let number = base + UInt128(offset)
                    return isIPv4
                        ? IPAddress(v4: UInt32(number))
                        : IPAddress(v6High: UInt64(number >> 64), low: UInt64(truncatingIfNeeded: number))
                }
                let from = UInt64.random(in: 0...60, using: &random)
                let to = UInt64.random(in: from...63, using: &random)
                let found = try #require(IPNetwork.from(address(from), to: address(to)))
                for offset in UInt64(0)...63 {
                    #expect(found.count { $0.contains(address(offset)) } == ((from...to).contains(offset) ? 1 : 0))
                }
            }
        }
    }
}
