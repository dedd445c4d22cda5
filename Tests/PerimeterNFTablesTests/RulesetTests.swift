import CoreTypes
import Perimeter
import Testing

@testable import PerimeterNFTables

extension NFTablesTests {
    @Suite("The text for nft") struct RulesetTests {
        @Test("a role's rules are a rule each, sources together, with what they are for")
        func wholeText() throws {
            let declared = try Examples.declaration()
            let role = try #require(declared.rolesInForce.first)
            let rules = declared.rules(of: role).map {
                ObservedRule(rule: $0, description: declared.why($0, of: role))
            }
            let lines = Ruleset(table: "sallyport", rules).text(chains: ["input", "other"]).split(separator: "\n")
            #expect(
                lines.prefix(7).map(String.init) == [
                    "add table inet sallyport",
                    "add set inet sallyport banned4 { type ipv4_addr; flags interval, timeout; auto-merge; }",
                    "add set inet sallyport banned6 { type ipv6_addr; flags interval, timeout; auto-merge; }",
                    "flush table inet sallyport", "delete chain inet sallyport input",
                    "delete chain inet sallyport other",
                    "add chain inet sallyport input { type filter hook input priority 0; policy drop; }",
                ])
            let rest = lines.dropFirst(7).map { line in
                String(line).replacing("add rule inet sallyport input ", with: "")
                    .replacing("counter packets 0 bytes 0 ", with: "")
            }
            #expect(
                rest == [
                    #"iifname "lo" accept comment "the host itself""#,
                    #"ip saddr @banned4 drop comment "banned""#, #"ip6 saddr @banned6 drop comment "banned""#,
                    #"ct state established,related accept comment "what was let in goes on""#,
                    #"ct state invalid drop comment "belongs to nothing""#,
                    #"icmp type { 3, 11, 12 } accept comment "errors of ICMP""#,
                    #"icmp type 8 limit rate 20/second burst 40 packets accept comment "ping""#,
                    #"icmpv6 type { 1, 2, 3, 4 } accept comment "errors of ICMPv6""#,
                    #"icmpv6 type { 133, 134, 135, 136, 137 } ip6 hoplimit 255 accept comment "neighbor discovery""#,
                    #"ip6 saddr fe80::/10 icmpv6 type { 130, 131, 132, 143 } accept comment "multicast listeners""#,
                    #"icmpv6 type 128 limit rate 20/second burst 40 packets accept comment "ping""#,
                    #"ip saddr 203.0.113.7/32 tcp dport 22 accept comment "SSH""#,
                    #"ip6 saddr 2001:db8::7/128 tcp dport 22 accept comment "SSH""#,
                    #"tcp dport 5060 accept comment "SIP -signalling-""#,
                    #"ip saddr 10.0.1.10/32 tcp dport 8021 accept comment "ESL""#,
                    #"ip saddr 10.0.1.11/32 tcp dport 8021 accept comment "ESL""#,
                    #"udp dport 5060 accept comment "SIP -signalling-""#,
                    #"udp dport 16384-32768 accept comment "RTP media""#,
                    #"ip saddr 198.51.100.0/24 meta l4proto 1 accept"#,
                ])
        }

        static let phrases: [(rules: [String], text: [String])] = [
            (["all from 0.0.0.0/0", "all from ::/0"], [""]),
            (["all from 0.0.0.0/0"], ["meta nfproto ipv4"]),
            (["tcp from ::/0"], ["meta nfproto ipv6 meta l4proto 6"]),
            (["47 from 192.0.2.0/24"], ["ip saddr 192.0.2.0/24 meta l4proto 47"]),
            (
                ["icmp 8 from 0.0.0.0/0", "icmp 8 from ::/0"],
                ["icmp type 8", "meta nfproto ipv6 meta l4proto 1 @th,0,8 8"]
            ),
            (["icmpv6 1/4 from 2001:db8::/32"], ["ip6 saddr 2001:db8::/32 icmpv6 type 1 icmpv6 code 4"]),
            (
                ["tcp 22 from 192.0.2.1/32", "tcp 22 from 198.51.100.1/32", "tcp 22 from 2001:db8::1/128"],
                ["ip saddr { 192.0.2.1/32, 198.51.100.1/32 } tcp dport 22", "ip6 saddr 2001:db8::1/128 tcp dport 22"]
            ),
            // Side by side, and one in the other: nft would make one of them.
            (
                ["tcp 22 from 192.0.2.0/25", "tcp 22 from 192.0.2.128/25", "tcp 22 from 198.51.100.0/24"],
                ["ip saddr { 192.0.2.0/25, 198.51.100.0/24 } tcp dport 22", "ip saddr 192.0.2.128/25 tcp dport 22"]
            ),
            (
                ["tcp 22 from 10.0.0.0/8", "tcp 22 from 10.1.0.0/16"],
                ["ip saddr 10.0.0.0/8 tcp dport 22", "ip saddr 10.1.0.0/16 tcp dport 22"]
            ),
            (["all from group:sg-1"], []), (["tcp 22 from prefix-list:pl-1"], []),
        ]

        @Test("rules in nft's words", arguments: phrases)
        func words(rules: [String], text: [String]) throws {
            let ruleset = Ruleset(table: "t", try Examples.observed(rules))
            #expect(ruleset.lines.map(\.conditions.text) == text)
        }

        @Test(
            "a comment can neither end its quotes nor be too long",
            arguments: [
                ("a\"; flush ruleset; \"", "a-; flush ruleset; -"), ("a\nb\\c", "a-b-c"), ("ü", "-"),
                (String(repeating: "x", count: 300), String(repeating: "x", count: 128)),
            ])
        func comments(why: String, comment: String) throws {
            let rule = ObservedRule(rule: try Examples.rule("tcp 1 from 192.0.2.1/32"), description: why)
            #expect(Ruleset(table: "t", [rule]).lines.map(\.comment) == [comment])
        }

        @Test(
            "a table's name that nft could take for something else is refused",
            arguments: ["", "1a", "a b", "a;flush", "_a", "a\"", "ä", String(repeating: "a", count: 65)])
        func names(name: String) throws {
            let error = #expect(throws: NFTablesError.self) { try Examples.perimeter(name) }
            #expect(error?.kind == .badSetting)
        }

        @Test("what another hand wrote and nobody understood is never written, whatever brings it back")
        func neverWritten() throws {
            let marked = AnotherHand.opening(
                [try Examples.rule("all from 0.0.0.0/0")], text: "iifname \"eth1\" accept")
            #expect(Ruleset(table: "t", marked).lines.isEmpty)
            let group = GroupReference(id: "t", name: "g")
            for observed in marked + [AnotherHand.other("chain x")] {
                let back = Change.revoke(group, observed.rule, ruleID: observed.id, description: observed.description)
                    .inverse
                #expect(back.isBeyondWords)
            }
            #expect(!Change.authorize(group, try Examples.rule("tcp 1 from ::/0"), description: "x").isBeyondWords)
        }
    }
}
