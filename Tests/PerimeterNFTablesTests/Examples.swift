import CoreTypes
import Perimeter
import TestSupport

@testable import PerimeterNFTables

enum Examples {
    static let text = """
        admin: [203.0.113.7/32, "2001:db8::7"]
        never_cut_off: [203.0.113.7/32]
        provider: {nftables: {role: freeswitch, table: sallyport}}
        roles:
          api: {group: api, members: {addresses: [10.0.1.10, 10.0.1.11]}}
          freeswitch:
            group: prod-freeswitch
            allow:
              - {port: 22, protocol: tcp, from: admin, why: SSH}
              - {port: 5060, protocol: [tcp, udp], from: anywhere, why: "SIP \\"signalling\\""}
              - {port: 16384-32768, protocol: udp, from: anywhere, why: RTP media}
              - {port: 8021, protocol: tcp, from: role:api, why: ESL}
              - {protocol: icmp, from: 198.51.100.0/24}
        private_ports: [8021]
        """

    static func declaration(_ text: String = text) throws -> Declaration { try Declaration.parse(text, file: "p.yaml") }

    static func perimeter(_ table: String = "sallyport") throws -> NFTablesPerimeter {
        try NFTablesPerimeter(Declaration.NFTables(role: "freeswitch", table: table))
    }

    static let today = CalendarDate(millisecondsSince1970: 1_790_000_000_000)

    /// Reads `tcp 22 from 203.0.113.7/32`, as rules are printed.
    static func rule(_ text: String) throws -> Rule {
        let words = text.split(separator: " ").map(String.init)
        guard let first = words.first, let transport = TransportProtocol(first), let last = words.last,
            let source = Source(last)
        else { throw Failure("\(text) is no rule") }
        guard words.count == 4 else { return Rule(protocol: transport, source: source) }
        guard transport.hasMessages else {
            guard let ports = PortRange(words[1]) else { throw Failure("\(text) has no ports") }
            return Rule(protocol: transport, ports: ports, source: source)
        }
        let parts = words[1].split(separator: "/").compactMap { Int($0) }
        guard let type = parts.first, let ports = PortRange(icmpType: type, code: parts.count > 1 ? parts[1] : -1)
        else {
            throw Failure("\(text) has no message")
        }
        return Rule(protocol: transport, ports: ports, source: source)
    }

    static func observed(_ texts: [String]) throws -> [ObservedRule] {
        try texts.map { ObservedRule(rule: try rule($0), description: "") }
    }
}

extension NFTablesPerimeter {
    /// Makes what is there into what is declared.
    func apply(_ declared: Declaration) throws {
        try load(Plan.make(declared, try look(declared), today: Examples.today).changes, declared)
    }

    func plan(_ declared: Declaration) throws -> [String] {
        Plan.make(declared, try look(declared), today: Examples.today).changes.map(\.summary)
    }

    func ingress(_ declared: Declaration) throws -> [ObservedRule] { try look(declared).groups.flatMap(\.ingress) }

    func nft(_ commands: String) throws { try NFTables.run(commands, "test") }

    func list() throws -> String { try NFTables.run("list table inet \(table)", as: .text, "test") }

    /// Of the elements of a set that end some time.
    func secondsLeft(_ set: String) throws -> [String: Int] {
        let json = try JSONValue(text: try NFTables.run("list set inet \(table) \(set)", "test"))
        let elements = json["nftables"]?.array?.compactMap { $0["set"]?["elem"]?.array }.first ?? []
        return Dictionary(
            elements.compactMap { element in
                guard let name = element["elem"]?["val"]?.string, let left = element["elem"]?["expires"]?.number else {
                    return element.string.map { ($0, 0) } ?? ("a network", 0)
                }
                return (name, left)
            }, uniquingKeysWith: { first, _ in first })
    }
}
