import CoreTypes
import Foundation
import SIPMessage
import TestSupport
import Testing
import Witness

extension Conformance {
    /// How the edge is reached and reaches others; not a row of its own but what several rest on.
    @Suite("Reach")
    struct ReachTests {
        @Test("IPv6 on both sides of a call", arguments: Way.allCases)
        func version6(way: Way) async throws {
            let lab = try await Laboratory.shared()
            let caller = try await Caller(way, to: try lab.addressV6(way), tls: lab.tls)
            let up = try await lab.connect(caller)
            let via = try #require(up.invite.vias.last)
            #expect(via.host == .address(IPAddress(v6High: 0, low: 1)))
            // Two values where the call changes address or transport on its way through.
            #expect(up.answer.values(.recordRoute).map(up.answer.text).contains { $0.contains("@[::1]:") })
            try await lab.hangUp(caller, up)
            try await caller.wire.close()
        }

        @Test(
            "servers are found by NAPTR and SRV; the next one is tried, with a new branch",
            .enabled(if: PeerProgram.dnsmasq.isInstalled, Comment(rawValue: PeerProgram.dnsmasq.howToGetIt)))
        func names() async throws {
            let (one, dead) = (try await Downstream(.init(v4: 0x7f00_0004)), try FreePort.next())
            let names = try await Dnsmasq(
                """
                naptr-record=d.test,10,50,S,SIP+D2T,,_sip._tcp.d.test
                srv-host=_sip._tcp.d.test,a.test,\(dead),10
                srv-host=_sip._tcp.d.test,b.test,\(one.endpoint.port),20
                host-record=a.test,127.0.0.8
                host-record=b.test,127.0.0.4
                host-record=inward.test,127.0.0.4

                """)
            let lab = try await Laboratory(
                settings: "resolver: {servers: [\"\(names.address)\"], loopback_answers: accept}",
                routes: "  - {name: named, match: {user: named}, to: \"sip:d.test\"}", servers: ["one": one])
            let caller = try await lab.caller(.udp)
            let call = CallIdentity("named")
            caller.send(caller.request("INVITE", call, uri: "sip:named@external.advisor"))
            let invite = try await one.request(.invite, of: call.callID)
            #expect(invite.transport == .tcp)
            #expect(try invite.sip.requestURI?.text == "sip:named@d.test")
            #expect(try await lab.edge.metric("sip_transport_failures_total") == 1)
            try invite.answer(486, "Busy Here")
            _ = try await caller.response(486, call)
            try await lab.close()

            // Rebinding: what name servers say about this machine is not believed unless the configuration says so.
            let wary = try await Laboratory(
                settings: "resolver: {servers: [\"\(names.address)\"]}",
                routes: "  - {name: named, match: {user: named}, to: \"sip:inward.test:\(one.endpoint.port)\"}")
            let next = try await wary.caller(.udp)
            let refused = CallIdentity("inward")
            next.send(next.request("INVITE", refused, uri: "sip:named@external.advisor"))
            #expect(try await next.response(refused).status == 503)
            try await wary.close()
        }

        @Test("behind a NAT the edge calls itself what it is told to", arguments: Way.allCases)
        func advertised(way: Way) async throws {
            let lab = try await Laboratory(
                settings: "advertise: {udp: \"sip.example.org:5099\", tcp: sip.example.org, tls: \"192.0.2.99:5061\"}")
            let caller = try await lab.caller(way)
            let call = CallIdentity()
            caller.send(caller.request("INVITE", call))
            let invite = try await lab.downstream.request(.invite, of: call.callID)
            let via = try invite.sip.topVia
            #expect(via.host == .name("sip.example.org") && via.port == 5099)
            let recorded = try invite.sip.addresses(.recordRoute)?.map { "\($0.uri.host):\($0.uri.port ?? 0)" }
            let inward = [Way.udp: "sip.example.org:5099", .tcp: "sip.example.org:0", .tls: "192.0.2.99:5061"][way]
            #expect(recorded?.first == "sip.example.org:5099" && recorded?.last == inward)
            // It still knows itself under that name and address.
            try invite.answer(486, "Busy Here")
            _ = try await caller.response(486, call)
            let again = CallIdentity()
            caller.send(
                caller.request("INVITE", again, lines: ["Max-Forwards: 70", "Route: <sip:192.0.2.99:5061;lr>"]))
            try await lab.downstream.request(.invite, of: again.callID).answer(486, "Busy Here")
            _ = try await caller.response(486, again)
            try await lab.close()
        }

        @Test("behind a load balancer the client of the PROXY header is the source")
        func loadBalancer() async throws {
            let port = try FreePort.next()
            let lab = try await Laboratory(
                listeners:
                    "  - {transport: tcp, address: \"127.0.0.1:\(port)\", profile: trunks, proxy_protocol: [127.0.0.10/32]}"
            )
            func header(_ last: UInt8) -> [UInt8] {
                [13, 10, 13, 10, 0, 13, 10, 0x51, 0x55, 0x49, 0x54, 10, 0x21, 0x11, 0, 12]
                    + [203, 0, 113, last, 127, 0, 0, 1, 0x0f, 0xa0, 0x13, 0xc4]
            }
            let balancer = IPAddress(v4: 0x7f00_000a)
            let edge = Endpoint(IPAddress(v4: 0x7f00_0001), port: port)
            let stranger = try await Caller(.tcp, to: edge, from: balancer, tls: nil)
            let refused = CallIdentity("balanced")
            stranger.wire.send(header(7) + Array(stranger.request("INVITE", refused).utf8))
            _ = try await stranger.response(403, refused)
            _ = try await lab.witnessed(.ipNotAllowlisted) { $0.sourceIP == "203.0.113.7" }
            try lab.edge.command("allow", "add", "203.0.113.0/24", "--tag", "far", "--group", "2")
            let friend = try await Caller(.tcp, to: edge, from: balancer, tls: nil)
            friend.wire.send(header(8))
            var isIn = false
            try await eventually("the new network is allowed") {
                let call = CallIdentity("balanced")
                friend.send(friend.request("INVITE", call))
                let answer = try await friend.wire.mailbox.take("an answer") { $0.callID == call.callID }.sip
                isIn = answer.status == 100
                return isIn
            }
            // Without the header nobody gets through, and from elsewhere the header is junk.
            let bare = try await Caller(.tcp, to: edge, from: balancer, tls: nil)
            bare.send(bare.request("INVITE", CallIdentity("bare")))
            try await eventually("the connection without a header is closed") { bare.wire.isClosed }
            let forger = try await Caller(.tcp, to: edge, from: IPAddress(v4: 0x7f00_000b), tls: nil)
            forger.wire.send(header(9) + Array(forger.request("INVITE", CallIdentity("forged")).utf8))
            try await eventually("the connection with a forged header is closed") { forger.wire.isClosed }
            try await lab.close()
        }

