import ArgumentParser
import CoreTypes
import Registry
import Witness

struct AllowCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "allow", abstract: "Networks that may send requests.",
        discussion: "Changes take effect on a running edge within a second.",
        subcommands: [Add.self, List.self, Remove.self, Test.self])

    /// A network as `--json` shows it.
    struct Output: Encodable {
        let network: String
        let group: Int
        /// 0: any
        let port: UInt16
        let transport: String?
        let tag: String

        init(_ rule: RegistrySnapshot.Address) {
            network = rule.network.description
            group = rule.group
            port = rule.port
            transport = rule.transport?.rawValue
            tag = rule.tag
        }
    }

    struct Add: ParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Allow a network.")

        @Argument(help: "Such as 192.0.2.0/24, 2001:db8::/32 or an address.") var cidr: String
        @Option(help: "The organization that it belongs to.") var tag: String
        @Option(help: "The group; profiles name the group that they accept.") var group = 1
        @Option(help: "Only from this source port; 0: any.") var port: UInt16 = 0
        @Option(
            help: "Only over this transport: udp, tcp or tls (default: any).",
            completion: .list(TransportKind.allCases.map(\.rawValue)),
            transform: { text in
                guard let transport = TransportKind(rawValue: text) else {
                    throw ValidationError("'\(JSONText.escaped(text))' is none of udp, tcp and tls.")
                }
                return transport
            })
        var transport: TransportKind?
        @OptionGroup var configuration: ConfigurationOption
        @OptionGroup var output: OutputOption

        func validate() throws {
            if group < 0 { throw ValidationError("--group is a number from 0.") }
        }

        func run() throws {
            let rule = RegistrySnapshot.Address(
                network: try IPNetwork(parsing: cidr), group: group, port: port, transport: transport, tag: tag)
            try configuration.openRegistry(create: true).allow(rule)
            try output.show(
                Output(rule), text: "allowed \(rule.network) in group \(group) for \(JSONText.escaped(tag))")
        }
    }

    struct List: ParsableCommand {
        static let configuration = CommandConfiguration(abstract: "List all allowed networks.")

        @OptionGroup var configuration: ConfigurationOption
        @OptionGroup var output: OutputOption

        func run() throws {
            let rules = try configuration.openRegistry().addresses().map(\.rule)
            try output.show(rules.map(Output.init), text: rules.isEmpty ? "no networks" : table(rules).text())
        }
    }

    struct Remove: ParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Remove a network.")

        @Argument(help: "As 'allow list' shows it.") var cidr: String
        @Option(help: "Only from this group (default: from all).") var group: Int?
        @OptionGroup var configuration: ConfigurationOption
        @OptionGroup var output: OutputOption

        func run() throws {
            let network = try IPNetwork(parsing: cidr)
            let count = try configuration.openRegistry().disallow(network, group: group)
            try output.show(
                ["removed": count], text: "removed \(network) (\(count) \(count == 1 ? "entry" : "entries"))")
        }
    }

    struct Test: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Say whether an address is allowed, and by which network.",
            discussion: "The longest prefix decides in each group. Exits with 1 when the address is in none.")

        @Argument(help: "An IPv4 or IPv6 address.") var address: String
        @Option(help: "Look into this group only.") var group: Int?
        @OptionGroup var configuration: ConfigurationOption
        @OptionGroup var output: OutputOption

        private struct Result: Encodable {
            let address: String
            let allowed: Bool
            let networks: [Output]
        }

        func run() throws {
            let address = try IPAddress(argument: address)
            let rules = try configuration.openRegistry().rules(for: address).map(\.rule)
                .filter { group == nil || $0.group == group }
            let place = group.map { " in group \($0)" } ?? ""
            try output.show(
                Result(address: address.description, allowed: !rules.isEmpty, networks: rules.map(Output.init)),
                text: rules.isEmpty
                    ? "\(address) is not allowed\(place)"
                    : "\(address) is allowed\(place); the first network of a group decides:\n" + table(rules).text())
            if rules.isEmpty { throw ExitCode(1) }
        }
    }

    private static func table(_ rules: [RegistrySnapshot.Address]) -> Table {
        var table = Table("NETWORK", "GROUP", "PORT", "TRANSPORT", "TAG")
        for rule in rules {
            table.add(
                rule.network.description, String(rule.group), rule.port == 0 ? "any" : String(rule.port),
                rule.transport?.rawValue ?? "any", rule.tag)
        }
        return table
    }
}
