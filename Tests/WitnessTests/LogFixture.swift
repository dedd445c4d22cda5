import CoreTypes
import Foundation
import Synchronization

@testable import Witness

/// A directory of its own for a test, removed with it.
final class Scratch: Sendable {
    let path: String

    init() throws {
        let directory = FileManager.default.temporaryDirectory.appendingPathComponent("witness-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: directory, withIntermediateDirectories: true)
        path = directory.path
    }

    deinit {
        try? FileManager.default.removeItem(atPath: path)
    }

    var log: LogDirectory { LogDirectory(path: path + "/log") }

    var settings: WitnessSettings {
        var settings = WitnessSettings(directory: log.path, keyDirectory: path + "/state", source: "sallyport.test")
        settings.checkpointRecords = 10
        // Its records are of another year.
        settings.rotateInterval = .seconds(36_500 * 86_400)
        return settings
    }

    var keys: [WitnessPublicKey] {
        get throws { try WitnessPublicKey.load(fromFile: path + "/state/node.pub") }
    }

    func verify(kept: KeptCheckpoints = KeptCheckpoints()) throws -> WitnessVerifier.Report {
        try WitnessVerifier(directory: log.path, keys: try keys, kept: kept).verify()
    }

    /// Writes records numbered from 0 and closes the log.
    func write(_ count: Int, settings: WitnessSettings? = nil) throws {
        let log = try WitnessLog(settings ?? self.settings) { _ in }
        for index in 0..<count { log.append(.sample(index), at: 1_762_898_400_123 + Int64(index)) }
        log.close()
    }

    /// Several files, the last of them plain, the others in the form asked for.
    func writeFiles(_ count: Int = 60, compressed: Bool) throws -> [LogDirectory.Entry] {
        var settings = settings
        settings.rotateBytes = 5000
        settings.durability = .sync
        settings.archiveInterval = .seconds(3600)
        try write(count, settings: settings)
        // The log's own thread may have begun.
        for entry in try log.files().dropLast() where !entry.isCompressed && compressed { _ = try compress(entry) }
        let files = try log.files()
        for entry in files where entry.isCompressed && !compressed { try decompress(entry) }
        return try log.files()
    }

    @discardableResult
    func compress(_ entry: LogDirectory.Entry) throws -> Bool {
        try FileCompression(directory: log, isCanceled: { false }).compress(entry)
    }

    func decompress(_ entry: LogDirectory.Entry) throws {
        try replace(entry.otherForm.name, try content(of: entry))
        try log.remove(entry.name)
    }

    /// The bytes of a file before compression.
    func content(of entry: LogDirectory.Entry) throws -> [UInt8] {
        let stream = try LogFileStream.open(log, entry)
        var all: [UInt8] = []
        while let bytes = try stream?.read(), !bytes.isEmpty { all += bytes }
        return all
    }

    /// Changes the lines of a file in either form, as somebody would who knows gzip.
    func change(_ entry: LogDirectory.Entry, _ body: (inout [String]) throws -> Void) throws {
        var lines = String(decoding: try content(of: entry), as: UTF8.self).split(separator: "\n").map(String.init)
        try body(&lines)
        let bytes = Array(lines.map { $0 + "\n" }.joined().utf8)
        let plain = LogDirectory.Entry(first: entry.first)
        try replace(plain.name, bytes)
        guard entry.isCompressed else { return }
        let encoder = try GzipEncoder(comment: try FileSurvey(plain, log).summary?.text ?? "")
        try replace(entry.name, try encoder.encode(bytes, isLast: true))
        try log.remove(plain.name)
    }

    func names() throws -> [String] { try log.names().filter { $0 != "." && $0 != ".." } }

    /// The lines of the first file.
    func lines() throws -> [String] {
        let name = try log.files()[0].name
        return String(decoding: try read(name), as: UTF8.self).split(separator: "\n").map(String.init)
    }

    func read(_ name: String) throws -> Data {
        try Data(contentsOf: URL(fileURLWithPath: log.path(of: name)))
    }

    func replace(_ name: String, _ content: some DataProtocol) throws {
        try Data(content).write(to: URL(fileURLWithPath: log.path(of: name)))
    }

    func replaceLines(_ lines: [String]) throws {
        try replace(try log.files()[0].name, Data(lines.map { $0 + "\n" }.joined().utf8))
    }
}

extension SecurityEvent {
    static func sample(_ index: Int) -> SecurityEvent {
        SecurityEvent(
            .authFailed, .warning, sourceIP: IPAddress(v4: 0xcb00_712a), expertID: "expert-safety@external.advisor",
            traceID: "if-trace-\(index)", details: [.init("authenticated", false), .init("index", .integer(index))])
    }
}

/// The same record with another text and a hash that fits it: what a careful forger writes.
func resealed(_ line: String, replacing old: String, with new: String) -> String {
    let body = Array(line.replacingOccurrences(of: old, with: new).utf8.dropLast(75))
    let hash = body.withUnsafeBytes { RecordSeal.hash($0) }
    return String(decoding: body, as: UTF8.self) + ",\"hash\":\"" + String(decoding: hash, as: UTF8.self) + "\"}"
}

/// A disk that can be told to fail.
final class FailingStorage: LogStorage {
    enum Fault: Sendable {
        /// So many bytes are written, then the disk is full.
        case write(after: Int)
        case sync
        /// Each write takes so many milliseconds longer.
        case slow(Int)
        /// The write fails half way, and what it wrote can't be cut off.
        case writeAndTruncate
    }

    private let directory: LogDirectory
    let fault = Mutex<Fault?>(nil)

    init(_ directory: LogDirectory) {
        self.directory = directory
    }

    func open(_ name: String) throws(FileError) -> any LogFile {
        FailingFile(file: try directory.open(name), storage: self)
    }

    func replace(_ name: String, with bytes: [UInt8]) throws(FileError) {
        try directory.replace(name, with: bytes)
    }
}

private struct FailingFile: LogFile {
    let file: any LogFile
    let storage: FailingStorage

    private var fault: FailingStorage.Fault? { storage.fault.withLock { $0 } }

    func write(_ bytes: [UInt8], at offset: Int) throws(FileError) {
        let kept: Int
        switch fault {
        case .slow(let milliseconds):
            usleep(UInt32(milliseconds) * 1000)
            return try file.write(bytes, at: offset)
        case .write(let count): kept = min(count, bytes.count)
        case .writeAndTruncate: kept = bytes.count / 2
        case .sync, nil: return try file.write(bytes, at: offset)
        }
        try file.write(Array(bytes[..<kept]), at: offset)
        throw FileError(operation: "write", path: "disk", number: ENOSPC)
    }

    func sync() throws(FileError) {
        if case .sync = fault { throw FileError(operation: "sync", path: "disk", number: EIO) }
        try file.sync()
    }

    func truncate(to length: Int) throws(FileError) {
        if case .writeAndTruncate = fault { throw FileError(operation: "truncate", path: "disk", number: EIO) }
        try file.truncate(to: length)
    }

    func close() { file.close() }
}
