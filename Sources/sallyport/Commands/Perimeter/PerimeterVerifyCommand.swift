import ArgumentParser
import CoreTypes
import Foundation
import NIOPosix
import Perimeter
import PerimeterProbe
import SallyportConfiguration

extension PerimeterCommand {
    struct Verify: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Try the ports from here: what should be open answers, what should be closed does not.",
            discussion: """
                Tries each role's members, or the targets that are named, as the address that they are reached from. What \
                nobody listens at is told from what is kept away. UDP is silent by nature: run 'verify --listen' on the \
                target meanwhile, which answers at every port that is tried and that nobody else has. Then the rules \
                themselves are read back. Exits with 2 when anything differs from the file.
                """)

        @OptionGroup var perimeter: PerimeterOption
        @Option(help: ArgumentHelp("Only this role (may be repeated).", valueName: "role")) var role: [String] = []
        @Option(
            help: ArgumentHelp(
                "An address of a role, instead of those of its members (may be repeated).", valueName: "role=address"))
        var target: [String] = []
        @Option(
            name: .customLong("as"),
            help: ArgumentHelp(
                "The address that targets see, where something on the way changes it.", valueName: "address"))
        var seenAs: String?
        @Option(
            help: ArgumentHelp(
                "The role of this machine, which is within then: members are tried at their private addresses, too.",
                valueName: "role")) var asRole: String?
        @Flag(help: "Answer at the ports of --role, on this machine.") var listen = false
        @Option(
            name: .customLong("for"), help: "How long to listen, such as 10m.",
            transform: { try duration($0, of: "--for", in: .seconds(1) ... .seconds(86_400)) })
        var listenTime = Duration.seconds(600)
        @Option(
            help: "How long to wait for an answer, such as 2s.",
            transform: { try duration($0, of: "--patience", in: .milliseconds(100) ... .seconds(60)) })
        var patience = Duration.seconds(2)
        @Flag(help: "Don't read the rules back.") var probesOnly = false
        @OptionGroup var output: OutputOption

        func run() async throws {
            let declared = try perimeter.load()
            if listen { return try await answer(declared) }
            let observed = probesOnly ? nil : try await declared.withBackend { try await $0.observe(declared) }
            let rows = try await probe(declared, observed)
            let changes = observed.map { Perimeter.Plan.make(declared, $0, today: .today).changes }
            let report = VerifyReport(rows: rows, changes: changes)
            try output.show(report, text: report.text)
            if !report.isAsDeclared { throw ExitCode(2) }
        }

        private func roles(_ declared: Declaration) throws -> [Role] {
            try (role.isEmpty ? declared.roles.map(\.name) : role).map { name in
                guard let found = declared.rolesByName[name] else {
                    throw CommandFailure(
                        "there is no role '\(name)': there are \(declared.roles.map(\.name).joined(separator: ", "))")
                }
                return found
            }
        }

        /// The addresses to try of each role.
        private func targets(_ declared: Declaration, _ observed: Observation?) throws -> [(Role, IPAddress)] {
            var named: [String: [IPAddress]] = [:]
            for text in target {
                let parts = text.split(separator: "=", maxSplits: 1).map(String.init)
                guard parts.count == 2, declared.rolesByName[parts[0]] != nil, let address = IPAddress(parts[1]) else {
                    throw CommandFailure("--target \(text): write ROLE=ADDRESS with a role of the file")
                }
                named[parts[0], default: []].append(address)
            }
            return try roles(declared).flatMap { role in
                let addresses = named.isEmpty ? known(role, observed) : named[role.name] ?? []
                return addresses.reduce(into: [IPAddress]()) { if !$0.contains($1) { $0.append($1) } }.map {
                    (role, $0)
                }
            }
        }

        /// The addresses of a role that the file names, and those of its members that can be reached from here: within, who
        /// has a role, their private ones too; from outside the public ones.
        private func known(_ role: Role, _ observed: Observation?) -> [IPAddress] {
            let members = observed?.members.filter { role.members.contains($0) } ?? []
            let seen = members.flatMap { member in
                let addresses = Self.hosts(member.addresses).filter { asRole != nil || !$0.isPrivate }
                if addresses.isEmpty { Terminal.warn("\(member.id) is not tried: it has no public address") }
                return addresses
            }
            return Self.hosts(role.members.addresses) + seen
        }

        private static func hosts(_ networks: [IPNetwork]) -> [IPAddress] {
            networks.filter { $0.prefixLength == $0.address.family.bitWidth }.map(\.address)
        }

        private func probe(_ declared: Declaration, _ observed: Observation?) async throws -> [VerifyReport.Row] {
            let targets = try targets(declared, observed)
            guard !targets.isEmpty else {
                throw CommandFailure("no address to try is known: name some with --target ROLE=ADDRESS")
            }
            if let asRole, declared.rolesByName[asRole] == nil { throw CommandFailure("there is no role '\(asRole)'") }
            let prober = PortProber(MultiThreadedEventLoopGroup.singleton, patience: patience)
            var expected: [Expectation] = []
            for (role, target) in targets {
                let source = try await source(for: target, prober)
                expected += declared.expectations(
                    of: role, at: target, for: Prober(address: source, role: asRole), observed ?? Observation())
            }
            let found = await prober.probe(expected.map(\.point))
            return expected.map { VerifyReport.Row($0, found[$0.point] ?? .filtered) }
        }

        private func source(for target: IPAddress, _ prober: PortProber) async throws -> IPAddress {
            if let seenAs { return try IPAddress(argument: seenAs) }
            do {
                if let address = try await prober.sourceAddress(for: target) { return address }
            } catch {
                throw CommandFailure("there is no way from here to \(target): \(error)")
            }
            throw CommandFailure("it is not known which address \(target) sees: say it with --as")
        }

        /// Until the time is over, or somebody ends it.
        private func answer(_ declared: Declaration) async throws {
            guard role.count == 1, let role = try roles(declared).first else {
                throw CommandFailure("--listen needs one --role: the one of this machine")
            }
            let ports = declared.probedPorts(of: role).sorted { $0.key < $1.key }
            let points = [IPAddress(v4: 0), IPAddress(v6High: 0, low: 0)].flatMap { address in
                ports.flatMap { transport, ports in
                    ports.map { ProbePoint(target: address, transport: transport, port: $0) }
                }
            }
            let listeners = await PlantedListeners(points, on: MultiThreadedEventLoopGroup.singleton)
            Terminal.print(
                "answering at \(listeners.planted.count) ports of role \(role.name); \(listeners.taken.count) are taken"
            )
            // Ends early when it is interrupted.
            try? await Task.sleep(for: listenTime)
            await listeners.close()
        }
    }
}

