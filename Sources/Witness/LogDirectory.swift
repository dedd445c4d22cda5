#if canImport(Musl)
    internal import Musl
#else
    internal import Glibc
#endif

/// The directory of a log.
struct LogDirectory: LogStorage {
    let path: String

    static let lockName = "lock"
    /// Holds the line of the last CHECKPOINT: what is missing at the end of the log shows against it.
    static let checkpointName = "last-checkpoint.jsonl"

    /// One of the log's files, in one of its two forms.
    struct Entry: Equatable {
        /// The sequence number of the first record in the file, from its name.
        let first: Int
        /// A closed file is compressed after a while.
        let isCompressed: Bool

        var name: String { LogDirectory.fileName(first: first) + (isCompressed ? ".gz" : "") }
        var otherForm: Entry { Entry(first: first, isCompressed: !isCompressed) }

        init(first: Int, isCompressed: Bool = false) {
            self.first = first
            self.isCompressed = isCompressed
        }

        /// Nil for a name of anything else.
        init?(name: String) {
            guard name.hasPrefix("witness-") else { return nil }
            let isCompressed = name.hasSuffix(".jsonl.gz")
            guard isCompressed || name.hasSuffix(".jsonl") else { return nil }
            let digits = name.dropFirst(8).dropLast(isCompressed ? 9 : 6)
            guard digits.count >= 12, digits.utf8.allSatisfy({ (0x30...0x39).contains($0) }), let first = Int(digits)
            else { return nil }
            self.init(first: first, isCompressed: isCompressed)
        }
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

    /// The log's files from the oldest to the newest. A file that is there in both forms (a crash came between
    /// compressing and removing) counts once, as the plain one.
    func files() throws(FileError) -> [Entry] {
        var files: [Int: Entry] = [:]
        for entry in try names().compactMap({ Entry(name: $0) }) where files[entry.first]?.isCompressed != false {
            files[entry.first] = entry
        }
        return files.values.sorted { $0.first < $1.first }
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

    /// Makes a file anew, empty.
    func create(_ name: String) throws(FileError) -> PosixFile {
        try PosixFile(path(of: name), flags: O_RDWR | O_CREAT | O_TRUNC)
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
        try move(name + ".new", to: name)
    }

    /// Gives a file another name, durably; what had that name is gone.
    func move(_ name: String, to newName: String) throws(FileError) {
        guard rename(path(of: name), path(of: newName)) == 0 else {
            throw FileError(operation: "rename", path: path(of: name), number: errno)
        }
        try syncNames()
    }

    /// Removes a file, durably; that it is not there is no error.
    func remove(_ name: String) throws(FileError) {
        guard unlink(path(of: name)) == 0 || errno == ENOENT else {
            throw FileError(operation: "remove", path: path(of: name), number: errno)
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
