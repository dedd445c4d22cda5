import CoreTypes
import Foundation
import Testing

@testable import SallyportConfiguration

@Suite struct DefaultsTests {
    @Test(
        "a file that says nothing gives the defaults",
        arguments: ["", "# nothing\n", "---\n", "limits:\nprofiles:\n", "listeners: []\n"])
    func fileSaysNothingGives(text: String) throws {
        var read = try Configuration.parse(text, file: "/etc/sallyport/sallyport.yaml")
        read.file = ""
        #expect(read == .embeddedDefaults)
    }

    @Test("plain SIP is not opened by default")
    func plainSipNotOpened() {
        #expect(Configuration.embeddedDefaults.listeners.map(\.transport) == [.tls])
        #expect(Configuration.embeddedDefaults.listeners.map(\.address.port) == [5061])
    }

    @Test("the shipped example changes only what it calls an example")
    func shippedExampleChangesOnly() throws {
        let file = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .deletingLastPathComponent().appendingPathComponent("docs/sallyport.example.yaml").path
        let example = try Configuration.load(path: file)
        let changed = Set(
            example.difference(from: .embeddedDefaults).map { change in
                change.keyPath.prefix { $0 != "[" && $0 != "." }
            })
        #expect(changed == ["domains", "listeners", "advertise", "profiles", "routes", "pools", "witness", "bans"])
        #expect(example.profiles["trunks"] == .trunks)
        var experts = try #require(example.profiles["experts"])
        #expect(experts.guard?.webhook?.timeout == .milliseconds(200))
        experts.guard?.webhook = nil
        #expect(experts.guard?.hours.count == 2 && experts.guard?.destinations.count == 1)
        experts.guard?.hours = []
        experts.guard?.destinations = []
        #expect(experts == .experts)
        #expect(example.profiles["carrier-west"]?.callRate.calls == 3000)
        #expect(example.profiles["carrier-west"]?.allowlist.group == 2)
        #expect(example.routes == [.experts, .freeswitch, .bridge])
        #expect(example.pools["freeswitch"]?.targets.count == 2)
        #expect(example.witness.forward.first?.syslog == "tls://siem.example.org:6514")
        #expect(example.limits == Configuration.Limits())
        #expect(example.resolver == Configuration.Resolver())
        #expect(example.tls == Configuration.TLS())
        #expect(example.control == Configuration.Control())
        #expect(example.sip == Configuration.SIPTimers())
    }

    @Test("a profile takes what it leaves out from the built-in that it names or is named after")
    func profileTakesWhatLeaves() throws {
        let read = try Configuration.parse(
            """
            profiles:
              experts: {max_concurrent_calls: 9}
              outside: {call_rate: {calls: 3}}
              carrier: {like: trunks, authentication: {realm: carriers}}
            """, file: "a.yaml")
        var experts = Profile.experts
        experts.maxConcurrentCalls = 9
        #expect(read.profiles["experts"] == experts)
        #expect(read.profiles["trunks"] == .trunks)
        var outside = Profile.experts
        outside.callRate.calls = 3
        #expect(read.profiles["outside"] == outside)
        let carrier = try #require(read.profiles["carrier"])
        #expect(carrier.allowlist.group == 2)
        #expect(carrier.authentication?.realm == "carriers")
        #expect(carrier.authentication?.failures == 5)
        #expect(carrier.guard == nil)
    }

    @Test("the route to FreeSWITCH is there by default when its pool is")
    func routeFreeswitchThereBy() throws {
        let read = try Configuration.parse(
            "pools: {freeswitch: {targets: [{uri: 'sip:10.0.0.1'}]}}", file: "a.yaml")
        #expect(read.routes.map(\.name) == ["experts", "freeswitch", "bridge"])
        #expect(Configuration.embeddedDefaults.routes.map(\.name) == ["experts", "bridge"])
    }

    @Test("a layer is turned off by any of YAML's words for it", arguments: ["off", "'off'", "false", "no"])
    func layerTurnedOffBy(word: String) throws {
        let read = try Configuration.parse(
            "profiles: {experts: {authentication: \(word), guard: \(word)}}\nbans: {kernel: \(word)}\n", file: "a.yaml")
        #expect(read.profiles["experts"]?.authentication == nil)
        #expect(read.profiles["experts"]?.guard == nil)
        #expect(read.bans.kernel == .off)
    }

