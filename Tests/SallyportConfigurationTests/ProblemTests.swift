import Foundation
import SettingsFile
import Testing

@testable import SallyportConfiguration

/// A file, and what is said about it.
struct Slip: CustomTestStringConvertible, Sendable {
    var yaml: String
    var problems: [String]

    init(_ yaml: String, _ problems: String...) {
        self.yaml = yaml
        self.problems = problems
    }

    var testDescription: String { yaml }
}

@Suite struct ProblemTests {
    static let slips: [Slip] = [
        Slip("lisners: []", #"1:1: lisners: unknown key; did you mean 'listeners'?"#),
        Slip("limits: {conections: 5}", "1:10: limits.conections: unknown key; did you mean 'connections'?"),
        Slip("limits: {max-headers: 5}", "1:10: limits.max-headers: unknown key; known here: message_bytes, headers"),
        Slip("limits: {idle_timeout: 300}", "1:24: limits.idle_timeout: '300' has no unit; write '300s' for seconds"),
        Slip("limits: {idle_timeout: soon}", "1:24: limits.idle_timeout: 'soon' is not a duration; write a duration"),
        Slip("limits: {idle_timeout: 5w}", "1:24: limits.idle_timeout: '5w' is not a duration; write a duration"),
        Slip(
            "limits: {idle_timeout: 99999999999999999999d}", "is not a duration; write a duration from 1s to 7d"),
        Slip("limits: {idle_timeout: 9223372036854775807d}", "is out of range; write a duration from 1s to 7d"),
        Slip("limits: {headers: many}", "1:19: limits.headers: 'many' is not a number; write a whole number"),
        Slip("limits: {headers: 0}", "1:19: limits.headers: 0 is out of range; write a whole number from 16"),
        Slip("limits: {headers: [1]}", "1:19: limits.headers: found a list; write a whole number"),
        Slip("limits: 5", "1:9: limits: found the text '5'; write keys and values"),
        Slip("witness: {rotate: {bytes: 5PB}}", "1:27: witness.rotate.bytes: '5PB' is not a size; write a size"),
        Slip(
            "witness: {forward: [{format: cef}]}", "1:21: witness.forward[0]: needs exactly one of 'syslog' and 'http'"),
        Slip(
            "witness: {forward: [{syslog: 'tcp://siem.example.org'}]}",
            "1:30: witness.forward[0].syslog: names no port, and there is none for plain syslog; write tcp://host:514"),
        Slip(
            "witness: {forward: [{syslog: 'tcp://h:514', format: json}]}",
            "1:53: witness.forward[0].format: json is for http; write rfc5424"),
        Slip(
            "witness: {forward: [{http: 'https://h/events', format: cef}]}",
            "1:56: witness.forward[0].format: cef is for syslog; leave it out"),
        Slip(
            "witness: {forward: [{http: 'http://h/events', token: 'env:T'}]}",
            "1:54: witness.forward[0].token: would be sent in the clear to h; use https"),
        Slip(
            "witness: {forward: [{syslog: 'tls://h', certificate: a.pem}]}",
            "1:54: witness.forward[0].certificate: a certificate and its key belong together"),
        Slip(
            "witness: {forward: [{syslog: 'tcp://h:514', trust: a.pem}]}",
            "1:52: witness.forward[0].trust: has no effect without TLS"),
        Slip(
            "witness: {forward: [{syslog: 'tls://h'}, {syslog: 'tls://h', format: cef}]}",
            "witness.forward[1].name: 'h-6514' stands here twice; witness.forward[0] has it already"),
        Slip("witness: {wait: 10m}", "1:17: witness.wait: 10m is out of range; write a duration from 100ms to 30s"),
        Slip("listeners: {transport: tls}", "1:12: listeners: found keys and values; write a list of entries"),
        Slip(
            "listeners:\n  - {transport: tls, address: \"0.0.0.0\"}",
            "2:31: listeners[0].address: '0.0.0.0' has no port; write \"0.0.0.0:5061\" or another port"),
        Slip(
            "listeners:\n  - {transport: tsl, address: \"0.0.0.0:5061\"}",
            "2:17: listeners[0].transport: 'tsl' is not a transport here; did you mean 'tls'?"),
        Slip("listeners:\n  - {transport: tls}", "2:5: listeners[0].address: is missing; add it: an address with"),
        Slip(
            "listeners:\n  - {transport: tls, address: \"0.0.0.0:5061\", profile: expert}",
            "2:56: listeners[0].profile: there is no profile 'expert'; did you mean 'experts'?"),
        Slip(
            """
            listeners:
              - {transport: tcp, address: "0.0.0.0:5061"}
              - {transport: tls, address: "0.0.0.0:5061"}
            """, "3:31: listeners[1].address: '0.0.0.0:5061' stands here twice; listeners[0] has it"),
        Slip(
            "listeners:\n  - {transport: udp, address: \"224.0.0.1:5060\"}",
            "2:31: listeners[0].address: 224.0.0.1:5060 is a multicast address"),
        Slip(
            "profiles: {experts: {authentication: {algorithms: [SHA-265]}}}",
            "1:52: profiles.experts.authentication.algorithms[0]: 'SHA-265' is not known; did you mean 'SHA-256'?"),
        Slip(
            "profiles: {experts: {authentication: {algorithms: []}}}",
            "profiles.experts.authentication.algorithms: is empty, so nobody could authenticate"),
        Slip(
            "profiles: {experts: {authentication: {algorithms: [MD5, MD5]}}}",
            "1:57: profiles.experts.authentication.algorithms[1]: 'MD5' stands here twice"),
        Slip(
            "profiles: {experts: {authentication: maybe}}",
            "1:38: profiles.experts.authentication: found the text 'maybe'; write 'off', or keys and values"),
        Slip("profiles: {x: {like: friends}}", "profiles.x.like: 'friends' is not known; known here: experts, trunks"),
        Slip(
            "profiles: {experts: {guard: {webhook: on}}}",
            "profiles.experts.guard.webhook.url: is missing; add it: a URL"
        ),
        Slip(
            "profiles:\n  experts:\n    guard:\n      hours:\n        - {zone: Europe/Berln, from: 8h, to: \"24:01\"}",
            "5:18: profiles.experts.guard.hours[0].zone: there is no time zone 'Europe/Berln'; write the name of a time",
            "5:38: profiles.experts.guard.hours[0].from: '8h' is no time of the day; write a time from \"00:00\"",
            "5:46: profiles.experts.guard.hours[0].to: '24:01' is no time of the day"),
        Slip(
            "profiles: {experts: {guard: {hours: [{days: [mon, tues], from: \"09:00\", to: \"09:00\"}]}}}",
            "1:51: profiles.experts.guard.hours[0].days[1]: 'tues' is not known; did you mean 'tue'?",
            "profiles.experts.guard.hours[0].to: ends when it begins; write from: \"00:00\""),
        Slip(
            "profiles: {experts: {guard: {hours: [{from: \"24:00\"}, {days: []}]}}}",
            "profiles.experts.guard.hours[0].from: begins when the day is over",
            "profiles.experts.guard.hours[1].days: names no day"),
        Slip(
            "profiles: {experts: {guard: {destinations: [{allow: [\"expert-*\"]}]}}}",
            "profiles.experts.guard.destinations[0].allow[0]: 'expert-*' names no domain; write \"expert-*@*\" for any"),
        Slip(
            "profiles: {trunks: {liveness: {every: 50ms, misses: 0}}}",
            "1:39: profiles.trunks.liveness.every: 50ms is out of range; write a duration from 100ms to 1h",
            "1:53: profiles.trunks.liveness.misses: 0 is out of range"),
        Slip(
            "profiles: {experts: {source_rate: {per: 10s, forget_after: 1s}}}",
            "profiles.experts.source_rate.forget_after: is shorter than 'per'"),
        Slip("routes: [{name: a, to: pool:fs}]", "1:24: routes[0].to: there is no pool 'fs'; add it under 'pools'"),
        Slip("routes: [{name: a, to: nowhere}]", "1:24: routes[0].to: 'nowhere' is no target; write registry"),
        Slip(
            "routes: [{name: a, match: {profile: trunk}, to: registry}]",
            "1:37: routes[0].match.profile: there is no profile 'trunk'; did you mean 'trunks'?"),
        Slip(
            "routes: [{name: a, to: registry}, {name: a, to: registry}]",
            "1:42: routes[1].name: 'a' stands here twice; routes[0] has it already"),
        Slip("pools: {fs: {targets: []}}", "pools.fs.targets: has no target"),
        Slip("pools: {fs: {targets: [{uri: 'http://a'}]}}", "1:30: pools.fs.targets[0].uri: 'http://a' won't do"),
        Slip("bans: {never_ban: [10.0.0.1/8]}", "1:20: bans.never_ban[0]: '10.0.0.1/8' has bits set beyond its prefix"),
        Slip("bans: {jails: [{name: x}]}", "1:16: bans.jails[0]: needs exactly one of 'signal' and 'log'"),
        Slip("bans: {jails: [{name: x, log: /l}]}", "1:16: bans.jails[0]: follows a log but has no 'filter'"),
        Slip("database: mysql://h/d", "1:11: database: this is not a database; write sqlite:PATH or postgres"),
        Slip("database: postgres://u:p@h/d", "1:11: database: holds a password; remove it here and write 'database_"),
        Slip(
            "database_password: hunter2", "1:20: database_password: secrets do not stand in this file; write env:NAME"),
        Slip("control: {listen: 0.0.0.0:3000}", "1:19: control.listen: 0.0.0.0:3000 can be reached by strangers"),
        Slip("control: {tls: {certificate: a}}", "1:16: control.tls.key: is missing; add it: a path"),
        Slip("tls: {minimum: \"1.1\"}", "1:16: tls.minimum: '1.1' is not known; did you mean '1.2'?"),
        Slip("sip: {t1: 1ms}", "1:11: sip.t1: 1ms is out of range; write a duration from 10ms to 10s"),
        Slip("sip: {t1: 5s}", "sip.t2: is shorter than t1; give it at least 5s"),
        Slip(
            "resolver: {servers: [ns.example]}", "1:22: resolver.servers[0]: 'ns.example' is not the address of a name"),
        Slip("resolver: {servers: [\"0.0.0.0\"]}", "1:22: resolver.servers[0]: nobody can be asked at 0.0.0.0:53"),
        Slip("resolver: {timeout: 2}", "1:21: resolver.timeout: '2' has no unit; write '2s' for seconds"),
        Slip("resolver: {tries: 0}", "1:19: resolver.tries: 0 is out of range; write a whole number from 1 to 10"),
        Slip(
            "resolver: {loopback_answers: allow}", "resolver.loopback_answers: 'allow' is not known; known here: refuse"
        ),
        Slip(
            "listeners:\n  - {transport: udp, address: \"0.0.0.0:5060\", proxy_protocol: [10.0.0.0/8]}",
            "2:63: listeners[0].proxy_protocol: the PROXY protocol is not for datagrams; remove it here"),
        Slip(
            "listeners:\n  - {transport: tcp, address: \"0.0.0.0:5060\", proxy_protocol: [0.0.0.0/0]}",
            "2:64: listeners[0].proxy_protocol[0]: trusts everybody to say who they are; name the addresses"),
        Slip("node: \"a b\"", "1:7: node: 'a b' won't do; write a name of letters"),
        Slip("domains: [a..b]", "1:11: domains[0]: 'a..b' won't do; write a host name"),
        Slip("advertise: {tls: \"a:99999\"}", "1:18: advertise.tls: 'a:99999' is not a host with a port"),
        Slip("a: 1\na: 2\n", "the key 'a' stands twice in one place; keep one of them"),
        Slip("- a", "1:1: found a list; write keys and values"),
        Slip("limits: {", "this is not YAML: "),
        Slip("a: b: c", "1:5: this is not YAML: mapping values are not allowed in this context"),
        Slip(
            "node: a/b\nlimits: {headers: x, header_bytes: 1}\nwitness: {on_failure: shrug}\n",
            "1:7: node", "2:19: limits.headers", "2:36: limits.header_bytes", "3:23: witness.on_failure"),
    ]

    @Test("a slip is named with its place and its mend", arguments: slips)
    func slipNamedWithPlace(slip: Slip) throws {
        let error = try #require(throws: ConfigurationError.self) {
            try Configuration.parse(slip.yaml, file: "a.yaml")
        }
        #expect(error.problems.count == slip.problems.count, "\(error)")
        for (found, expected) in zip(error.problems, slip.problems) {
            #expect(found.description.hasPrefix("a.yaml:"))
            #expect(found.description.contains(expected))
        }
        #expect(!error.description.contains("hunter2"))
    }

    @Test("a file that is not there is said to be missing")
    func fileNotThereSaid() throws {
        let error = try #require(throws: ConfigurationError.self) {
            try Configuration.load(path: "/nonexistent/sallyport.yaml")
        }
        #expect(error.description.hasPrefix("/nonexistent/sallyport.yaml: does not exist; check the path"))
    }

    @Test("every key of the example is checked for its type")
    func everyKeyExampleChecked() throws {
        // Turning any one value of a complete file into a nonsense mapping must be noticed, whichever key it is.
        let file = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .deletingLastPathComponent().appendingPathComponent("docs/sallyport.example.yaml").path
        let text = try String(contentsOfFile: file, encoding: .utf8)
        let example = try Configuration.parse(text, file: file)
        for setting in example.effective where !setting.keyPath.contains("[") {
            let keys = setting.keyPath.split(separator: ".")
            var yaml = "{x9: {}}"
            for key in keys.reversed() { yaml = "{\(key): \(yaml)}" }
            #expect(throws: ConfigurationError.self, "\(setting.keyPath)") {
                try Configuration.parse(yaml, file: file)
            }
        }
    }
}
