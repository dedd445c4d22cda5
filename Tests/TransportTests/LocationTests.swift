import CoreTypes
import SIPMessage
import TestSupport
import Testing

@testable import Transport

@Suite(
    .timeLimit(.minutes(1)),
    .enabled(if: PeerProgram.dnsmasq.isInstalled, Comment(rawValue: PeerProgram.dnsmasq.howToGetIt)))
struct LocationTests {
    /// A domain with everything.
    static let zone = """
        naptr-record=d.test,10,50,s,SIPS+D2T,,_sips._tcp.d.test
        naptr-record=d.test,20,50,s,SIP+D2U,,_sip._udp.d.test
        srv-host=_sips._tcp.d.test,a.d.test,5071,10,0
        srv-host=_sips._tcp.d.test,b.d.test,5072,20,0
        srv-host=_sip._udp.d.test,a.d.test,5073,10,0
        srv-host=_sip._tcp.t.test,a.d.test,5066,10,60
        srv-host=_sip._tcp.t.test,b.d.test,5067,10,40
        srv-host=_sip._tcp.t.test,c.d.test,5068,20,0
        srv-host=_sip._udp.none.test
        host-record=a.d.test,192.0.2.1,2001:db8::1
        host-record=b.d.test,192.0.2.2
        host-record=c.d.test,192.0.2.3
        host-record=plain.test,192.0.2.9,2001:db8::9
        cname=alias.test,other.test
        cname=other.test,plain.test

        """

    @Test(
        "a domain's records lead to its servers",
        arguments: [
            ("sip:d.test", ["tls 192.0.2.1:5071", "tls [2001:db8::1]:5071", "tls 192.0.2.2:5072"]),
            ("sips:d.test", ["tls 192.0.2.1:5071", "tls [2001:db8::1]:5071", "tls 192.0.2.2:5072"]),
            ("sip:d.test;transport=udp", ["udp 192.0.2.1:5073", "udp [2001:db8::1]:5073"]),
            ("sip:plain.test", ["udp 192.0.2.9:5060", "udp [2001:db8::9]:5060"]),
            ("sip:plain.test:5080;transport=tcp", ["tcp 192.0.2.9:5080", "tcp [2001:db8::9]:5080"]),
            ("sip:alias.test", ["udp 192.0.2.9:5060", "udp [2001:db8::9]:5060"]),
            ("sip:none.test;transport=udp", ["service_unavailable"]),
            ("sip:missing.test", ["not_found"]),
        ])
    func recordsLeadToServers(uri: String, expected: [String]) async throws {
        let server = try await Dnsmasq(Self.zone)
        let locating = try await Locating(servers: server.address)
        #expect(try await locating.locate(uri) == expected)
    }

    @Test("a response without its connection goes to the service of its Via's name")
    func responseGoesToService() async throws {
        let server = try await Dnsmasq(Self.zone)
        let locating = try await Locating(servers: server.address)
        let found = try await locating.locateResponse(sentBy: .name("d.test"), port: nil, transport: .udp)
        #expect(found == ["udp 192.0.2.1:5073", "udp [2001:db8::1]:5073"])
    }

    @Test("lots are drawn for each call from what is kept: nothing is asked again")
    func lotsAreDrawnFromCache() async throws {
        let server = try await Dnsmasq("local-ttl=300\n" + Self.zone)
        let locating = try await Locating(servers: server.address)
        var first = 0
        for _ in 0..<200 {
            let found = try await locating.locate("sip:t.test;transport=tcp")
            #expect(found.last == "tcp 192.0.2.3:5068")
            if found.first == "tcp 192.0.2.1:5066" { first += 1 }
        }
        // 60 % of 200, six standard deviations to each side.
        #expect((78...162).contains(first), "\(first)")
        #expect(server.questions.count { $0 == "query[SRV] _sip._tcp.t.test" } == 1)
        #expect(server.questions.count == 7)
    }

    @Test("equal questions that wait at the same time are one")
    func equalQuestionsAreOne() async throws {
        let server = try await Dnsmasq("local-ttl=300\n" + Self.zone)
        let locating = try await Locating(servers: server.address)
        let found = try await locating.locateAtOnce("sip:plain.test", times: 50)
        #expect(Set(found) == [["udp 192.0.2.9:5060", "udp [2001:db8::9]:5060"]])
        // NAPTR, two SRV, A and AAAA.
        #expect(server.questions.count == 5)
        #expect(Set(server.questions).count == 5)
    }

    @Test("what is not there is remembered, too")
    func absenceIsRemembered() async throws {
        let server = try await Dnsmasq(Self.zone)
        let locating = try await Locating(servers: server.address)
        #expect(try await locating.locate("sip:missing.test") == ["not_found"])
        let asked = server.questions.count
        try await server.stop()
        #expect(try await locating.locate("sip:missing.test") == ["not_found"])
        #expect(asked == 5)
    }

