import ArgumentParser
import AsyncHTTPClient
import CoreTypes
import Foundation
import NIOCore
import NIOHTTP1
import Perimeter

extension PerimeterCommand {
    struct AdminIP: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "admin-ip",
            abstract: "My address has changed: let me in from the new one, and not from the old one.",
            discussion: """
                Finds out the address, shows the change of every rule with an admin port in every group, adds, looks, removes, \
                and changes the lists 'admin' and 'never_cut_off' of the file. Where several addresses of its family are \
                declared, --replaces says which of them it takes the place of; --adds keeps them all.
                """)

        @OptionGroup var work: PerimeterWorkOption
        @Option(
            name: .customLong("ip"), help: "The new address, or a network (may be repeated); otherwise it is asked for."
        )
        var addresses: [String] = []
        @Option(
            help: ArgumentHelp(
                "Who is asked for the address: a URL that answers with it as text (may be repeated, such as for IPv6).",
                valueName: "url"))
        var service = ["https://checkip.amazonaws.com"]
        @Option(help: ArgumentHelp("The declared address that the new one takes the place of.", valueName: "address"))
        var replaces: String?
        @Flag(help: "Keep the declared addresses beside the new one.") var adds = false

        func validate() throws {
            if replaces != nil, adds { throw ValidationError("Either --replaces or --adds, not both.") }
        }

        func run() async throws {
            let declared = try work.perimeter.load()
            let move = try AdminMove(
                to: try await found(), in: declared, replacing: try replaces.map(Self.network), isAdding: adds)
            Terminal.warn(move.text)
            try await declared.withBackend { backend in
                let observed = try await backend.observe(declared)
                try await work.carryOut(
                    .movingAdmins(from: declared.admin, to: move.admin, move.declaration, observed), move.declaration,
                    observed, on: backend)
            }
            guard !work.isDryRun, !move.isEmpty else { return }
            let path = work.perimeter.path
            let text = try Declaration.rewriting(
                try readWhole(path), file: path, admin: move.admin, neverCutOff: move.neverCutOff)
            try writeWhole(text, to: path)
            Terminal.warn("\(path): admin is [\(move.admin.map(\.description).joined(separator: ", "))] now")
        }

        private func found() async throws -> [IPNetwork] {
            guard addresses.isEmpty else { return try addresses.map(Self.network) }
            let client = HTTPClient.shared
            var found: [IPNetwork] = []
            for url in service {
                let address = try await EchoService(url: url).address(by: client)
                if !found.contains(address) { found.append(address) }
            }
            return found
        }

        private static func network(_ text: String) throws -> IPNetwork {
            do {
                return try IPNetwork(parsing: text)
            } catch {
                throw CommandFailure(error.description)
            }
        }
    }
}

/// Somebody on the Internet who says from which address he is asked.
private struct EchoService {
    let url: String

    func address(by client: HTTPClient) async throws -> IPNetwork {
        let advice = "say it with --ip, or ask another with --service"
        let body: ByteBuffer
        do {
            let response = try await client.execute(HTTPClientRequest(url: url), timeout: .seconds(10))
            guard response.status == .ok else { throw CommandFailure("it answered \(response.status.code)") }
            body = try await response.body.collect(upTo: 1024)
        } catch {
            throw CommandFailure("\(url) does not tell the address: \(error): \(advice)")
        }
        let text = String(buffer: body).trimmingCharacters(in: .whitespacesAndNewlines)
        guard let address = IPAddress(text), let network = IPNetwork(address, prefixLength: address.family.bitWidth)
        else {
            throw CommandFailure("\(url) answers with '\(text.prefix(60))', which is no address: \(advice)")
        }
        return network
    }
}

/// What the lists of the file become.
private struct AdminMove {
    let admin: [IPNetwork]
    let neverCutOff: [IPNetwork]
    /// The file as it will be.
    let declaration: Declaration
    let text: String
    let isEmpty: Bool

    /// - Parameter replacing: nil: the only one of the same family, if there is one.
    init(to added: [IPNetwork], in declared: Declaration, replacing: IPNetwork?, isAdding: Bool) throws {
        var (admin, guarded) = (declared.admin, declared.neverCutOff)
        var lines: [String] = []
        for network in added where !admin.contains(network) {
            guard !isAdding, let old = try Self.old(network, replacing, admin, added) else {
                admin.append(network)
                guarded.append(network)
                lines.append("admin: + \(network)")
                continue
            }
            admin = admin.map { $0 == old ? network : $0 }
            guarded = guarded.map { $0 == old ? network : $0 }
            lines.append("admin: \(old) -> \(network)")
        }
        self.admin = admin
        neverCutOff = guarded.reduce(into: []) { if !$0.contains($1) { $0.append($1) } }
        isEmpty = lines.isEmpty
        text =
            lines.isEmpty
            ? "admin: \(added.map(\.description).joined(separator: ", ")), as declared" : lines.joined(separator: "\n")
        var changed = declared
        changed.admin = admin
        changed.neverCutOff = neverCutOff
        declaration = changed
    }

    private static func old(
        _ network: IPNetwork, _ replacing: IPNetwork?, _ admin: [IPNetwork], _ added: [IPNetwork]
    ) throws -> IPNetwork? {
        let candidates = admin.filter { $0.address.family == network.address.family && !added.contains($0) }
        if let replacing, replacing.address.family == network.address.family {
            guard admin.contains(replacing) else {
                throw CommandFailure(
                    "--replaces \(replacing) is not in 'admin': it has \(admin.map(\.description).joined(separator: ", "))"
                )
            }
            return replacing
        }
        guard candidates.count < 2 else {
            throw CommandFailure(
                "'admin' has \(candidates.map(\.description).joined(separator: ", ")): say which of them \(network) takes the "
                    + "place of with --replaces, or keep them with --adds")
        }
        return candidates.first
    }
}
