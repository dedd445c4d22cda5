import ArgumentParser
import CoreTypes
import Registry
import SallyportConfiguration
import Witness

struct BanCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "ban", abstract: "Addresses that the edge does not listen to.",
        discussion: "Changes take effect on a running edge within a second. Of IPv6 the whole /64 is banned.",
        subcommands: [List.self, Add.self, Lift.self])

    /// A ban as `--json` shows it.
    struct Output: Encodable {
        let address: String
        let reason: String
        let jail: String?
        let by: String
        let addedAt: String?
        let until: String?

        init(_ ban: Ban) {
            address = ban.address.description
            reason = ban.reason
            jail = ban.jail
            by = ban.actor
            addedAt = timestamp(ban.addedAt)
            until = timestamp(ban.until)
        }
    }

    struct List: ParsableCommand {
        static let configuration = CommandConfiguration(abstract: "List the bans that have not ended.")

        @OptionGroup var configuration: ConfigurationOption
        @OptionGroup var output: OutputOption

        func run() throws {
            let bans = try configuration.openRegistry().bans()
            var table = Table("ADDRESS", "UNTIL", "JAIL", "REASON", "BY", "SINCE")
            for ban in bans {
                table.add(
                    ban.address.description, timestamp(ban.until) ?? "lifted", ban.jail ?? "", ban.reason, ban.actor,
                    timestamp(ban.addedAt) ?? "")
            }
            try output.show(bans.map(Output.init), text: bans.isEmpty ? "no bans" : table.text())
        }
    }

    struct Add: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Ban an address.", discussion: "A ban that stands already is replaced.")

        @Argument(help: "An IPv4 or IPv6 address.") var address: String
        @Option(
            name: .customLong("for"), help: "How long, such as 10m, 24h, 30d (default: until it is lifted).",
            transform: { text in
                do throws(DurationError) {
                    return try Duration(parsing: text, in: Ban.duration)
                } catch {
                    throw ValidationError("--for: \(JSONText.escaped(error.description)).")
                }
            })
        var duration: Duration?
        @Option(help: "Why, for the record.") var reason = "banned by hand"
        @OptionGroup var configuration: ConfigurationOption
        @OptionGroup var output: OutputOption

        func run() throws {
            let address = try IPAddress(argument: address)
            let file = try configuration.load()
            let ban = try RegistryStore(try file.registrySettings()).ban(
                address, for: duration.map { $0.nanoseconds / 1_000_000 }, reason: reason,
                neverBan: file.neverBanned)
            let end = timestamp(ban.until).map { "until \($0)" } ?? "until it is lifted"
            try output.show(Output(ban), text: "banned \(address) \(end)")
        }
    }

    struct Lift: ParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Listen to an address again.")

        @Argument(help: "As 'ban list' shows it.") var address: String
        @OptionGroup var configuration: ConfigurationOption
        @OptionGroup var output: OutputOption

        func run() throws {
            let address = try IPAddress(argument: address)
            try configuration.openRegistry().liftBan(address)
            try output.show(["lifted": address.description], text: "lifted \(address)")
        }
    }
}

extension IPAddress {
    /// - Throws: what to tell who typed it.
    init(argument text: String) throws {
        guard let address = IPAddress(text) else {
            throw ValidationError("'\(JSONText.escaped(text))' is no IPv4 or IPv6 address.")
        }
        self = address
    }
}
