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
        @Option(help: "The first day (2026-01-31), or RFC 3339 time, at which the key is valid.")
        var notBefore: KeyDate?
        @Option(help: "The last day (2026-12-31), or RFC 3339 time, at which the key is valid.")
        var notAfter: KeyDate?
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

/// A day in UTC, `2026-12-31`, or a second in it, `2026-12-31T12:00:00Z`.
struct KeyDate: ExpressibleByArgument {
    /// The first and the last millisecond that are meant, since 1970.
    let start: Int64
    let end: Int64

    init?(argument: String) {
        let parts = argument.split(separator: "T", omittingEmptySubsequences: false)
        let day = parts[0].split(separator: "-", omittingEmptySubsequences: false).compactMap { Self.number($0) }
        guard parts.count <= 2, parts[0].utf8.count == 10, day.count == 3 else { return nil }
        guard parts.count == 2 else {
            guard let start = CivilTime.milliseconds(year: day[0], month: day[1], day: day[2]) else { return nil }
            (self.start, end) = (start, start + 86_399_999)
            return
        }
        let clock = parts[1].dropLast().split(separator: ":", omittingEmptySubsequences: false)
            .compactMap { Self.number($0) }
        guard parts[1].hasSuffix("Z"), parts[1].utf8.count == 9, clock.count == 3,
            let second = CivilTime.milliseconds(
                year: day[0], month: day[1], day: day[2], hour: clock[0], minute: clock[1], second: clock[2])
        else { return nil }
        (start, end) = (second, second)
    }

    private static func number(_ text: Substring) -> Int? {
        text.utf8.allSatisfy { (0x30...0x39).contains($0) } ? Int(text) : nil
    }
}
