internal import Crypto
internal import CoreTypes
internal import Foundation
#if canImport(Musl)
    internal import Musl
#else
    internal import Glibc
#endif

/// The key that a node signs its checkpoints with (Ed25519, RFC 8032): `node.key` in the state directory, 32 octets in
/// base64, readable by its owner only; its public half stands beside it in `node.pub`.
struct NodeKey: Sendable {
    static let privateName = "node.key"
    static let publicName = "node.pub"

    private let key: Curve25519.Signing.PrivateKey
    let publicKey: WitnessPublicKey

    /// Reads the key; makes one at the first start.
    static func load(from directory: LogDirectory) throws(WitnessError) -> NodeKey {
        do {
            try directory.create()
            let key = try existing(in: directory) ?? make(in: directory)
            let node = NodeKey(key: key, publicKey: WitnessPublicKey(key.publicKey))
            try publish(node.publicKey, in: directory)
            return node
        } catch let error as WitnessError {
            throw error
        } catch let error as FileError {
            throw WitnessError(.key, error.description)
        } catch {
            throw WitnessError(.key, "\(directory.path(of: privateName)): \(error)")
        }
    }

    private static func existing(in directory: LogDirectory) throws -> Curve25519.Signing.PrivateKey? {
        guard let file = try directory.openForReading(privateName) else { return nil }
        defer { file.close() }
        guard try file.mode & 0o077 == 0 else {
            throw WitnessError(
                .key, "\(file.path) can be read by others, so its signatures prove nothing: chmod 600 \(file.path)")
        }
        let text = String(decoding: try file.read(at: 0, count: 1024), as: UTF8.self)
        guard let raw = Data(base64Encoded: text.trimmingCharacters(in: .whitespacesAndNewlines)), raw.count == 32
        else {
            throw WitnessError(
                .key,
                "\(file.path) is not a key (32 octets in base64): restore it from a backup, or move it and "
                    + "\(publicName) away, so that a new one is made")
        }
        return try Curve25519.Signing.PrivateKey(rawRepresentation: raw)
    }

    private static func make(in directory: LogDirectory) throws -> Curve25519.Signing.PrivateKey {
        let key = Curve25519.Signing.PrivateKey()
        let path = directory.path(of: privateName)
        let file = try PosixFile(path, flags: O_WRONLY | O_CREAT | O_EXCL, mode: 0o600)
        defer { file.close() }
        try file.write(Array((key.rawRepresentation.base64EncodedString() + "\n").utf8), at: 0)
        try file.sync()
        try directory.syncNames()
        return key
    }

    /// `node.pub` keeps the keys of earlier times, so that their checkpoints can still be checked.
    private static func publish(_ key: WitnessPublicKey, in directory: LogDirectory) throws {
        let known = try WitnessPublicKey.load(fromFile: directory.path(of: publicName), ifMissing: [])
        guard !known.contains(key) else { return }
        let lines = (known + [key]).map { $0.base64 + "\n" }.joined()
        try directory.replace(publicName, with: Array(lines.utf8))
    }

    func sign(_ text: String) throws -> String {
        try key.signature(for: Data(text.utf8)).base64EncodedString()
    }
}

/// The public half of a node's key.
public struct WitnessPublicKey: Sendable, Equatable {
    /// 32 octets in base64.
    public let base64: String
    /// The first 16 hexadecimal digits of the SHA-256 of the 32 octets: the `key` of a CHECKPOINT.
    public let id: String

    init(_ key: Curve25519.Signing.PublicKey) {
        base64 = key.rawRepresentation.base64EncodedString()
        id = Hexadecimal.string(Array(SHA256.hash(data: key.rawRepresentation)).prefix(8))
    }

    /// Nil when the text is not the base64 of an Ed25519 public key.
    public init?(base64 text: String) {
        guard let raw = Data(base64Encoded: text), raw.count == 32,
            let key = try? Curve25519.Signing.PublicKey(rawRepresentation: raw)
        else { return nil }
        self.init(key)
    }

    func verifies(signature: String, of text: String) -> Bool {
        guard let raw = Data(base64Encoded: base64), let signature = Data(base64Encoded: signature),
            let key = try? Curve25519.Signing.PublicKey(rawRepresentation: raw)
        else { return false }
        return key.isValidSignature(signature, for: Data(text.utf8))
    }

    /// Reads a `node.pub`: one key a line, the oldest first.
    public static func load(fromFile path: String) throws(WitnessError) -> [WitnessPublicKey] {
        try load(fromFile: path, ifMissing: nil)
    }

    static func load(fromFile path: String, ifMissing: [WitnessPublicKey]?) throws(WitnessError) -> [WitnessPublicKey] {
        let bytes: [UInt8]
        do {
            let file = try PosixFile(path, flags: O_RDONLY)
            defer { file.close() }
            bytes = try file.read(at: 0, count: 1 << 16)
        } catch {
            if error.number == ENOENT, let ifMissing { return ifMissing }
            throw WitnessError(.key, error.description)
        }
        var keys: [WitnessPublicKey] = []
        for (index, line) in String(decoding: bytes, as: UTF8.self).split(separator: "\n").enumerated() {
            guard let key = WitnessPublicKey(base64: line.trimmingCharacters(in: .whitespaces)) else {
                throw WitnessError(.key, "\(path):\(index + 1): not an Ed25519 public key (32 octets in base64)")
            }
            keys.append(key)
        }
        return keys
    }
}
