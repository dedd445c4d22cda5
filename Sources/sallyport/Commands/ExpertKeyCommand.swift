import ArgumentParser
import CoreTypes
import Foundation
import Registry
import Witness

/// An expert as `--json` shows it.
struct ExpertOutput: Encodable {
    struct Key: Encodable {
        let id: String
        /// Base64 of the 32 octets.
        let publicKey: String
        let notBefore: String?
        let notAfter: String?
    }

    let aor: String
    let name: String
    let organization: String
    let specializations: [String]
    let verified: Bool
    let contact: String?
    let keys: [Key]

    init(_ expert: RegistrySnapshot.Expert) {
        aor = expert.id
        name = expert.name
        organization = expert.organization
        specializations = expert.specializations
        verified = expert.isVerified
        contact = expert.contact
        keys = expert.keys.map { key in
            Key(
                id: key.id, publicKey: Data(key.publicKey).base64EncodedString(), notBefore: timestamp(key.notBefore),
                notAfter: timestamp(key.notAfter))
        }
    }
}

struct ExpertKeyCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "key", abstract: "The public keys that an expert signs calls with.",
        subcommands: [Add.self, Remove.self])

    struct Add: ParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Add an Ed25519 public key.")

        @Argument(help: "user@domain") var aor: String
        @Argument(help: "A short name for the key; stands before the signature in X-IF-Signature.") var keyID: String
        @Argument(
            help: "A PEM file as 'openssl pkey -pubout' writes it, or the 32 octets in base64.", completion: .file())
        var publicKeyFile: String
        @Option(
            help: "The first day (2026-01-31), or RFC 3339 time, at which the key is valid.",
            transform: CivilSpan.init(argument:))
        var notBefore: CivilSpan?
        @Option(
            help: "The last day (2026-12-31), or RFC 3339 time, at which the key is valid.",
            transform: CivilSpan.init(argument:))
        var notAfter: CivilSpan?
        @OptionGroup var configuration: ConfigurationOption
        @OptionGroup var output: OutputOption

        func run() throws {
            guard let data = FileManager.default.contents(atPath: publicKeyFile), data.count <= 65_536 else {
                throw CommandFailure("\(publicKeyFile) can't be read: check the path and its permissions")
            }
            let publicKey: [UInt8]
            do {
                publicKey = try Ed25519PublicKey.parse(String(decoding: data, as: UTF8.self))
            } catch {
                throw CommandFailure("\(publicKeyFile): \(error)")
            }
            let store = try configuration.openRegistry()
            try store.addKey(
                .init(id: keyID, publicKey: publicKey, notBefore: notBefore?.start, notAfter: notAfter?.end), to: aor)
            let expert = try store.expert(aor)
            try output.show(ExpertOutput(expert), text: "added key \(keyID) to \(expert.id)")
        }
    }

    struct Remove: ParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Remove a key.")

        @Argument(help: "user@domain") var aor: String
        @Argument(help: "The key's name, as 'expert show' shows it.") var keyID: String
        @OptionGroup var configuration: ConfigurationOption
        @OptionGroup var output: OutputOption

        func run() throws {
            let store = try configuration.openRegistry()
            try store.removeKey(keyID, from: aor)
            let expert = try store.expert(aor)
            try output.show(ExpertOutput(expert), text: "removed key \(JSONText.escaped(keyID)) from \(expert.id)")
        }
    }
}

extension CivilSpan {
    /// - Throws: what to tell who typed it.
    init(argument text: String) throws {
        guard let span = CivilSpan(parsing: text) else {
            throw ValidationError(
                "'\(JSONText.escaped(text))' is no day or time: write 2026-12-31 or 2026-12-31T12:00:00Z.")
        }
        self = span
    }
}
