import CoreTypes
import Perimeter
import TestSupport
import Testing

@testable import PerimeterNFTables

extension NFTablesTests {
    @Suite("In the kernel", .needsNamespace, .timeLimit(.minutes(1)))
    struct KernelTests {
        @Test("without a table, without its chain, or switched off, everything is let in, and is seen so")
        func nothingThere() throws {
            try OwnNamespace.run {
                let (perimeter, declared) = (try Examples.perimeter(), try Examples.declaration())
                let steps = [
                    "", "add table inet sallyport", "add chain inet sallyport input",
                    "delete chain inet sallyport input",
                    "add chain inet sallyport input { type filter hook output priority 0; policy drop; }",
                ]
                for step in steps {
                    try perimeter.nft(step)
                    let rules = try perimeter.ingress(declared).map { "\($0.rule)" }
                    #expect(rules.prefix(2) == ["all from 0.0.0.0/0", "all from ::/0"], "after '\(step)'")
                    let findings = Audit.findings(declared, try perimeter.look(declared), today: Examples.today)
                    #expect(findings.contains { $0.id == .adminOpenToWorld && $0.severity == .critical })
                }
                try perimeter.apply(declared)
                #expect(try perimeter.plan(declared) == [])
                try perimeter.nft("add table inet sallyport { flags dormant; }")
                #expect(try perimeter.ingress(declared).count == 2)
                try perimeter.apply(declared)
                #expect(try perimeter.plan(declared) == [])
                #expect(try !perimeter.list().contains("dormant"))
            }
        }

        @Test("what is declared comes into force, is seen as declared, and the second time there is nothing to do")
        func declared() throws {
            try OwnNamespace.run {
                let (perimeter, declared) = (try Examples.perimeter(), try Examples.declaration())
                try perimeter.apply(declared)
                let observed = try perimeter.look(declared)
                #expect(Audit.findings(declared, observed, today: Examples.today) == [])
                #expect(Plan.make(declared, observed, today: Examples.today).isEmpty)
                let role = try #require(declared.rolesInForce.first)
                #expect(observed.groups.flatMap(\.ingress).map(\.rule) == declared.rules(of: role))
                #expect(
                    observed.groups.flatMap(\.ingress).map(\.description).contains("SIP -signalling-"))
                #expect(observed.groups.map(\.name) == ["prod-freeswitch"])
                let digest = observed.digest
                try perimeter.nft("add element inet sallyport banned4 { 192.0.2.66 timeout 1h }")
                #expect(try perimeter.look(declared).digest == digest)
            }
        }

        @Test("whatever rules there can be, the kernel gives back the same", arguments: 0..<40)
        func roundTrip(seed: UInt64) throws {
            var random = Generator(seed: seed)
            let rules = (0..<Int.random(in: 1...30, using: &random)).compactMap { _ in random.rule() }
            let given = Set(rules).sorted().map { ObservedRule(rule: $0, description: "") }
            try OwnNamespace.run {
                let (perimeter, declared) = (try Examples.perimeter(), try Examples.declaration())
                try perimeter.nft(Ruleset(table: "sallyport", given).text(chains: []))
                let found = try perimeter.ingress(declared)
                #expect(found.map(\.rule) == given.map(\.rule))
                #expect(found.allSatisfy { $0.id.isEmpty && $0.description == "" })
                // Once more over itself.
                let kernel = try #require(try perimeter.readTable())
                try perimeter.nft(
                    Ruleset(table: "sallyport", found).text(
                        chains: kernel.chains.map(\.name), counters: kernel.counters))
                #expect(try perimeter.ingress(declared) == found)
            }
        }

