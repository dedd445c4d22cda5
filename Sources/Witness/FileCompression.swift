internal import Crypto

/// Turns a closed file into its compressed form so that a crash at any point loses nothing:
///
/// 1. it is compressed into `<name>.gz.new` and synced;
/// 2. that is decompressed again and compared with the plain file;
/// 3. it gets its name, durably;
/// 4. the plain file is removed.
///
/// Until the last step the plain file counts (``LogDirectory/files()``), so each step may be done again.
struct FileCompression {
    let directory: LogDirectory
    /// Asked between pieces; true ends it, as if it had not begun.
    let isCanceled: () -> Bool

    /// - Returns: false when it was canceled.
    /// - Throws: also when what was compressed does not decompress to the same bytes; then the plain file stays.
    func compress(_ entry: LogDirectory.Entry) throws(FileError) -> Bool {
        let final = entry.otherForm.name
        let temporary = final + ".new"
        let plain = try FileSurvey(entry, directory)
        guard plain.bytes > 0 else {
            // A rotation that failed half way leaves an empty file.
            try directory.remove(entry.name)
            return true
        }
        do throws(FileError) {
            guard try write(entry, summary: plain.summary, to: temporary) else {
                try directory.remove(temporary)
                return false
            }
            guard try digest(of: temporary) == plain.digest else {
                throw FileError(
                    operation: "compress", path: directory.path(of: entry.name),
                    reason: "what came out is not what went in")
            }
        } catch {
            try? directory.remove(temporary)
            throw error
        }
        try directory.move(temporary, to: final)
        try directory.remove(entry.name)
        return true
    }

    private func write(
        _ entry: LogDirectory.Entry, summary: FileSummary?, to name: String
    ) throws(FileError) -> Bool {
        guard let stream = try LogFileStream.open(directory, entry) else { return false }
        let output = try directory.create(name)
        defer { output.close() }
        let encoder: GzipEncoder
        do {
            encoder = try GzipEncoder(comment: summary?.text ?? "")
        } catch {
            throw FileError(operation: "compress", path: directory.path(of: entry.name), reason: error.description)
        }
        var offset = 0
        while true {
            if isCanceled() { return false }
            let bytes = try stream.read()
            let compressed: [UInt8]
            do {
                compressed = try encoder.encode(bytes, isLast: bytes.isEmpty)
            } catch {
                throw FileError(operation: "compress", path: directory.path(of: entry.name), reason: error.description)
            }
            try output.write(compressed, at: offset)
            offset += compressed.count
            if bytes.isEmpty { break }
        }
        try output.sync()
        return true
    }

    /// SHA-256 of what a compressed file decompresses to; nil when it is damaged.
    private func digest(of name: String) throws(FileError) -> [UInt8]? {
        guard let file = try directory.openForReading(name) else { return nil }
        let stream = try LogFileStream(compressed: file)
        var hasher = SHA256()
        while true {
            let bytes = try stream.read()
            if bytes.isEmpty { break }
            hasher.update(data: bytes)
        }
        return stream.damage == nil ? Array(hasher.finalize()) : nil
    }
}
