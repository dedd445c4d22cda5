/// How far a forwarder has come: the last record that its receiver is known to have, in a file `forward-<name>.cursor`
/// beside the log. So the log itself is the spool, and retention knows what is still needed.
public struct ForwardCursor: Sendable, Equatable {
    public var sequence: Int
    /// The hash of that record, to notice that a log is another one; 64 zeros before the first record.
    public var hash: String

    public init(sequence: Int, hash: String) {
        self.sequence = sequence
        self.hash = hash
    }

    public static let start = ForwardCursor(
        sequence: 0, hash: String(decoding: RecordEncoder.zeroHash, as: UTF8.self))

    private static func fileName(_ name: String) -> String { "forward-\(name).cursor" }

    /// - Parameter name: of the forwarder: letters, digits, `.`, `_`, `-`.
    /// - Returns: nil when there is none yet, or the file holds anything else.
    public static func read(_ name: String, directory: String) throws(WitnessError) -> ForwardCursor? {
        do {
            return try read(name, in: LogDirectory(path: directory))
        } catch {
            throw WitnessError(error)
        }
    }

    static func read(_ name: String, in directory: LogDirectory) throws(FileError) -> ForwardCursor? {
        guard let bytes = try directory.content(of: fileName(name)) else { return nil }
        let parts = String(decoding: bytes.prefix { $0 != UInt8(ascii: "\n") }, as: UTF8.self).split(separator: " ")
        guard parts.count == 2, let sequence = Int(parts[0]), sequence >= 0, parts[1].utf8.count == 64 else {
            return nil
        }
        return ForwardCursor(sequence: sequence, hash: String(parts[1]))
    }

    /// Durable when it returns; blocks on the disk.
    public func save(_ name: String, directory: String) throws(WitnessError) {
        do {
            try LogDirectory(path: directory).replace(
                Self.fileName(name), with: Array("\(sequence) \(hash)\n".utf8))
        } catch {
            throw WitnessError(error)
        }
    }
}