    @Test("paths start in the file's directory, the witness and the database under state")
    func pathsStartInFiles() throws {
        let read = try Configuration.parse("state: var\n", file: "/etc/sallyport/sallyport.yaml")
        #expect(read.resolve("tls/a.pem") == "/etc/sallyport/tls/a.pem")
        #expect(read.resolve("/a.pem") == "/a.pem")
        #expect(read.stateDirectory == "/etc/sallyport/var")
        #expect(read.witnessDirectory == "/etc/sallyport/var/witness")
        #expect(read.databasePath == "/etc/sallyport/var/sallyport.db")
        let moved = try Configuration.parse(
            "database: sqlite:/srv/a.db\nwitness: {directory: /log}\n", file: "/etc/sallyport.yaml")
        #expect(moved.databasePath == "/srv/a.db")
        #expect(moved.witnessDirectory == "/log")
    }

    @Test("a forwarder is named after where it sends, and knows the usual ports")
    func forwarders() throws {
        let read = try Configuration.parse(
            """
            witness:
              forward:
                - {syslog: "tls://SIEM.example.org", trust: ca.pem, settle: 10s}
                - {syslog: "tcp://[2001:db8::1]:601", format: cef}
                - {http: "https://collector.example.org/events", token: "file:token", batch: 50}
                - {name: spare, http: "http://127.0.0.1:8080/"}
            """, file: "a.yaml")
        let forward = read.witness.forward
        #expect(
            forward.map(\.name) == ["siem.example.org-6514", "2001-db8--1-601", "collector.example.org-443", "spare"])
        #expect(forward.map { $0.target?.port } == [6514, 601, 443, 8080])
        #expect(forward.map { $0.target?.isSecure } == [true, false, true, false])
        #expect(forward.map(\.format) == [.rfc5424, .cef, .json, .json])
        #expect(forward[0].settle == .seconds(10))
        #expect(forward[2].token == .file("token"))
        #expect(forward[2].batch == 50)
    }

    @Test("values are read in every notation")
    func valuesReadInEvery() throws {
        let read = try Configuration.parse(
            """
            listeners:
              - {transport: udp, address: "[2001:db8::1]:5060", profile: trunks}
              - {transport: tls, address: "127.0.0.1:0", proxy_protocol: [192.0.2.0/24, "2001:db8::1"]}
            advertise: {udp: "[2001:DB8::1]:5080", tls: SIP.example.org}
            domains: External.Advisor
            database: postgres://sip@db.internal/sip?sslmode=verify-full
            database_password: file:secret
            shared_state: rediss://cache:6379/0
            resolver: {servers: [192.0.2.53, "[2001:db8::53]:5353"], timeout: 500ms, tries: 3, loopback_answers: accept}
            limits: {idle_timeout: 24h, message_bytes: 64KiB, handshake_timeout: 200ms}
            """.replacingOccurrences(of: "64KiB", with: "32KiB"), file: "/a.yaml")
        #expect(read.listeners.map(\.address.description) == ["[2001:db8::1]:5060", "127.0.0.1:0"])
        #expect(read.listeners.map(\.profile) == ["trunks", "experts"])
        #expect(
            read.listeners.map { $0.proxyProtocol.map(\.description) } == [[], ["192.0.2.0/24", "2001:db8::1/128"]])
        #expect(read.resolver.servers.map(\.description) == ["192.0.2.53:53", "[2001:db8::53]:5353"])
        #expect(read.resolver.timeout == .milliseconds(500))
        #expect(read.resolver.tries == 3)
        #expect(read.resolver.loopbackAnswers == .accept)
        #expect(read.advertise[.udp]?.description == "[2001:db8::1]:5080")
        #expect(read.advertise[.tls] == HostPort(host: "sip.example.org"))
        #expect(read.domains == ["external.advisor"])
        #expect(read.database == .postgres(url: "postgres://sip@db.internal/sip?sslmode=verify-full"))
        #expect(read.databasePath == nil)
        #expect(read.databasePassword == .file("secret"))
        #expect(read.sharedState == .redis(url: "rediss://cache:6379/0"))
        #expect(read.limits.idleTimeout == .seconds(86_400))
        #expect(read.limits.messageBytes == 32_768)
        #expect(read.limits.handshakeTimeout == .milliseconds(200))
    }
}