        static let others: [(nft: String, seen: [String])] = [
            ("add rule inet sallyport input tcp dport 3306 accept", ["tcp 3306 from 0.0.0.0/0", "tcp 3306 from ::/0"]),
            ("insert rule inet sallyport input ip saddr 192.0.2.1 accept", ["all from 192.0.2.1/32", "!"]),
            (
                "add rule inet sallyport input udp dport { 7, 9-11 } ip saddr 192.0.2.8-192.0.2.11 accept",
                [
                    "udp 7 from 192.0.2.8/30", "udp 9-11 from 192.0.2.8/30",
                ]
            ),
            (
                "add rule inet sallyport input meta l4proto { tcp, udp } th dport 53 ip6 saddr 2001:db8::/32 accept",
                [
                    "tcp 53 from 2001:db8::/32", "udp 53 from 2001:db8::/32",
                ]
            ),
            ("add rule inet sallyport input icmp type echo-request accept", ["icmp 8 from 0.0.0.0/0"]),
            ("add rule inet sallyport input ip protocol gre accept", ["47 from 0.0.0.0/0"]),
            (
                "add set inet sallyport office { type ipv4_addr; elements = { 192.0.2.5, 192.0.2.9 }; }; add rule inet sallyport input ip saddr @office tcp dport 80 accept",
                [
                    "tcp 80 from 192.0.2.5/32", "tcp 80 from 192.0.2.9/32",
                ]
            ),
            // Not all of it is understood: seen too wide, and marked.
            (
                "add rule inet sallyport input iifname eth1 tcp dport 5432 accept",
                [
                    "~tcp 5432 from 0.0.0.0/0", "~tcp 5432 from ::/0",
                ]
            ),
            (
                "add rule inet sallyport input ip saddr != 192.0.2.1 tcp dport 81 accept",
                [
                    "~tcp 81 from 0.0.0.0/0", "~tcp 81 from ::/0",
                ]
            ),
            (
                "add rule inet sallyport input tcp sport 53 accept",
                ["~tcp 0-65535 from 0.0.0.0/0", "~tcp 0-65535 from ::/0"]
            ),
            ("add rule inet sallyport input meta mark 7 accept", ["~all from 0.0.0.0/0", "~all from ::/0"]),
            (
                "add rule inet sallyport input ip saddr 192.0.2.0/24 tcp dport vmap { 7 : accept }",
                ["~all from 192.0.2.0/24"]
            ),
            (
                "add rule inet sallyport input tcp dport 8080 limit rate 1/second accept",
                [
                    "~tcp 8080 from 0.0.0.0/0", "~tcp 8080 from ::/0",
                ]
            ),
            (
                "add chain inet sallyport more; add rule inet sallyport more accept; add rule inet sallyport input udp dport 99 jump more",
                [
                    "~udp 99 from 0.0.0.0/0", "~udp 99 from ::/0", "!",
                ]
            ),
            (
                "add set inet sallyport late { type ipv4_addr; flags dynamic; }; add rule inet sallyport input ip saddr @late accept",
                [
                    "~all from 0.0.0.0/0"
                ]
            ),
            // Shut, or otherwise not as every host has it.
            ("add rule inet sallyport input tcp dport 23 drop", []),
            ("add rule inet sallyport input counter log", []),
            ("add rule inet sallyport input iifname eth1 drop", ["!"]),
            ("add chain inet sallyport early { type filter hook prerouting priority -300; policy accept; }", ["!"]),
        ]

        @Test("rules by another hand are seen as what they let in, or told, and mended", arguments: others)
        func anotherHand(nft: String, seen: [String]) throws {
            try OwnNamespace.run {
                let (perimeter, declared) = (try Examples.perimeter(), try Examples.declaration())
                try perimeter.apply(declared)
                let before = try perimeter.ingress(declared)
                try perimeter.nft(nft.replacing("; add", with: "\nadd"))
                let new = try perimeter.ingress(declared).filter { !before.contains($0) }
                let words = new.map { observed -> String in
                    if case .group = observed.rule.source { return "!" }
                    return (observed.canBeWritten ? "" : "~") + "\(observed.rule)"
                }
                #expect(words == seen, "\(new)")
                let findings = Audit.findings(declared, try perimeter.look(declared), today: Examples.today)
                #expect(findings.isEmpty == seen.isEmpty)
                try perimeter.apply(declared)
                #expect(try perimeter.ingress(declared) == before)
            }
        }

        static let losses: [(handleOf: String, finding: FindingID)] = [
            ("ct state established", .referenceMissing), ("@banned6", .referenceMissing),
            ("\"lo\"", .referenceMissing), ("dport 8021", .ruleMissing), ("dport 16384-32768", .ruleMissing),
        ]

        @Test("a rule that somebody has taken out is missed, and comes back", arguments: losses)
        func missed(handleOf text: String, finding: FindingID) throws {
            try OwnNamespace.run {
                let (perimeter, declared) = (try Examples.perimeter(), try Examples.declaration())
                try perimeter.apply(declared)
                let line = try #require(try perimeter.list().split(separator: "\n").first { $0.contains(text) })
                let handle = try #require(line.split(separator: " ").last)
                try perimeter.nft("delete rule inet sallyport input handle \(handle)")
                let findings = Audit.findings(declared, try perimeter.look(declared), today: Examples.today)
                #expect(findings.contains { $0.id == finding }, "\(findings)")
                try perimeter.apply(declared)
                #expect(try perimeter.plan(declared) == [])
                #expect(try perimeter.list().contains(text))
            }
        }

