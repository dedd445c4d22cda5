import CoreTypes
import Foundation

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

    /// The key of nonces and cookies, made at the first start: with it, both stay good over a restart.
    func secret() throws(EdgeError) -> NodeSecret {
        let file = path + "/secret.key"
        if let data = FileManager.default.contents(atPath: file) {
            guard data.count == 32 else {
                throw EdgeError(
                    .state, "\(file) holds \(data.count) octets instead of 32; remove it and a new key is made")
            }
            return NodeSecret(Array(data))
        }
        var generator = SystemRandomNumberGenerator()
        let bytes = (0..<4).flatMap { _ in
            withUnsafeBytes(of: generator.next()) { Array($0) }
        }
        guard
            FileManager.default.createFile(
                atPath: file, contents: Data(bytes), attributes: [.posixPermissions: 0o600])
        else {
            throw EdgeError(.state, "\(file) can't be written; check who may write there")
        }
        return NodeSecret(bytes)
    }
}