    @Test("records are asked for again when their time is over")
    func timeToLiveEnds() async throws {
        let server = try await Dnsmasq("local-ttl=1\n" + Self.zone)
        let locating = try await Locating(servers: server.address)
        let question = "query[A] plain.test"
        _ = try await locating.resolve("plain.test")
        #expect(server.questions.count { $0 == question } == 1)
        try await eventually("the name is asked for again") {
            _ = try await locating.resolve("plain.test")
            return server.questions.count { $0 == question } > 1
        }
    }

    @Test("a dead name server is a failure, and is found again when it is back")
    func deadServerComesBack() async throws {
        let server = try await Dnsmasq(Self.zone)
        try await server.stop()
        let locating = try await Locating(servers: server.address, timeout: .milliseconds(100), tries: 1)
        #expect(try await locating.locate("sip:d.test") == ["server_failed"])
        #expect(try await locating.resolve("plain.test") == .failure(.serverFailed))
        try await server.start()
        try await eventually("the domain is found") {
            try await locating.locate("sip:d.test").first == "tls 192.0.2.1:5071"
        }
    }

    @Test("name servers are asked over IPv6, in the order given")
    func serversOverIPv6() async throws {
        let server = try await Dnsmasq(Self.zone)
        let near = Endpoint(IPAddress(v6High: 0, low: 1), port: server.port)
        let silent = Endpoint(IPAddress(v4: 0x7f00_0001), port: try FreePort.next())
        for servers in [[near], [silent, near]] {
            let locating = try await Locating(servers: servers)
            #expect(try await locating.resolve("b.d.test") == .success(["192.0.2.2"]))
        }
    }

    @Test("an answer that is too large for a datagram comes over TCP")
    func largeAnswer() async throws {
        let ports = 6000..<6040
        let services = ports.map { "srv-host=_sip._udp.large.test,a.d.test,\($0),\($0),0\n" }.joined()
        let server = try await Dnsmasq(services + "host-record=a.d.test,192.0.2.1\n")
        let locating = try await Locating(servers: server.address)
        let found = try await locating.locate("sip:large.test;transport=udp")
        #expect(found == ports.prefix(16).map { "udp 192.0.2.1:\($0)" })
    }

    static let hostile = """
        host-record=evil.test,127.0.0.1,::1
        host-record=metadata.test,169.254.169.254
        host-record=half.test,127.0.0.1,192.0.2.4
        host-record=any.test,0.0.0.0
        host-record=many.test,224.0.0.1
        cname=hidden.test,evil.test
        srv-host=_sip._udp.local.test,localhost,5060
        srv-host=_sip._udp.name.test,gateway.test,5060
        host-record=private.test,10.0.0.7

        """

    @Test(
        "name servers can't lead the edge to its own machine",
        arguments: [
            ("sip:evil.test", ["not_found"]), ("sip:metadata.test:80;transport=tcp", ["not_found"]),
            ("sip:half.test:5060", ["udp 192.0.2.4:5060"]), ("sip:any.test", ["not_found"]),
            ("sip:many.test", ["not_found"]), ("sip:hidden.test", ["not_found"]), ("sip:local.test", ["not_found"]),
            ("sip:name.test", ["not_found"]), ("sip:private.test", ["udp 10.0.0.7:5060"]),
            ("sip:gateway.test", ["udp 127.0.1.1:5060"]),
            ("sip:localhost:5062", ["udp 127.0.0.1:5062", "udp [::1]:5062"]),
            ("sip:127.0.0.1", ["udp 127.0.0.1:5060"]),
        ])
    func loopbackAnswersRefused(uri: String, expected: [String]) async throws {
        let server = try await Dnsmasq(Self.hostile)
        let locating = try await Locating(servers: server.address, hosts: "127.0.1.1 gateway.test\n")
        #expect(try await locating.locate(uri) == expected)
    }

    @Test("an address that is refused has a failure of its own, and can be allowed")
    func loopbackAnswersAccepted() async throws {
        let server = try await Dnsmasq(Self.hostile)
        let refusing = try await Locating(servers: server.address)
        #expect(try await refusing.resolve("evil.test") == .failure(.forbidden))
        let accepting = try await Locating(servers: server.address, loopbackAnswers: .accept)
        #expect(try await accepting.resolve("evil.test") == .success(["127.0.0.1", "::1"]))
    }

    @Test("an alias is followed a few times only")
    func aliasesAreBounded() async throws {
        var zone = "host-record=end.test,192.0.2.1\n"
        for (name, length) in [("short", 8), ("long", 9)] {
            for step in 0..<length {
                let next = step + 1 == length ? "end.test" : "\(name)\(step + 1).test"
                zone += "cname=\(name)\(step).test,\(next)\n"
            }
        }
        let server = try await Dnsmasq(zone)
        let locating = try await Locating(servers: server.address)
        #expect(try await locating.resolve("short0.test") == .success(["192.0.2.1"]))
        #expect(try await locating.resolve("long0.test") == .failure(.notFound))
    }
}
