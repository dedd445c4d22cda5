#if canImport(Musl)
    internal import Musl
#else
    internal import Glibc
#endif

/// The bytes of one of the log's files from front to back, compressed or not, in constant memory.
final class LogFileStream {
    let entry: LogDirectory.Entry
    private let file: PosixFile
    private let decoder: GzipDecoder?
    private var offset = 0
    /// Why no more can be read of a compressed file.
    enum Damage: String {
        case cutOff = "the compressed file is cut off"
        case garbled = "the compressed data are not what was compressed"
        case leftovers = "something stands behind the compressed file's end"
    }

    private(set) var damage: Damage?

    static let chunk = 1 << 18

    /// Opens a file in either form: between listing and opening it may have been compressed.
    /// - Returns: nil when it is there in no form.
    static func open(_ directory: LogDirectory, _ entry: LogDirectory.Entry) throws(FileError) -> LogFileStream? {
        for entry in [entry, entry.otherForm, entry] {
            guard let file = try directory.openForReading(entry.name) else { continue }
            return try LogFileStream(entry, file)
        }
        return nil
    }

    /// A compressed file that has not got its name yet.
    convenience init(compressed file: PosixFile) throws(FileError) {
        try self.init(LogDirectory.Entry(first: 0, isCompressed: true), file)
    }

    private init(_ entry: LogDirectory.Entry, _ file: PosixFile) throws(FileError) {
        self.entry = entry
        self.file = file
        do {
            decoder = entry.isCompressed ? try GzipDecoder() : nil
        } catch {
            file.close()
            throw FileError(operation: "decompress", path: file.path, reason: error.description)
        }
    }

    deinit {
        file.close()
    }

    /// What was noted about the file when it was compressed; nil where it was not, or not by the witness. To be asked
    /// after the first read.
    var summary: FileSummary? { decoder.flatMap { FileSummary($0.comment) } }

    /// - Returns: the next bytes, `chunk` of them at most; none at the end, or where the file is damaged. At the end of a
    ///   plain file more may come later.
    func read() throws(FileError) -> [UInt8] {
        guard let decoder else {
            let bytes = try file.read(at: offset, count: Self.chunk)
            offset += bytes.count
            return bytes
        }
        while damage == nil {
            let bytes: [UInt8]
            do {
                bytes = try decoder.decode(Self.chunk)
            } catch {
                damage = .garbled
                return []
            }
            if !bytes.isEmpty { return bytes }
            guard decoder.isHungry else { break }
            let compressed = try file.read(at: offset, count: Self.chunk)
            offset += compressed.count
            if compressed.isEmpty { damage = .cutOff }
            decoder.feed(compressed)
        }
        if damage == nil, decoder.hasLeftovers {
            damage = .leftovers
        }
        return []
    }

    /// Reads on without using what comes.
    /// - Returns: what was read beyond that.
    func skip(_ count: Int) throws(FileError) -> [UInt8] {
        guard decoder != nil else {
            offset += count
            return []
        }
        var left = count
        while left > 0 {
            let bytes = try read()
            if bytes.isEmpty { break }
            if bytes.count > left { return Array(bytes[left...]) }
            left -= bytes.count
        }
        return []
    }
}
