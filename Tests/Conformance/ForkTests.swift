import CoreTypes
import NIOSSL
import SIPMessage
import TestSupport
import Testing
import TransportSecurity

/// A laboratory with several servers: dead ones, one that is somebody else by TLS, and two that ring together.
private struct ForkLaboratory {
    let lab: Laboratory
    let one: Downstream
    let two: Downstream
    let silent: Downstream
    let stranger: Downstream
    let friend: Downstream

    static func open() async throws -> ForkLaboratory {
        let certificates = try Program()
        func secure(_ folder: String, _ name: String) async throws -> Downstream {
            let issued = try DevelopmentCertificates.issue(
                into: certificates.path(folder), names: [name], now: Laboratory.now())
            let context = try ServerTLS.context(
                certificate: issued.server, key: issued.serverKey, trust: issued.authority, clientCertificate: .none,
                clock: { Laboratory.now() })
            return try await Downstream(IPAddress(v4: 0x7f00_0006), tls: context)
        }
        let (one, two) = (try await Downstream(.init(v4: 0x7f00_0004)), try await Downstream(.init(v4: 0x7f00_0005)))
        let silent = try await Downstream(.init(v4: 0x7f00_0008), takesTCP: false)
        let stranger = try await secure("stranger", "other.example")
        let friend = try await secure("friend", "127.0.0.6")
        let refusing = try FreePort.next()
        func route(_ user: String, _ to: String) -> String {
            "  - {name: \(user), match: {user: \(user)}, to: \"\(to)\"}"
        }
        func pool(_ name: String, _ targets: [String], ring: String = "one_by_one", together: Bool = false) -> String {
            let members = targets.enumerated().map {
                "      - {uri: \"\($1)\", priority: \(together ? 1 : $0 + 1)}"
            }
            return "  \(name):\n    ring: \(ring)\n    probe: off\n    targets:\n" + members.joined(separator: "\n")
        }
        let dead = [
            "udp": "sip:\(silent.endpoint)", "tcp": "sip:127.0.0.8:\(refusing);transport=tcp",
            "tls": "sips:\(try #require(stranger.secure))",
        ].sorted { $0.key < $1.key }
        let lab = try await Laboratory(
            routes: (dead.map { route("dead-\($0.key)", $0.value) }
                + dead.map { route("next-\($0.key)", "pool:next-\($0.key)") }
                + [
                    route("fork", "pool:fork"), route("friend", "sips:\(try #require(friend.secure))"),
                    route("overloaded", "pool:overloaded"),
                ])
                .joined(separator: "\n"),
            pools: (dead.map { pool("next-\($0.key)", [$0.value, "sip:\(one.endpoint)"]) }
                + [
                    pool("fork", ["sip:\(one.endpoint)", "sip:\(two.endpoint)"], ring: "together", together: true),
                    pool("overloaded", ["sip:\(one.endpoint)"]),
                ]).joined(separator: "\n"),
            trust: [certificates.path("stranger/ca.pem"), certificates.path("friend/ca.pem")],
            servers: ["one": one, "two": two, "silent": silent, "stranger": stranger, "friend": friend])
        return ForkLaboratory(lab: lab, one: one, two: two, silent: silent, stranger: stranger, friend: friend)
    }

    /// A call that rings at both servers.
    func ring(_ caller: Caller) async throws -> (CallIdentity, Mailbox.Item, Mailbox.Item) {
        let call = CallIdentity("fork")
        caller.send(caller.request("INVITE", call, uri: "sip:fork@external.advisor"))
        return (
            call, try await one.request(.invite, of: call.callID), try await two.request(.invite, of: call.callID)
        )
    }
}

extension Conformance {
    @Suite("Servers and forks")
    struct ForkTests {
        @Test("rows 8 and 18: dead servers, and servers that ring together")
        func servers() async throws {
            let forks = try await ForkLaboratory.open()
            for way in Way.allCases {
                let caller = try await forks.lab.caller(way)
                try await dead(forks, caller)
                try await failover(forks, caller)
                try Ledger.note(8, [way.rawValue])
                try await best(forks, caller)
                try await twoAnswers(forks, caller)
                try await challenges(forks, caller)
                try Ledger.note(18, [way.rawValue])
                try await caller.wire.close()
            }
            try await forks.lab.close()
        }

        private func dead(_ forks: ForkLaboratory, _ caller: Caller) async throws {
            // All at once, since the silent one takes 64*T1.
            var calls: [(CallIdentity, Set<Int>)] = []
            for (server, statuses) in [("udp", [408]), ("tcp", [408, 503]), ("tls", [408, 503])] as [(String, Set<Int>)]
            {
                let call = CallIdentity("dead")
                caller.send(caller.request("INVITE", call, uri: "sip:dead-\(server)@external.advisor"))
                calls.append((call, statuses))
            }
            // One that is itself by TLS is reached, so it is the name that keeps the edge from the other.
            let friendly = CallIdentity("friend")
            caller.send(caller.request("INVITE", friendly, uri: "sip:friend@external.advisor"))
            let invite = try await forks.friend.request(.invite, of: friendly.callID)
            #expect(try invite.sip.topVia.transport == "TLS")
            try invite.answer(486, "Busy Here")
            _ = try await caller.response(486, friendly)
            for (call, statuses) in calls {
                let answer = try await caller.response(call)
                #expect(statuses.contains(answer.status ?? 0), "\(answer.status ?? 0)")
            }
            #expect(forks.stranger.mailbox.everything.isEmpty)
            // A 503 is about that server, not about this one.
            let overloaded = CallIdentity("overloaded")
            caller.send(caller.request("INVITE", overloaded, uri: "sip:overloaded@external.advisor"))
            try await forks.one.request(.invite, of: overloaded.callID).answer(503, "Overloaded")
            #expect(try await caller.response(overloaded).status == 500)
        }

