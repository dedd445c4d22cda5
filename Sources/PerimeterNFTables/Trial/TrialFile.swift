internal import Foundation

/// The file of a change that waits: written as a whole, for its owner only.
enum TrialFile {
    static func exists(_ path: String) -> Bool { FileManager.default.fileExists(atPath: path) }

    static func read<Value: Decodable>(_ type: Value.Type, at path: String) throws(NFTablesError) -> Value? {
        guard exists(path) else { return nil }
        do {
            return try JSONDecoder().decode(type, from: Data(contentsOf: URL(fileURLWithPath: path)))
        } catch {
            throw NFTablesError(
                .file, "\(path) can't be read (\(error)): look what nft lists, and delete the file when that is well")
        }
    }

    static func write(_ value: some Encodable, to path: String) throws(NFTablesError) {
        do {
            let url = URL(fileURLWithPath: path)
            try JSONEncoder().encode(value).write(to: url, options: .atomic)
            try FileManager.default.setAttributes([.posixPermissions: 0o600], ofItemAtPath: path)
        } catch {
            throw NFTablesError(.file, "\(path) can't be written: \(error.localizedDescription)")
        }
    }

    static func remove(_ path: String) throws(NFTablesError) {
        guard exists(path) else { return }
        do {
            try FileManager.default.removeItem(atPath: path)
        } catch {
            throw NFTablesError(.file, "\(path) can't be deleted: \(error.localizedDescription): delete it by hand")
        }
    }
}
