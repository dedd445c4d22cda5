import CoreTypes
import Foundation
import SallyportConfiguration

/// The edge's own directory: what it keeps over a restart.
struct StateDirectory {
    let path: String

    /// Makes the directory, for its owner only, if it is not there.
    init(_ path: String) throws(EdgeError) {
        self.path = path
        do {
            try FileManager.default.createDirectory(
                atPath: path, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
        } catch {
            throw EdgeError(
                .state, "\(path) can't be made: \(error.localizedDescription); check 'state' and who may write there")
        }
    }

    /// The key of nonces and cookies: the configuration's, or one that is made at the first start. With it, both stay good
    /// over a restart, and on every node that has the same.
    func secret(_ configuration: Configuration) throws(EdgeError) -> NodeSecret {
        if let shared = try Self.sharedSecret(configuration) { return shared }
        let file = path + "/secret.key"
        if let data = FileManager.default.contents(atPath: file) {
            if data.count == 32 { return NodeSecret(Array(data)) }
            guard let secret = NodeSecret(lines: String(decoding: data, as: UTF8.self)) else {
                throw EdgeError(.state, "\(file) \(Self.form); remove it and a new key is made")
            }
            return secret
        }
        var generator = SystemRandomNumberGenerator()
        let bytes = (0..<4).flatMap { _ in
            withUnsafeBytes(of: generator.next()) { Array($0) }
        }
        guard
            FileManager.default.createFile(
                atPath: file, contents: Data((Hexadecimal.string(bytes) + "\n").utf8),
                attributes: [.posixPermissions: 0o600])
        else {
            throw EdgeError(.state, "\(file) can't be written; check who may write there")
        }
        return NodeSecret(bytes)
    }

    private static let form = "does not hold keys of 64 hexadecimal digits each, one a line, the one in use first"

    /// Nil where the configuration names none.
    static func sharedSecret(_ configuration: Configuration) throws(EdgeError) -> NodeSecret? {
        guard let reference = configuration.nodeSecret else { return nil }
        guard let text = configuration.secret(reference) else {
            throw EdgeError(
                .configuration,
                "node_secret: the variable or file is not there, can't be read or is empty; make one "
                    + "with 'openssl rand -hex 32' and let nobody but sallyport's user read it")
        }
        guard let secret = NodeSecret(lines: text) else {
            throw EdgeError(.configuration, "node_secret \(form); make a key with 'openssl rand -hex 32'")
        }
        return secret
    }
}
