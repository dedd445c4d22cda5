import CoreTypes
import Testing

@testable import Perimeter

@Suite("What trying should find")
struct ExpectationTests {
    private func declaration() throws -> Declaration {
        try Declaration.parse(
            """
            admin: [203.0.113.7/32]
            provider: {aws: {region: us-east-1, vpc: vpc-1}}
            roles:
              api:
                group: sg-of-api
                members: {tag: {Role: api}}
                allow: [{port: 22, protocol: tcp, from: admin}, {port: 443, protocol: tcp, from: anywhere}]
              voice:
                group: sg-of-voice
                members: {tag: {Role: voice}}
                allow:
                  - {port: 22, protocol: tcp, from: admin}
                  - {port: 16384-32768, protocol: udp, from: anywhere}
                  - {port: 8021, protocol: tcp, from: role:api}
                  - {port: 5060, protocol: udp, from: prefix-list:pl-1}
            private_ports: [8021]
            """, file: "perimeter.yaml")
    }

    private func open(_ role: String, from address: String, as own: String? = nil) throws -> [String] {
        let declared = try declaration()
        let observed = Observation(prefixLists: ["pl-1": [try IPNetwork(parsing: "198.51.100.0/24")]])
        let target = try #require(IPAddress("192.0.2.1"))
        let prober = Prober(address: try #require(IPAddress(address)), role: own)
        let role = try #require(declared.rolesByName[role])
        return declared.expectations(of: role, at: target, for: prober, observed)
            .filter(\.isOpen).map { "\($0.point.transport) \($0.point.port)" }
    }

    @Test("of a range its ends, its middle and its neighbors are tried; of what others declare, each port")
    func ports() throws {
        let declared = try declaration()
        let ports = declared.probedPorts(of: try #require(declared.rolesByName["voice"]))
        #expect(ports[.tcp] == [22, 443, 8021])
        #expect(ports[.udp] == [5060, 16383, 16384, 24576, 32768, 32769])
        let others = declared.probedPorts(of: try #require(declared.rolesByName["api"]))
        #expect(others[.tcp] == [22, 443, 8021] && others[.udp] == [5060, 16384, 24576, 32768])
    }

    @Test("a stranger finds open what is open to anywhere, others what they are let in to")
    func sources() throws {
        let media = ["udp 16384", "udp 24576", "udp 32768"]
        #expect(try open("voice", from: "192.0.2.9") == media)
        #expect(try open("voice", from: "203.0.113.7") == ["tcp 22"] + media)
        #expect(try open("voice", from: "198.51.100.4") == ["udp 5060"] + media)
        #expect(try open("voice", from: "10.0.0.4", as: "api") == ["tcp 8021"] + media)
        #expect(try open("api", from: "2001:db8::1") == ["tcp 443"])
    }

    @Test(
        "a difference is told with what it means",
        arguments: [
            (443, ProbeFinding.open, true, ""), (443, .closed, false, "nobody listens"),
            (443, .filtered, false, "kept away"),
            (22, .open, false, "answers"), (22, .closed, true, ""), (22, .filtered, true, ""),
        ] as [(UInt16, ProbeFinding, Bool, String)])
    func remarks(port: UInt16, found: ProbeFinding, agrees: Bool, remark: String) throws {
        let declared = try declaration()
        let address = try #require(IPAddress("192.0.2.9"))
        let role = try #require(declared.rolesByName["api"])
        let all = declared.expectations(of: role, at: address, for: Prober(address: address))
        let expectation = try #require(all.first { $0.point.transport == .tcp && $0.point.port == port })
        #expect(expectation.agrees(with: found) == agrees)
        let said = expectation.remark(on: found)
        #expect(remark.isEmpty ? said.isEmpty : said.contains(remark), "\(said)")
    }
}