        @Test(
            "a peer's connection carries requests to it when it says alias, and a lost one is replaced for a response")
        func connections() async throws {
            let peer = try await Downstream(.init(v4: 0x7f00_000c))
            let lab = try await Laboratory(
                routes: "  - {name: peer, match: {user: peer}, to: \"sip:\(peer.endpoint);transport=tcp\"}",
                servers: ["peer": peer])
            let wire = try await Caller(.tcp, to: try lab.address(.tcp), from: peer.endpoint.address, tls: nil)
            func asPeer(_ text: String, _ parameters: String) -> String {
                text.replacing("SIP/2.0/TCP \(wire.address);", with: "SIP/2.0/TCP \(peer.endpoint)\(parameters);")
            }
            let first = CallIdentity("alias")
            wire.send(asPeer(wire.request("INVITE", first), ";alias"))
            try await lab.downstream.request(.invite, of: first.callID).answer(486, "Busy Here")
            _ = try await wire.response(486, first)
            let caller = try await lab.caller(.udp)
            let toPeer = CallIdentity("to-peer")
            caller.send(caller.request("INVITE", toPeer, uri: "sip:peer@external.advisor"))
            try await wire.request(.invite, of: toPeer).answer(486, "Busy Here")
            _ = try await caller.response(486, toPeer)
            #expect(peer.mailbox.everything.isEmpty)

            let lost = CallIdentity("lost")
            wire.send(asPeer(wire.request("INVITE", lost), ""))
            let invite = try await lab.downstream.request(.invite, of: lost.callID)
            try await wire.wire.close()
            try await eventually("the edge has noticed") { try await lab.edge.metric("sip_connections") == 0 }
            try invite.answer(486, "Busy Here")
            _ = try await peer.mailbox.take("486 by another connection") {
                $0.status == 486 && $0.callID == lost.callID
            }
            // Without the connection, requests go to the peer's own port again.
            let later = CallIdentity("later")
            caller.send(caller.request("INVITE", later, uri: "sip:peer@external.advisor"))
            try await peer.request(.invite, of: later.callID).answer(486, "Busy Here")
            _ = try await caller.response(486, later)
            try await lab.close()
        }

        @Test("a target that answers no probe leaves service, and comes back with its first answer")
        func probes() async throws {
            let server = try await Downstream(.init(v4: 0x7f00_0004))
            let lab = try await Laboratory(
                routes: "  - {name: pool, match: {user: pool}, to: \"pool:fs\"}",
                pools: """
                      fs:
                        probe: {every: 200ms, timeout: 100ms, down_after: 2, up_after: 1}
                        targets: [{uri: "sip:\(server.endpoint)"}]
                    """, servers: ["server": server])
            _ = try await lab.witnessed(.degraded) { $0.text("target") == "sip:\(server.endpoint)" }
            #expect(try await lab.edge.get("/readyz").contains("pool fs has no target in service"))
            let caller = try await lab.caller(.udp)
            let call = CallIdentity("pool")
            caller.send(caller.request("INVITE", call, uri: "sip:pool@external.advisor"))
            #expect(try await caller.response(503, call).has(.retryAfter))
            #expect(!server.knows(call.callID))
            server.mailbox.answerOptions()
            _ = try await lab.witnessed(.recovered) { $0.text("component") == "pool fs" }
            #expect(try await lab.edge.metric("sip_pool_target_up") == 1)
            let again = CallIdentity("pool")
            caller.send(caller.request("INVITE", again, uri: "sip:pool@external.advisor"))
            try await server.request(.invite, of: again.callID).answer(486, "Busy Here")
            _ = try await caller.response(486, again)
            try await lab.close()
        }

        @Test("check says of each target of a pool whether it answers")
        func check() async throws {
            let alive = try await Downstream(.init(v4: 0x7f00_0004), answersOptions: true)
            let dead = try FreePort.next()
            let lab = try await Laboratory(
                pools: """
                      fs:
                        probe: {every: 200ms, timeout: 500ms}
                        targets:
                          - {uri: "sip:\(alive.endpoint)"}
                          - {uri: "sip:127.0.0.8:\(dead);transport=tcp"}
                    """, servers: ["alive": alive])
            let outcome = try lab.edge.program.run("check")
            #expect(outcome.output.contains("pool fs: sip:\(alive.endpoint): udp \(alive.endpoint) answers 200 in"))
            #expect(outcome.output.contains("warning  pool fs: sip:127.0.0.8:\(dead);transport=tcp: out of service"))
            #expect(outcome.code == 2)
            try await lab.close()
        }
    }
}
