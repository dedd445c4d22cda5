import CoreTypes
import Foundation
import Testing

@testable import Perimeter

/// Reads `tcp 22 from 203.0.113.7/32`, `all from group:api`, `icmp 8/0 from 0.0.0.0/0`.
func rule(_ text: String) throws -> Rule {
    let words = text.split(separator: " ").map(String.init)
    let transport = try #require(TransportProtocol(words[0]), "\(text)")
    let source = try #require(Source(words[words.count - 1]), "\(text)")
    guard words.count == 4 else { return Rule(protocol: transport, source: source) }
    if transport.hasMessages {
        let parts = words[1].split(separator: "/").compactMap { Int($0) }
        let ports = try #require(PortRange(icmpType: parts[0], code: parts.count > 1 ? parts[1] : -1), "\(text)")
        return Rule(protocol: transport, ports: ports, source: source)
    }
    return Rule(protocol: transport, ports: try #require(PortRange(words[1]), "\(text)"), source: source)
}

@Suite struct ReachTests {
    struct Pair: Sendable {
        var one: [String]
        var other: [String]
        var normal: [String]

        init(_ one: [String], _ other: [String], normal: [String]) {
            self.one = one
            self.other = other
            self.normal = normal
        }
    }

    static let same: [Pair] = [
        Pair(
            ["tcp 5060-5061 from 10.0.0.0/8", "tcp 5061-5070 from 10.0.0.0/8"], ["tcp 5060-5070 from 10.0.0.0/8"],
            normal: ["tcp 5060-5070 from 10.0.0.0/8"]),
        Pair(
            ["tcp 22 from 0.0.0.0/1", "tcp 22 from 128.0.0.0/1"], ["tcp 22 from 0.0.0.0/0"],
            normal: ["tcp 22 from 0.0.0.0/0"]),
        Pair(
            ["tcp 1-10 from 10.0.0.0/9", "tcp 5-20 from 10.128.0.0/9", "tcp 5-10 from 10.0.0.0/8"],
            ["tcp 1-10 from 10.0.0.0/9", "tcp 5-20 from 10.128.0.0/9"],
            normal: ["tcp 1-4 from 10.0.0.0/9", "tcp 5-10 from 10.0.0.0/8", "tcp 11-20 from 10.128.0.0/9"]),
        Pair(
            ["all from group:api", "tcp 22 from group:api"], ["-1 from group:api"], normal: ["all from group:api"]),
        Pair(
            ["all from 10.0.0.0/8", "tcp 22 from 0.0.0.0/0", "udp 0-65535 from 10.1.0.0/16"],
            ["tcp 22 from 0.0.0.0/0", "all from 10.0.0.0/8"],
            normal: [
                "tcp 22 from 0.0.0.0/5", "tcp 22 from 8.0.0.0/7", "tcp 22 from 11.0.0.0/8", "tcp 22 from 12.0.0.0/6",
                "tcp 22 from 16.0.0.0/4", "tcp 22 from 32.0.0.0/3", "tcp 22 from 64.0.0.0/2", "tcp 22 from 128.0.0.0/1",
                "all from 10.0.0.0/8",
            ]),
        Pair(
            ["icmp 3 from 0.0.0.0/0", "icmp 4 from 0.0.0.0/0", "icmp 8/0 from 0.0.0.0/0"],
            ["icmp 8/0 from 0.0.0.0/0", "icmp 4 from 0.0.0.0/0", "icmp 3 from 0.0.0.0/0", "icmp 3/1 from 0.0.0.0/0"],
            normal: ["icmp 3 from 0.0.0.0/0", "icmp 4 from 0.0.0.0/0", "icmp 8/0 from 0.0.0.0/0"]),
        Pair(["6 443 from ::/0"], ["tcp 443 from ::/0"], normal: ["tcp 443 from ::/0"]),
        Pair(
            ["tcp 80 from prefix-list:pl-1", "tcp 80 from prefix-list:pl-1"], ["tcp 80 from prefix-list:pl-1"],
            normal: ["tcp 80 from prefix-list:pl-1"]),
    ]

    @Test("two descriptions of one thing are one", arguments: same)
    func twoDescriptionsAreOne(pair: Pair) throws {
        let (one, other) = (Reach(try pair.one.map(rule)), Reach(try pair.other.map(rule)))
        #expect(one == other)
        #expect(one.rules.map(\.description) == pair.normal)
        #expect(Reach(one.rules) == one)
    }

    @Test("what differs is not the same")
    func whatDiffers() throws {
        let rules = [
            "tcp 22 from 10.0.0.0/8", "udp 22 from 10.0.0.0/8", "tcp 22 from ::/0", "tcp 22 from group:api",
            "tcp 22 from prefix-list:api", "all from 10.0.0.0/8", "tcp 0-65535 from 10.0.0.0/8", "icmp 0 from ::/0",
        ]
        let reaches = Set(try rules.map { Reach(try rule($0)) })
        #expect(reaches.count == rules.count)
    }

    static let transports: [TransportProtocol] = [.tcp, .udp, .icmp, .other(47), .all]

    /// Rules over 8 ports, 8 addresses and a group.
    static func rules(_ generator: inout Generator) -> [Rule] {
        (0..<generator.number(0...6)).compactMap { _ in
            let from = generator.number(0...7)
            let network = IPNetwork(
                IPAddress(v4: 0x0a00_0000 + UInt32(generator.number(0...7))), prefixLength: generator.number(29...32))
            let source = generator.chance(20) ? Source.group("g") : network.map { Source.network($0) }
            guard let source, let ports = PortRange(from: from, to: generator.number(from...7)) else { return nil }
            return Rule(protocol: generator.pick(transports), ports: ports, source: source)
        }
    }

    /// Whether a rule lets a packet in, by its definition.
    static func admits(_ rules: [Rule], _ transport: TransportProtocol, _ port: UInt16, _ address: IPAddress?) -> Bool {
        rules.contains { rule in
            let from =
                switch rule.source {
                case .network(let network): address.map { network.contains($0) } ?? false
                case .group, .prefixList: address == nil
                }
            return (rule.protocol == .all || rule.protocol == transport) && rule.ports.closedRange.contains(port)
                && from
        }
    }

    @Test("reach agrees with trying every packet", arguments: 0..<60)
    func agreesWithEveryPacket(seed: Int) {
        var generator = Generator(UInt64(3000 + seed))
        let (one, two) = (Self.rules(&generator), Self.rules(&generator))
        let (a, b) = (Reach(one), Reach(two))
        let (union, both, less) = (a.union(b), a.intersection(b), a.subtracting(b))
        let (normal, lessNormal) = (union.rules, less.rules)
        var equal = true
        var covers = true
        for transport in [TransportProtocol.tcp, .udp, .icmp, .other(47), .other(200)] {
            for port in UInt16(0)...8 {
                for last in -1..<8 {
                    let address = last < 0 ? nil : IPAddress(v4: 0x0a00_0000 + UInt32(last))
                    let (x, y) = (
                        Self.admits(one, transport, port, address), Self.admits(two, transport, port, address)
                    )
                    func reaches(_ reach: Reach) -> Bool {
                        let sources = reach.sources(transport, port: port)
                        return address.map(sources.addresses.contains) ?? !sources.groups.isEmpty
                    }
                    #expect(reaches(union) == (x || y))
                    #expect(reaches(both) == (x && y))
                    #expect(reaches(less) == (x && !y))
                    #expect(Self.admits(normal, transport, port, address) == (x || y))
                    #expect(Self.admits(lessNormal, transport, port, address) == (x && !y))
                    equal = equal && x == y
                    covers = covers && (x || !y)
                }
            }
        }
        #expect((a == b) == equal)
        for rule in one {
            for other in two { #expect(rule.contains(other) == Reach(rule).isSuperset(of: Reach(other))) }
        }
        #expect(a.isSuperset(of: b) == covers)
        #expect(a.overlaps(b) == !both.isEmpty)
        #expect(Reach(normal) == union && Reach(normal).rules == normal)
    }

    @Test(
        "a rule survives JSON",
        arguments: [
            (
                "tcp 22 from 203.0.113.7/32",
                #"{"from_port":22,"protocol":"tcp","source":"203.0.113.7/32","to_port":22}"#
            ),
            ("udp 16384-32768 from ::/0", #"{"from_port":16384,"protocol":"udp","source":"::/0","to_port":32768}"#),
            ("all from group:api", #"{"from_port":0,"protocol":"all","source":"group:api","to_port":65535}"#),
            ("icmp 8/0 from 0.0.0.0/0", #"{"from_port":8,"protocol":"icmp","source":"0.0.0.0/0","to_port":0}"#),
            ("icmpv6 from ::/0", #"{"from_port":-1,"protocol":"icmpv6","source":"::/0","to_port":-1}"#),
            (
                "47 from prefix-list:pl-1",
                #"{"from_port":0,"protocol":"47","source":"prefix-list:pl-1","to_port":65535}"#
            ),
        ])
    func survivesJSON(text: String, json: String) throws {
        let written = try rule(text)
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        #expect(String(decoding: try encoder.encode(written), as: UTF8.self) == json)
        #expect(try JSONDecoder().decode(Rule.self, from: Data(json.utf8)) == written)
        #expect(written.description == text)
    }

    @Test(
        "a rule that can't be is refused",
        arguments: [
            #"{"protocol":"tcp","from_port":-1,"to_port":22,"source":"0.0.0.0/0"}"#,
            #"{"protocol":"tcp","from_port":23,"to_port":22,"source":"0.0.0.0/0"}"#,
            #"{"protocol":"tcp","from_port":1,"to_port":65536,"source":"0.0.0.0/0"}"#,
            #"{"protocol":"sctp","from_port":1,"to_port":1,"source":"0.0.0.0/0"}"#,
            #"{"protocol":"tcp","from_port":1,"to_port":1,"source":"10.0.0.1/8"}"#,
            #"{"protocol":"tcp","from_port":1,"to_port":1,"source":"group:"}"#,
            #"{"protocol":"icmp","from_port":256,"to_port":-1,"source":"::/0"}"#,
        ])
    func impossibleRefused(json: String) {
        #expect(throws: DecodingError.self) { try JSONDecoder().decode(Rule.self, from: Data(json.utf8)) }
    }
}
