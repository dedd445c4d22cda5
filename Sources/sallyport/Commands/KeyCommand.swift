import ArgumentParser
import CoreTypes
import Registry
import Witness

struct KeyCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "key", abstract: "Keys of the control API and the console.",
        discussion: "A revoked key lets nobody in from the moment on, also on a running edge.",
        subcommands: [Create.self, List.self, Revoke.self])

    struct Create: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Make a key and show it, this once.",
            discussion: """
                viewer sees everything but the keys; operator also ends calls and changes the allowlist and bans; admin \
                also changes subscribers, experts and keys.
                """)

        @Argument(help: "1 to 64 letters, digits, dots, hyphens and underscores.") var name: String
        @Option(
            help: "viewer, operator or admin.", completion: .list(APIRole.allCases.map(\.rawValue)),
            transform: { text in
                guard let role = APIRole(rawValue: text) else {
                    throw ValidationError("'\(JSONText.escaped(text))' is none of viewer, operator and admin.")
                }
                return role
            })
        var role: APIRole
        @Option(
            help: "The last day (2026-12-31), or RFC 3339 time, at which it is valid (default: no end).",
            transform: CivilSpan.init(argument:))
        var expires: CivilSpan?
        @OptionGroup var configuration: ConfigurationOption
        @OptionGroup var output: OutputOption

        private struct Output: Encodable {
            let name: String
            let role: String
            let key: String
            let expiresAt: String?
        }

        func run() throws {
            let key = try configuration.openRegistry(create: true).createKey(name, role: role, expiresAt: expires?.end)
            try output.show(
                Output(name: name, role: role.rawValue, key: key, expiresAt: timestamp(expires?.end)),
                text: "\(key)\nThis key for \(name) (\(role.rawValue)) is shown once and kept nowhere: store it now.")
        }
    }

    struct List: ParsableCommand {
        static let configuration = CommandConfiguration(abstract: "List all keys, without what would let anybody in.")

        @OptionGroup var configuration: ConfigurationOption
        @OptionGroup var output: OutputOption

        private struct Output: Encodable {
            let name: String
            let role: String
            let prefix: String
            let createdAt: String?
            let expiresAt: String?
            let lastUsedAt: String?
        }

        func run() throws {
            let keys = try configuration.openRegistry().apiKeys()
            var table = Table("KEY", "ROLE", "BEGINS WITH", "CREATED", "EXPIRES", "LAST USED")
            for key in keys {
                table.add(
                    key.name, key.role.rawValue, key.prefix, timestamp(key.createdAt) ?? "",
                    timestamp(key.expiresAt) ?? "never", timestamp(key.lastUsedAt) ?? "never")
            }
            let documents = keys.map { key in
                Output(
                    name: key.name, role: key.role.rawValue, prefix: key.prefix, createdAt: timestamp(key.createdAt),
                    expiresAt: timestamp(key.expiresAt), lastUsedAt: timestamp(key.lastUsedAt))
            }
            try output.show(documents, text: keys.isEmpty ? "no keys: make one with 'key create'" : table.text())
        }
    }

    struct Revoke: ParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Let nobody in any more with a key.")

        @Argument(help: "As 'key list' shows it.") var name: String
        @OptionGroup var configuration: ConfigurationOption
        @OptionGroup var output: OutputOption

        func run() throws {
            try configuration.openRegistry().revokeKey(name)
            try output.show(["revoked": name], text: "revoked \(name)")
        }
    }
}