        private func failover(_ forks: ForkLaboratory, _ caller: Caller) async throws {
            for server in ["tcp", "tls", "udp"] {
                let call = CallIdentity("next")
                caller.send(caller.request("INVITE", call, uri: "sip:next-\(server)@external.advisor"))
                let invite = try await forks.one.request(.invite, of: call.callID)
                try invite.answer(486, "Busy Here")
                _ = try await caller.response(486, call)
                guard server == "udp" else { continue }
                let tried = try await forks.silent.request(.invite, of: call.callID)
                #expect(try tried.sip.topVia.branch != invite.sip.topVia.branch)
                #expect(try tried.sip.cSeq == invite.sip.cSeq)
            }
        }

        private func best(_ forks: ForkLaboratory, _ caller: Caller) async throws {
            let (call, first, second) = try await forks.ring(caller)
            try first.answer(486, "Busy Here", tag: "one")
            try second.answer(200, "OK", tag: "two", contact: "sip:bob@\(forks.two.endpoint)")
            #expect(try await caller.response(200, call).toTag == "two")
            #expect(caller.count(486, call) == 0)

            let (declined, ringing, declining) = try await forks.ring(caller)
            try ringing.answer(180, "Ringing", tag: "one")
            _ = try await caller.response(180, declined)
            try declining.answer(603, "Decline", tag: "two")
            let cancel = try await forks.one.request(.cancel, of: declined.callID)
            try cancel.answer(200, "OK")
            try ringing.answer(487, "Request Terminated", tag: "one")
            _ = try await caller.response(603, declined)
        }

        private func twoAnswers(_ forks: ForkLaboratory, _ caller: Caller) async throws {
            let (call, first, second) = try await forks.ring(caller)
            try first.answer(200, "OK", tag: "one", contact: "sip:bob@\(forks.one.endpoint)")
            try second.answer(200, "OK", tag: "two", contact: "sip:bob@\(forks.two.endpoint)")
            let answers = [try await caller.response(200, call), try await caller.response(200, call)]
            #expect(Set(answers.compactMap(\.toTag)) == ["one", "two"])
            for (index, answer) in answers.enumerated() {
                let server = answer.toTag == "one" ? forks.one : forks.two
                caller.send(caller.inDialog("ACK", call, answer, cSeq: 1))
                _ = try await server.request(.ack, of: call.callID)
                caller.send(caller.inDialog("BYE", call, answer, cSeq: 2 + index))
                try await server.request(.bye, of: call.callID).answer(200, "OK")
                _ = try await caller.response(200, call, method: .bye)
            }
        }

        private func challenges(_ forks: ForkLaboratory, _ caller: Caller) async throws {
            let (call, first, second) = try await forks.ring(caller)
            for (item, realm) in [(first, "one"), (second, "two")] {
                try item.answer(
                    401, "Unauthorized", tag: realm,
                    lines: ["WWW-Authenticate: Digest realm=\"\(realm)\", nonce=\"n\", algorithm=MD5"])
            }
            let answer = try await caller.response(401, call)
            let realms = answer.all(.wwwAuthenticate).compactMap { DigestChallenge(answer.text($0.value))?.realm }
            #expect(Set(realms) == ["one", "two"])
        }
    }

    @Suite("Responses nobody asked for")
    struct StrayTests {
        @Test("row 12: a stray 200, one Via, a broadcast Via", arguments: Way.allCases)
        func strays(way: Way) async throws {
            try await row(12, way) { lab, caller in
                let call = CallIdentity("stray")
                caller.send(caller.request("INVITE", call))
                let invite = try await lab.downstream.request(.invite, of: call.callID)
                let via = try invite.sip.text(try invite.sip.topVia.range)
                let own = try invite.sip.topVia
                let ears = try await Downstream(IPAddress(v4: 0x7f00_0009))
                func response(_ vias: [String], _ callID: String) -> String {
                    "SIP/2.0 200 OK\r\n" + vias.map { "Via: \($0)\r\n" }.joined()
                        + "From: <sip:caller@external.advisor>;tag=\(call.tag)\r\n"
                        + "To: <sip:bob@external.advisor>;tag=bt\r\nCall-ID: \(callID)\r\nCSeq: 1 INVITE\r\n"
                        + "Contact: <sip:bob@\(ears.endpoint)>\r\nContent-Length: 0\r\n\r\n"
                }
                let other = "SIP/2.0/UDP \(ears.endpoint);branch=z9hG4bKears"
                let host = "\(own.host)" + (own.port.map { ":\($0)" } ?? "")
                for vias in [
                    [other], ["SIP/2.0/UDP \(host);branch=z9hG4bKguess", other],
                    ["SIP/2.0/UDP 255.255.255.255:5060;branch=z9hG4bKb", other], [via],
                    ["SIP/2.0/UDP \(host);branch=z9hG4bKguess", "SIP/2.0/UDP 255.255.255.255;branch=z9hG4bKb"],
                ] {
                    invite.reply(response(vias, "other-\(call.callID)"))
                }
                try invite.answer(486, "Busy Here")
                _ = try await caller.response(486, call)
                try await lab.fence()
                #expect(ears.mailbox.everything.isEmpty)
                #expect(caller.wire.mailbox.count { $0.callID == "other-\(call.callID)" } == 0)
                await ears.close()
            }
        }
    }
}
