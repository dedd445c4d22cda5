import ArgumentParser
import Registry
import Witness

struct ExpertCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "expert", abstract: "Outside experts, and the keys that they sign calls with.",
        discussion: "Changes take effect on a running edge within a second.",
        subcommands: [Add.self, List.self, Show.self, Remove.self, Verify.self, ExpertKeyCommand.self])

    struct Add: ParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Add an expert.")

        @Argument(help: "user@domain") var aor: String
        @Option(help: "The display name.") var name: String
        @Option(help: "The organization that the expert speaks for.") var organization: String
        @Option(help: "A hazard that the expert may be asked about; may be given several times.")
        var specialization: [String] = []
        @Flag(help: "The expert is known to be who the registry says.") var verified = false
        @Option(help: "Where calls to the expert go: a SIP URI.") var contact: String?
        @OptionGroup var configuration: ConfigurationOption
        @OptionGroup var output: OutputOption

        func validate() throws {
            if specialization.isEmpty { throw ValidationError("Give at least one --specialization.") }
        }

        func run() throws {
            let store = try configuration.openRegistry(create: true)
            try store.addExpert(
                .init(
                    id: aor, name: name, organization: organization, specializations: specialization,
                    isVerified: verified, contact: contact))
            let expert = try store.expert(aor)
            try output.show(ExpertOutput(expert), text: "added \(expert.id)")
        }
    }

    struct List: ParsableCommand {
        static let configuration = CommandConfiguration(abstract: "List all experts.")

        @OptionGroup var configuration: ConfigurationOption
        @OptionGroup var output: OutputOption

        func run() throws {
            let experts = try configuration.openRegistry().experts()
            var table = Table("EXPERT", "NAME", "ORGANIZATION", "SPECIALIZATIONS", "VERIFIED", "KEYS")
            for expert in experts {
                table.add(
                    expert.id, expert.name, expert.organization, expert.specializations.joined(separator: " "),
                    expert.isVerified ? "yes" : "no", String(expert.keys.count))
            }
            try output.show(experts.map(ExpertOutput.init), text: experts.isEmpty ? "no experts" : table.text())
        }
    }

    struct Show: ParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Show one expert with its keys.")

        @Argument(help: "user@domain") var aor: String
        @OptionGroup var configuration: ConfigurationOption
        @OptionGroup var output: OutputOption

        func run() throws {
            let expert = try configuration.openRegistry().expert(aor)
            var table = Table("EXPERT", expert.id)
            table.add("name", expert.name)
            table.add("organization", expert.organization)
            table.add("specializations", expert.specializations.joined(separator: " "))
            table.add("verified", expert.isVerified ? "yes" : "no")
            table.add("contact", expert.contact ?? "")
            for key in ExpertOutput(expert).keys {
                let from = key.notBefore.map { " from \($0)" } ?? ""
                let until = key.notAfter.map { " until \($0)" } ?? ""
                table.add("key \(key.id)", key.publicKey + from + until)
            }
            try output.show(ExpertOutput(expert), text: table.text())
        }
    }

    struct Remove: ParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Remove an expert and its keys.")

        @Argument(help: "user@domain") var aor: String
        @OptionGroup var configuration: ConfigurationOption
        @OptionGroup var output: OutputOption

        func run() throws {
            let store = try configuration.openRegistry()
            let expert = try store.expert(aor)
            try store.removeExpert(aor)
            try output.show(ExpertOutput(expert), text: "removed \(expert.id)")
        }
    }

    struct Verify: ParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Say that an expert is who the registry says.")

        @Argument(help: "user@domain") var aor: String
        @OptionGroup var configuration: ConfigurationOption
        @OptionGroup var output: OutputOption

        func run() throws {
            let store = try configuration.openRegistry()
            try store.setExpert(aor, verified: true)
            let expert = try store.expert(aor)
            try output.show(ExpertOutput(expert), text: "verified \(expert.id)")
        }
    }
}
