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
