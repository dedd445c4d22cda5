import CoreTypes
import Testing

@testable import Perimeter

@Suite(.serialized) struct AlgebraTests {
    static func intervals(_ generator: inout Generator) -> [ClosedRange<UInt8>] {
        (0..<generator.number(0...5)).map { _ in
            let one = UInt8(generator.chance(10) ? 0 : generator.number(0...255))
            let other = UInt8(generator.chance(10) ? 255 : generator.number(0...255))
            return generator.chance(30) ? one...one : min(one, other)...max(one, other)
        }
    }

    @Test("sets of intervals agree with sets of numbers", arguments: 0..<40)
    func intervalsAgreeWithSets(seed: Int) {
        var generator = Generator(UInt64(seed))
        for _ in 0..<25 {
            let (one, two) = (Self.intervals(&generator), Self.intervals(&generator))
            let (a, b) = (IntervalSet(one), IntervalSet(two))
            let (x, y) = (Set(one.flatMap { Array($0) }), Set(two.flatMap { Array($0) }))
            let all = Set(UInt8.min...UInt8.max)
            func same(_ set: IntervalSet<UInt8>, _ plain: Set<UInt8>) -> Bool {
                set.intervals.flatMap { Array($0) } == plain.sorted()
                    && zip(set.intervals, set.intervals.dropFirst()).allSatisfy {
                        Int($0.upperBound) + 1 < Int($1.lowerBound)
                    }
            }
            #expect(same(a, x) && same(b, y))
            #expect(same(a.union(b), x.union(y)))
            #expect(same(a.intersection(b), x.intersection(y)))
            #expect(same(a.subtracting(b), x.subtracting(y)))
            #expect(same(a.complement, all.subtracting(x)))
            #expect(a.overlaps(b) == !x.isDisjoint(with: y))
            #expect(a.isSuperset(of: b) == x.isSuperset(of: y))
            #expect((a == b) == (x == y))
            #expect(all.allSatisfy { a.contains($0) == x.contains($0) })
        }
    }

    @Test("blocks are aligned, make up the set, and no fewer could", arguments: 0..<20)
    func blocksAreFewest(seed: Int) {
        var generator = Generator(UInt64(1000 + seed))
        for _ in 0..<25 {
            let set = IntervalSet(Self.intervals(&generator))
            let blocks = set.blocks
            #expect(IntervalSet(blocks.map { $0.start...($0.start | UInt8((1 << $0.freeBits) - 1)) }) == set)
            #expect(blocks.allSatisfy { Int($0.start).isMultiple(of: 1 << $0.freeBits) })
            // Maximal aligned blocks are the fewest: count them by going down the tree of all blocks.
            func fewest(_ start: Int, _ bits: Int) -> Int {
                let numbers = (start..<start + (1 << bits)).map { set.contains(UInt8($0)) }
                if numbers.allSatisfy({ $0 }) { return 1 }
                if !numbers.contains(true) { return 0 }
                return fewest(start, bits - 1) + fewest(start + (1 << (bits - 1)), bits - 1)
            }
            #expect(blocks.count == fewest(0, 8))
        }
    }

    struct Wide: Sendable {
        var networks: [String]
        var isWorld: Bool
        var fewest: [String]?

        init(_ networks: [String], _ isWorld: Bool, fewest: [String]? = nil) {
            self.networks = networks
            self.isWorld = isWorld
            self.fewest = fewest
        }
    }

    static let wide: [Wide] = [
        Wide(["0.0.0.0/0"], true),
        Wide(["::/0"], true, fewest: ["::/0"]),
        Wide(["0.0.0.0/1", "128.0.0.0/1"], true, fewest: ["0.0.0.0/0"]),
        Wide(["::/1", "8000::/1"], true, fewest: ["::/0"]),
        Wide(["2000::/3"], true),
        Wide(["2000::/4", "3000::/4"], true, fewest: ["2000::/3"]),
        Wide(["0.0.0.0/2", "64.0.0.0/2", "128.0.0.0/2", "192.0.0.0/3"], true),
        Wide(["0.0.0.0/1"], false),
        Wide(["203.0.113.7/32"], false),
        Wide(["10.0.0.0/8"], false),
        Wide(["2001:db8::/32"], false),
        Wide(["203.0.113.6/32", "203.0.113.7/32"], false, fewest: ["203.0.113.6/31"]),
        Wide([], false),
    ]

    @Test("the world is the world however it is written", arguments: wide)
    func worldHoweverWritten(wide: Wide) throws {
        let set = AddressSet(try wide.networks.map { try IPNetwork(parsing: $0) })
        #expect(set.isWorld == wide.isWorld)
        if let fewest = wide.fewest { #expect(set.networks.map(\.description) == fewest) }
        #expect(AddressSet(set.networks) == set)
    }

    @Test("the world without one address is not the world, without private ones it is")
    func worldWithoutOne() throws {
        let all = AddressSet.everything
        let without = { (text: String) throws in all.subtracting(AddressSet(try IPNetwork(parsing: text))) }
        let v4 = IntervalSet<UInt32>.everything
        #expect(try without("10.0.0.0/8").isWorld)
        let one = AddressSet(v4: try without("8.8.8.8/32").v4, v6: IntervalSet())
        #expect(!one.isWorld)
        #expect(one.networks.count == 32)
        #expect(AddressSet(v4: v4, v6: IntervalSet()).isWorld)
    }

    @Test("what stands beside IPv6's names for IPv4 addresses survives a set, and those names are in no set alone")
    func besideMappedAddresses() throws {
        let all = AddressSet(try network("::/0"))
        for text in [
            "::fffe:0:0/96", "::1:0:0:0/96", "::fffe:0:0/95", "::/80", "::1:0:0:0/128", "::fffe:ffff:ffff/128",
        ] {
            let one = AddressSet(try network(text))
            let rest = all.subtracting(one)
            #expect(AddressSet(one.networks) == one && AddressSet(rest.networks) == rest, "\(text)")
            #expect(rest.union(one) == all && !rest.overlaps(one), "\(text)")
        }
        #expect(AddressSet(try network("::fffe:0:0/95")) == AddressSet(try network("::fffe:0:0/96")))
        #expect(all.networks.map(\.description) == ["::/0"])
    }

    @Test("networks survive a set and come back", arguments: 0..<20)
    func networksComeBack(seed: Int) throws {
        var generator = Generator(UInt64(2000 + seed))
        for _ in 0..<20 {
            let networks = (0..<6).compactMap { _ -> IPNetwork? in
                if generator.chance(50) {
                    return IPNetwork(
                        IPAddress(v4: UInt32.random(in: 0...7, using: &generator) << 29),
                        prefixLength: generator.number(0...32))
                }
                return IPNetwork(
                    IPAddress(
                        v6High: UInt64.random(in: 0...3, using: &generator), low: generator.next() & 0xffff_ffff_ffff),
                    prefixLength: generator.number(0...128))
            }
            let set = AddressSet(networks)
            #expect(AddressSet(set.networks) == set)
            #expect(networks.allSatisfy { AddressSet(AddressSet($0).networks) == AddressSet($0) })
            #expect(networks.allSatisfy { set.isSuperset(of: AddressSet($0)) && set.contains($0.address) })
            let half = AddressSet(networks.prefix(3))
            #expect(set.subtracting(half).union(half) == set)
            #expect(!set.subtracting(half).overlaps(half))
        }
    }
}
