import CoreTypes
import Foundation
import TestSupport
import Testing

extension Integration {
    @Suite(
        "The perimeter on a host", .needs(.ip, .nft, .python),
        .enabled(if: NetworkNamespaces.arePossible, "no network namespace can be made: this needs root"),
        .timeLimit(.minutes(2)))
    struct PerimeterHostTests {
        @Test(
            "a host that is open is audited, shut as declared, found so from outside, mended after another's hand, and opened again"
        )
        func story() async throws {
            let host = try PerimeterHost()
            let listeners = try await host.listen()

            let open = try host.differences()
            for target in PerimeterHost.addresses {
                // What the API alone may reach, and what lies beside the media.
                for port in ["tcp 8021", "udp 16383", "udp 16401"] {
                    #expect(open.contains("\(port) of \(target) is open"), "\(open)")
                }
            }
            let audit = try host.perimeter("audit", "--json")
            #expect(audit.code == 2)
            for finding in ["admin-open-to-world", "private-port-exposed"] where !audit.output.contains(finding) {
                Issue.record("\(finding) is missing in \(audit.output)")
            }
            let plan = try host.perimeter("plan", "--out", "plan.json")
            #expect(plan.code == 2 && plan.output.contains("- edge  all from 0.0.0.0/0"), "\(plan)")

            try host.apply("plan.json", "--rollback-out", "back.json")
            #expect(try host.differences() == [])
            #expect(try host.connects(8021, from: NetworkNamespaces.otherStranger))
            #expect(try !host.connects(8021))
            let clean = try host.perimeter("audit")
            #expect(clean.code == 0, "\(clean)")
            let whole = try host.perimeter("verify", "--role", "edge", "--target", "edge=127.0.0.1", "--json")
            #expect(whole.output.contains(#""changes":[]"#), "\(whole)")
            let again = try host.apply()
            #expect(again.output.contains("Nothing to change."))

            try host.nft("add", "rule", "inet", "sallyport", "input", "tcp", "dport", "8021", "accept")
            let drift = try host.perimeter("audit", "--json")
            #expect(drift.code == 2 && drift.output.contains("private-port-exposed"), "\(drift)")
            #expect(
                try host.differences().sorted() == PerimeterHost.addresses.map { "tcp 8021 of \($0) is open" }.sorted())
            let stale = try host.perimeter("apply", "plan.json", "--yes")
            #expect(stale.code == 1 && stale.output.contains("has changed since the plan was made"), "\(stale)")
            try host.apply()
            #expect(try host.differences() == [])

            try host.apply("--rollback", "back.json")
            #expect(try host.differences().sorted() == open.sorted())
            try await listeners.kill()
        }

        @Test("who is banned stays out over a change, for the time that was left")
        func bans() async throws {
            let host = try PerimeterHost()
            let listeners = try await host.listen()
            try host.apply()
            #expect(try host.connects(5060, from: NetworkNamespaces.otherStranger))
            try host.nft(
                "add", "element", "inet", "sallyport", "banned4",
                "{ \(NetworkNamespaces.otherStranger) timeout 1h expires 30m }")
            #expect(try !host.connects(5060, from: NetworkNamespaces.otherStranger))
            try host.change("port: 5060", to: "port: 5060-5061")
            try host.apply()
            try await listeners.kill()
            let more = try await host.listen("more")
            #expect(try host.connects(5061))
            #expect(try !host.connects(5061, from: NetworkNamespaces.otherStranger))
            let set = try host.nft("list", "set", "inet", "sallyport", "banned4")
            #expect(set.contains("\(NetworkNamespaces.otherStranger) timeout 1h expires 29m"), "\(set)")
            try await more.kill()
        }

        @Test("a connection that was let in goes on when its port is shut, and nobody new gets in")
        func established() async throws {
            let host = try PerimeterHost()
            let python = try PeerProgram.python.require()
            func start(_ name: String, _ launcher: [String], _ script: String) throws -> ChildProcess {
                try ChildProcess(
                    name, launcher[0], Array(launcher.dropFirst()) + [python, "-u", "-c", script],
                    in: host.program.directory)
            }
            try host.apply()
            let server = try start(
                "server", host.namespaces.onHost,
                """
                import socket
                listener = socket.create_server(("0.0.0.0", 5060))
                print("listening")
                peer, _ = listener.accept()
                while data := peer.recv(100): peer.sendall(data)
                """)
            try await server.prints("listening")
            let client = try start(
                "client", host.namespaces.outside,
                """
                import os, socket, time
                peer = socket.create_connection(("\(NetworkNamespaces.host)", 5060), 10)
                peer.sendall(b"one")
                print(peer.recv(100))
                while not os.path.exists("go"): time.sleep(0.01)
                peer.sendall(b"two")
                print(peer.recv(100))
                """)
            try await client.prints("b'one'")
            try host.change("protocol: [tcp, udp]", to: "protocol: udp")
            try host.apply()
            #expect(try !host.connects(5060))
            try host.program.write("go", "")
            try await client.prints("b'two'")
            #expect(try await client.ends() == 0)
            try await server.kill()
        }

        @Test("a new address of the operator is let in, the old one is not any more, and the file says so")
        func adminAddress() async throws {
            let host = try PerimeterHost()
            let listeners = try await host.listen()
            try host.apply()
            #expect(try host.connects(22))
            let moved = try host.perimeter(
                "admin-ip", "--ip", NetworkNamespaces.otherStranger, "--yes", "--keep-unconfirmed")
            #expect(moved.code == 0, "\(moved)")
            #expect(try host.connects(22, from: NetworkNamespaces.otherStranger))
            #expect(try !host.connects(22))
            let text = try String(contentsOfFile: host.program.path("perimeter.yaml"), encoding: .utf8)
            #expect(
                text.hasPrefix(
                    "admin: [192.0.2.3/32, \"2001:db8::2\"]   # the operators\nnever_cut_off: [192.0.2.3/32]"))
            let clean = try host.perimeter("audit")
            #expect(clean.code == 0, "\(clean)")
            try await listeners.kill()
        }

        @Test("shutting out whom the file never cuts off is refused, and nothing is changed")
        func neverCutOff() throws {
            let host = try PerimeterHost()
            try host.change("admin: [192.0.2.2/32, ", to: "admin: [")
            let refused = try host.perimeter("apply", "--yes")
            #expect(refused.code == 1 && refused.output.contains("which never_cut_off keeps"), "\(refused)")
            #expect(try !host.isShut())
        }

        @Test("without the right to, it says so")
        func withoutRights() throws {
            let host = try PerimeterHost()
            let script = """
                import os, sys
                os.setgroups([]); os.setgid(65534); os.setuid(65534)
                os.execv(sys.argv[1], sys.argv[1:])
                """
            let outcome = try host.run(
                host.namespaces.onHost + [
                    try PeerProgram.python.require(), "-c", script, Program.executable, "perimeter", "audit",
                ])
            #expect(outcome.code == 1 && outcome.errors.contains("only root (CAP_NET_ADMIN)"), "\(outcome)")
        }
    }
}
