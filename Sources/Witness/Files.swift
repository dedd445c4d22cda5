#if canImport(Musl)
    internal import Musl
#else
    internal import Glibc
#endif

private func systemOpen(_ path: String, _ flags: Int32, _ mode: mode_t) -> Int32 { open(path, flags, mode) }
private func systemClose(_ descriptor: Int32) -> Int32 { close(descriptor) }

func systemMessage(_ number: Int32) -> String {
    String(cString: strerror(number))
}

/// What the chain needs of the file that it writes; a protocol so that tests can make the disk fail.
protocol LogFile: Sendable {
    /// Writes all of the bytes at an offset, or throws with any part of them written.
    func write(_ bytes: [UInt8], at offset: Int) throws(FileError)
    /// Returns when the file's bytes and length are on the disk.
    func sync() throws(FileError)
    func truncate(to length: Int) throws(FileError)
    func close()
}

/// Where log files come from.
protocol LogStorage: Sendable {
    /// Opens a file for writing, makes it where it is missing, and makes its name durable.
    func open(_ name: String) throws(FileError) -> any LogFile
    /// Replaces a small file's content so that a reader or a crash finds either the old or the new content.
    func replace(_ name: String, with bytes: [UInt8]) throws(FileError)
}

struct PosixFile: LogFile {
    let path: String
    let descriptor: Int32

    init(_ path: String, flags: Int32, mode: mode_t = 0o640) throws(FileError) {
        let descriptor = Self.retrying { Int(systemOpen(path, flags | O_CLOEXEC, mode)) }
        guard descriptor >= 0 else { throw FileError(operation: "open", path: path, number: errno) }
        self.path = path
        self.descriptor = Int32(descriptor)
    }

    private static func retrying(_ call: () -> Int) -> Int {
        while true {
            let result = call()
            if result >= 0 || errno != EINTR { return result }
        }
    }

    private func check(_ operation: String, _ call: () -> Int) throws(FileError) {
        guard Self.retrying(call) >= 0 else { throw FileError(operation: operation, path: path, number: errno) }
    }

    func write(_ bytes: [UInt8], at offset: Int) throws(FileError) {
        var done = 0
        while done < bytes.count {
            let count = bytes.withUnsafeBytes { buffer in
                let rest = UnsafeRawBufferPointer(rebasing: buffer[done...])
                return Self.retrying { pwrite(descriptor, rest.baseAddress, rest.count, off_t(offset + done)) }
            }
            guard count > 0 else { throw FileError(operation: "write", path: path, number: count < 0 ? errno : EIO) }
            done += count
        }
    }

    /// - Returns: the bytes from an offset, at most `count`; fewer at the end of the file.
    func read(at offset: Int, count: Int) throws(FileError) -> [UInt8] {
        var failure: Int32 = 0
        let bytes = [UInt8](unsafeUninitializedCapacity: count) { buffer, initialized in
            while initialized < count {
                let rest = UnsafeMutableRawBufferPointer(
                    rebasing: UnsafeMutableRawBufferPointer(buffer)[initialized...])
                let got = Self.retrying { pread(descriptor, rest.baseAddress, rest.count, off_t(offset + initialized)) }
                if got < 0 { failure = errno }
                if got <= 0 { break }
                initialized += got
            }
        }
        guard failure == 0 else { throw FileError(operation: "read", path: path, number: failure) }
        return bytes
    }

    func sync() throws(FileError) {
        try check("sync") { Int(fdatasync(descriptor)) }
    }

    func truncate(to length: Int) throws(FileError) {
        try check("truncate") { Int(ftruncate(descriptor, off_t(length))) }
    }

    var length: Int {
        get throws(FileError) {
            var status = stat()
            try check("examine") { Int(fstat(descriptor, &status)) }
            return Int(status.st_size)
        }
    }

    /// The permission bits.
    var mode: mode_t {
        get throws(FileError) {
            var status = stat()
            try check("examine") { Int(fstat(descriptor, &status)) }
            return status.st_mode & 0o777
        }
    }

