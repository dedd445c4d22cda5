import ArgumentParser
import Registry

struct SubscriberCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "subscriber", abstract: "People and phones that may authenticate.",
        discussion: "Changes take effect on a running edge within a second.",
        subcommands: [Add.self, List.self, Show.self, Password.self, Disable.self, Enable.self, Remove.self])

    /// A subscriber as `--json` shows it.
    struct Output: Encodable {
        let aor: String
        let enabled: Bool
        let algorithms: [String]
        let plaintext: Bool
        let createdAt: String?
        let updatedAt: String?

        init(_ entry: SubscriberEntry) {
            aor = entry.aor
            enabled = entry.isEnabled
            algorithms = entry.algorithms
            plaintext = entry.hasPlaintext
            createdAt = timestamp(entry.createdAt)
            updatedAt = timestamp(entry.updatedAt)
        }
    }

    struct Add: ParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Add a subscriber.")

        @Argument(help: "user@domain") var aor: String
        @OptionGroup var password: PasswordOption
        @OptionGroup var configuration: ConfigurationOption
        @OptionGroup var output: OutputOption

        func run() throws {
            let store = try configuration.openRegistry(create: true)
            try store.addSubscriber(aor, password: try password.read())
            try show(aor, "added", store, output)
        }
    }

    struct List: ParsableCommand {
        static let configuration = CommandConfiguration(abstract: "List all subscribers.")

        @OptionGroup var configuration: ConfigurationOption
        @OptionGroup var output: OutputOption

        func run() throws {
            let entries = try configuration.openRegistry().subscribers()
            var table = Table("SUBSCRIBER", "ENABLED", "ALGORITHMS", "CHANGED", "NOTE")
            for entry in entries {
                table.add(
                    entry.aor, entry.isEnabled ? "yes" : "no", entry.algorithms.joined(separator: " "),
                    timestamp(entry.updatedAt) ?? "", entry.hasPlaintext ? "password in plain text" : "")
            }
            try output.show(entries.map(Output.init), text: entries.isEmpty ? "no subscribers" : table.text())
        }
    }

    struct Show: ParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Show one subscriber.")

        @Argument(help: "user@domain") var aor: String
        @OptionGroup var configuration: ConfigurationOption
        @OptionGroup var output: OutputOption

        func run() throws {
            let entry = try configuration.openRegistry().subscriber(aor)
            var table = Table("SUBSCRIBER", entry.aor)
            table.add("enabled", entry.isEnabled ? "yes" : "no")
            table.add("algorithms", entry.algorithms.joined(separator: " "))
            table.add("plain text", entry.hasPlaintext ? "yes: set the password with 'subscriber password'" : "no")
            table.add("created", timestamp(entry.createdAt) ?? "by another program")
            table.add("changed", timestamp(entry.updatedAt) ?? "")
            try output.show(Output(entry), text: table.text())
        }
    }

    struct Password: ParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Set a subscriber's password.")

        @Argument(help: "user@domain") var aor: String
        @OptionGroup var password: PasswordOption
        @OptionGroup var configuration: ConfigurationOption
        @OptionGroup var output: OutputOption

        func run() throws {
            let store = try configuration.openRegistry()
            try store.setPassword(try password.read(), of: aor)
            try show(aor, "changed the password of", store, output)
        }
    }

    struct Disable: ParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Refuse a subscriber, but keep its password.")

        @Argument(help: "user@domain") var aor: String
        @OptionGroup var configuration: ConfigurationOption
        @OptionGroup var output: OutputOption

        func run() throws {
            let store = try configuration.openRegistry()
            try store.setSubscriber(aor, enabled: false)
            try show(aor, "disabled", store, output)
        }
    }

    struct Enable: ParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Accept a disabled subscriber again.")

        @Argument(help: "user@domain") var aor: String
        @OptionGroup var configuration: ConfigurationOption
        @OptionGroup var output: OutputOption

        func run() throws {
            let store = try configuration.openRegistry()
            try store.setSubscriber(aor, enabled: true)
            try show(aor, "enabled", store, output)
        }
    }

    struct Remove: ParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Remove a subscriber.")

        @Argument(help: "user@domain") var aor: String
        @OptionGroup var configuration: ConfigurationOption
        @OptionGroup var output: OutputOption

        func run() throws {
            let store = try configuration.openRegistry()
            let entry = try store.subscriber(aor)
            try store.removeSubscriber(aor)
            try output.show(Output(entry), text: "removed \(entry.aor)")
        }
    }

    private static func show(_ aor: String, _ done: String, _ store: RegistryStore, _ output: OutputOption) throws {
        let entry = try store.subscriber(aor)
        try output.show(Output(entry), text: "\(done) \(entry.aor)")
    }
}