        @Test("a rule that drops before a declared one takes from what that lets in")
        func shadowed() throws {
            try OwnNamespace.run {
                let (perimeter, declared) = (try Examples.perimeter(), try Examples.declaration())
                try perimeter.apply(declared)
                let line = try #require(try perimeter.list().split(separator: "\n").first { $0.contains("dport 22") })
                let handle = try #require(line.split(separator: " ").last)
                try perimeter.nft(
                    "insert rule inet sallyport input handle \(handle) tcp dport 5060 ip saddr 192.0.2.0/24 drop")
                let observed = try perimeter.look(declared)
                let reach = Reach(observed.groups.flatMap(\.ingress).map(\.rule))
                #expect(reach.overlaps(Reach(try Examples.rule("tcp 5060 from 198.51.100.1/32"))))
                #expect(!reach.overlaps(Reach(try Examples.rule("tcp 5060 from 192.0.2.1/32"))))
                #expect(
                    Audit.findings(declared, observed, today: Examples.today).contains { $0.id == .ruleMissing })
                try perimeter.apply(declared)
                #expect(try perimeter.plan(declared) == [])
            }
        }

        @Test("the banned stay banned over a change and over its undoing, for the time that was left")
        func bans() throws {
            try OwnNamespace.run {
                let (perimeter, declared) = (try Examples.perimeter(), try Examples.declaration())
                try perimeter.apply(declared)
                try perimeter.nft(
                    "add element inet sallyport banned4 { 192.0.2.66 timeout 1h expires 30m, 198.51.100.0/24 }\n"
                        + "add element inet sallyport banned6 { 2001:db8::66 timeout 2h expires 10m }")
                let snapshot = try perimeter.snapshot()
                try perimeter.nft("delete element inet sallyport banned4 { 198.51.100.0/24 }")
                let other = try Examples.declaration(Examples.text.replacing("port: 5060", with: "port: 5070"))
                try perimeter.apply(other)
                #expect(try perimeter.plan(other) == [])
                for isUndone in [false, true] {
                    if isUndone { try perimeter.restore(snapshot) }
                    let left = try perimeter.secondsLeft("banned4")
                    #expect(left.keys.sorted() == ["192.0.2.66"])
                    #expect((1700...1800).contains(left["192.0.2.66"] ?? 0), "\(left)")
                    #expect((500...600).contains(try perimeter.secondsLeft("banned6")["2001:db8::66"] ?? 0))
                }
                #expect(try perimeter.plan(declared) == [])
            }
        }

        @Test("a rule that stays goes on counting")
        func counters() throws {
            try OwnNamespace.run {
                let (perimeter, declared) = (try Examples.perimeter(), try Examples.declaration())
                try perimeter.apply(declared)
                let kernel = try #require(try perimeter.readTable())
                var counters = kernel.counters
                for key in counters.keys { counters[key] = Ruleset.Counter(packets: 12, bytes: 3456) }
                try perimeter.nft(
                    Ruleset(table: "sallyport", try perimeter.ingress(declared)).text(
                        chains: ["input"], counters: counters))
                let other = try Examples.declaration(Examples.text.replacing("port: 5060", with: "port: 5070"))
                try perimeter.apply(other)
                let now = try #require(try perimeter.readTable()).counters
                #expect(now.values.count { $0.packets == 12 && $0.bytes == 3456 } == now.count - 2)
                #expect(now.values.count { $0 == .zero } == 2)
            }
        }

        @Test("a refused text changes nothing, and says why")
        func refused() throws {
            try OwnNamespace.run {
                let (perimeter, declared) = (try Examples.perimeter(), try Examples.declaration())
                try perimeter.nft("add table inet sallyport\nadd set inet sallyport banned4 { type inet_service; }")
                let before = try perimeter.list()
                let error = #expect(throws: NFTablesError.self) { try perimeter.apply(declared) }
                #expect(error?.kind == .refused)
                #expect(error?.description.contains("nftables does not take it") == true, "\(error?.description ?? "")")
                #expect(try perimeter.list() == before)
            }
        }

        @Test("going back to where there was no table lets everything in again, and keeps the banned")
        func backToNothing() throws {
            try OwnNamespace.run {
                let (perimeter, declared) = (try Examples.perimeter(), try Examples.declaration())
                let before = try perimeter.ingress(declared)
                let snapshot = try perimeter.snapshot()
                try perimeter.apply(declared)
                try perimeter.nft("add element inet sallyport banned4 { 192.0.2.66 timeout 1h }")
                try perimeter.restore(snapshot)
                #expect(try perimeter.ingress(declared) == before)
                #expect(try perimeter.list().contains("192.0.2.66"))
            }
        }
    }
}