    /// Takes the exclusive advisory lock that lasts as long as this descriptor; false when somebody else has it.
    func tryLock() throws(FileError) -> Bool {
        if Self.retrying({ Int(flock(descriptor, LOCK_EX | LOCK_NB)) }) == 0 { return true }
        guard errno == EWOULDBLOCK else { throw FileError(operation: "lock", path: path, number: errno) }
        return false
    }

    func close() {
        // The data were synced or given up before; there is nothing that a failing close could add.
        _ = systemClose(descriptor)
    }
}

/// The directory of a log.
struct LogDirectory: LogStorage {
    let path: String

    static let lockName = "lock"
    /// Holds the line of the last CHECKPOINT: what is missing at the end of the log shows against it.
    static let checkpointName = "last-checkpoint.jsonl"

    struct Entry: Equatable {
        let name: String
        /// The sequence number of the first record in the file, from its name.
        let first: Int
    }

    static func fileName(first sequence: Int) -> String {
        let digits = String(sequence)
        return "witness-" + String(repeating: "0", count: max(0, 12 - digits.count)) + digits + ".jsonl"
    }

    func path(of name: String) -> String { path + "/" + name }

    /// Makes the directory and those above it, readable for its owner and group only.
    func create() throws(FileError) {
        var partial = path.hasPrefix("/") ? "/" : ""
        for part in path.split(separator: "/") {
            partial += partial.isEmpty || partial.hasSuffix("/") ? String(part) : "/" + part
            if mkdir(partial, 0o750) != 0, errno != EEXIST {
                let number = errno
                var status = stat()
                // A directory above may exist and still refuse with EACCES or EROFS.
                guard stat(partial, &status) == 0 else {
                    throw FileError(operation: "make directory", path: partial, number: number)
                }
            }
        }
    }

    /// All names in the directory, sorted.
    func names() throws(FileError) -> [String] {
        guard let handle = opendir(path) else { throw FileError(operation: "list", path: path, number: errno) }
        defer { closedir(handle) }
        var names: [String] = []
        while let entry = readdir(handle) {
            let name = withUnsafePointer(to: &entry.pointee.d_name) {
                $0.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
            }
            names.append(name)
        }
        return names.sorted()
    }

    /// The log's files from the oldest to the newest.
    func files() throws(FileError) -> [Entry] {
        try names().compactMap { name in
            guard name.hasPrefix("witness-"), name.hasSuffix(".jsonl") else { return nil }
            let digits = name.dropFirst(8).dropLast(6)
            guard digits.count >= 12, digits.utf8.allSatisfy({ (0x30...0x39).contains($0) }), let first = Int(digits)
            else { return nil }
            return Entry(name: name, first: first)
        }.sorted { $0.first < $1.first }
    }

    func open(_ name: String) throws(FileError) -> any LogFile {
        let file = try PosixFile(path(of: name), flags: O_RDWR | O_CREAT)
        do {
            try syncNames()
        } catch {
            file.close()
            throw error
        }
        return file
    }

    /// Opens an existing file for reading; nil when there is none.
    func openForReading(_ name: String) throws(FileError) -> PosixFile? {
        do {
            return try PosixFile(path(of: name), flags: O_RDONLY)
        } catch {
            if error.number == ENOENT { return nil }
            throw error
        }
    }

    /// The whole of a small file; nil when there is none.
    func content(of name: String, atMost limit: Int = 1 << 20) throws(FileError) -> [UInt8]? {
        guard let file = try openForReading(name) else { return nil }
        defer { file.close() }
        return try file.read(at: 0, count: limit)
    }

    func replace(_ name: String, with bytes: [UInt8]) throws(FileError) {
        let temporary = path(of: name + ".new")
        let file = try PosixFile(temporary, flags: O_WRONLY | O_CREAT | O_TRUNC)
        defer { file.close() }
        try file.write(bytes, at: 0)
        try file.sync()
        guard rename(temporary, path(of: name)) == 0 else {
            throw FileError(operation: "rename", path: temporary, number: errno)
        }
        try syncNames()
    }

    /// Makes new names in the directory durable.
    func syncNames() throws(FileError) {
        let directory = try PosixFile(path, flags: O_RDONLY | O_DIRECTORY)
        defer { directory.close() }
        guard fsync(directory.descriptor) == 0 else { throw FileError(operation: "sync", path: path, number: errno) }
    }
}
