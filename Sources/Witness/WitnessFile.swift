/// One of the files of a log.
public struct WitnessFile: Sendable {
    public let name: String
    /// The number of its first record.
    public let first: Int
    /// As they stand on the disk.
    public let bytes: Int
    public let isCompressed: Bool

    /// The oldest first.
    /// - Throws: code `storage` when the directory can't be read.
    public static func all(in path: String) throws(WitnessError) -> [WitnessFile] {
        do {
            let directory = LogDirectory(path: path)
            var files: [WitnessFile] = []
            for entry in try directory.files() {
                // One that has been removed or compressed since the listing is not there under this name any more.
                guard let file = try directory.openForReading(entry.name) else { continue }
                defer { file.close() }
                files.append(
                    WitnessFile(
                        name: entry.name, first: entry.first, bytes: try file.length,
                        isCompressed: entry.isCompressed))
            }
            return files
        } catch {
            throw WitnessError(error)
        }
    }
}