func duration(_ text: String, of option: String, in range: ClosedRange<Duration>) throws -> Duration {
    do throws(DurationError) {
        return try Duration(parsing: text, in: range)
    } catch {
        throw ValidationError("\(option): \(error.description).")
    }
}

/// What trying has found, beside what is declared.
private struct VerifyReport: Encodable {
    struct Row: Encodable {
        let role: String
        let target: String
        let `protocol`: String
        let port: Int
        /// `open` or `closed`.
        let expected: String
        /// `open`, `closed` or `filtered`.
        let found: String
        let agrees: Bool
        let why: String
        let remark: String

        init(_ expectation: Expectation, _ found: ProbeFinding) {
            role = expectation.role
            target = expectation.point.target.description
            `protocol` = expectation.point.transport.description
            port = Int(expectation.point.port)
            expected = expectation.isOpen ? "open" : "closed"
            self.found = found.rawValue
            agrees = expectation.agrees(with: found)
            why = expectation.why
            remark = expectation.remark(on: found)
        }
    }

    let probes: [Row]
    /// What the rules themselves lack or have too much; null where they were not read.
    let changes: [Change]?

    init(rows: [Row], changes: [Change]?) {
        probes = rows
        self.changes = changes
    }

    var isAsDeclared: Bool { probes.allSatisfy(\.agrees) && changes?.isEmpty ?? true }

    var text: String {
        var table = Table("ROLE", "TARGET", "PORT", "DECLARED", "FOUND", "", "WHY")
        for row in probes {
            table.add(
                row.role, row.target, "\(row.protocol) \(row.port)", row.expected, row.found,
                row.agrees ? "ok" : "DIFFERS",
                row.agrees ? row.why : row.remark)
        }
        let differing = probes.count { !$0.agrees }
        var lines = [table.text(), "", "\(probes.count) tried, \(differing) differ."]
        if let changes {
            lines.append(
                changes.isEmpty ? "The rules are as declared." : "The rules differ in \(changes.count): see plan.")
        }
        return lines.joined(separator: "\n")
    }
}
