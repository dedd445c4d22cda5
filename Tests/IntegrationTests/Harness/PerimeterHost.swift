import CoreTypes
import Foundation
import TestSupport

/// A host whose rules `sallyport perimeter` makes, and the world outside of it, each in a network namespace.
struct PerimeterHost {
    static let addresses = [NetworkNamespaces.host, NetworkNamespaces.hostIPv6]

    static let file = """
        admin: [192.0.2.2/32, "2001:db8::2"]   # the operators
        never_cut_off: [192.0.2.2/32]
        provider: {nftables: {role: edge}}
        roles:
          api: {group: api, members: {addresses: [192.0.2.3]}}
          edge:
            group: edge
            allow:
              - {port: 22, protocol: tcp, from: admin, why: SSH}
              - {port: 5060, protocol: [tcp, udp], from: anywhere, why: SIP signalling}
              - {port: 16384-16400, protocol: udp, from: anywhere, why: RTP media}
              - {port: 8021, protocol: tcp, from: role:api, why: ESL}
        private_ports: [8021]

        """

    let namespaces: NetworkNamespaces
    let program: Program

    init() throws {
        namespaces = try NetworkNamespaces()
        program = try Program()
        try program.write("perimeter.yaml", Self.file)
    }

    func change(_ text: String, to other: String) throws {
        let path = program.path("perimeter.yaml")
        let before = try String(contentsOfFile: path, encoding: .utf8)
        guard before.contains(text) else { throw Failure("the perimeter file has no '\(text)'") }
        try program.write("perimeter.yaml", before.replacing(text, with: other))
    }

    private func words(_ arguments: [String]) -> [String] {
        let work = ["apply", "admin-ip", "confirm"].contains(arguments.first ?? "")
        return [Program.executable, "perimeter"] + arguments + (work ? ["--trial-in", program.path("trial")] : [])
    }

    /// `sallyport perimeter …` on the host.
    func perimeter(_ arguments: String..., input: String = "") throws -> Outcome {
        try run(namespaces.onHost + words(arguments), input: input)
    }

    /// The same from outside.
    func outside(_ arguments: String...) throws -> Outcome { try run(namespaces.outside + words(arguments)) }

    /// The same beside the test.
    func start(_ name: String, _ arguments: String...) throws -> ChildProcess {
        let words = namespaces.onHost + words(arguments)
        return try ChildProcess(name, words[0], Array(words.dropFirst()), in: program.directory)
    }

    @discardableResult
    func apply(_ arguments: String...) throws -> Outcome {
        let words = namespaces.onHost + words(["apply", "--yes", "--keep-unconfirmed"] + arguments)
        let outcome = try run(words)
        guard outcome.code == 0 else { throw Failure("apply: \(outcome)") }
        return outcome
    }

    @discardableResult
    func nft(_ arguments: String...) throws -> String {
        let outcome = try run(namespaces.onHost + [try PeerProgram.nft.require()] + arguments)
        guard outcome.code == 0 else { throw Failure("nft \(arguments.joined(separator: " ")): \(outcome)") }
        return outcome.output
    }

    /// Whether the rules of the file are in force.
    func isShut() throws -> Bool { try nft("list", "ruleset").contains("policy drop") }

    func run(_ words: [String], input: String = "") throws -> Outcome {
        try Child.run(words[0], Array(words.dropFirst()), in: program.directory, input: input)
    }

    /// What is open that should not be, or the other way around, as the world outside finds by trying each address.
    /// - Parameter role: that the world outside has.
    func differences(asRole role: String? = nil) throws -> [String] {
        let targets = Self.addresses.flatMap { ["--target", "edge=\($0)"] }
        let words = words(
            ["verify", "--probes-only", "--role", "edge", "--patience", "600ms", "--json"] + targets
                + (role.map { ["--as-role", $0] } ?? []))
        let outcome = try run(namespaces.outside + words)
        let report = outcome.json as? [String: Any]
        guard [0, 2].contains(outcome.code), let probes = report?["probes"] as? [[String: Any]], probes.count > 10
        else {
            throw Failure("verify: \(outcome)")
        }
        let differing = probes.filter { $0["agrees"] as? Bool != true }.map { probe in
            "\(probe["protocol"] ?? "") \(probe["port"] ?? "") of \(probe["target"] ?? "") is \(probe["found"] ?? "")"
        }
        guard differing.isEmpty == (outcome.code == 0) else { throw Failure("verify: \(outcome)") }
        return differing
    }

    /// Makes the database that an edge here would have.
    func makeRegistry() throws {
        let outcome = try program.run("allow", "add", "198.51.100.0/24", "--tag", "test")
        guard outcome.code == 0 else { throw Failure("allow add: \(outcome)") }
    }

    /// Whether a change is recorded for the witness.
    func isRecorded(_ action: String) -> Bool {
        ["var/sallyport.db", "var/sallyport.db-wal"].contains { name in
            FileManager.default.contents(atPath: program.path(name))?.range(of: Data(action.utf8)) != nil
        }
    }

    /// Answers at every port that is tried.
    func listen(_ name: String = "listen") async throws -> ChildProcess {
        let child = try start(name, "verify", "--listen", "--role", "edge", "--for", "5m")
        try await child.prints("answering at")
        return child
    }

    /// Whether a TCP connection to the host comes about.
    func connects(_ port: Int, from address: String = NetworkNamespaces.stranger) throws -> Bool {
        let script = """
            import socket
            try: socket.create_connection(("\(NetworkNamespaces.host)", \(port)), 0.6, ("\(address)", 0))
            except OSError: raise SystemExit(3)
            """
        let outcome = try run(namespaces.outside + [try PeerProgram.python.require(), "-c", script])
        guard [0, 3].contains(outcome.code) else { throw Failure("connecting: \(outcome)") }
        return outcome.code == 0
    }
}
