import CoreTypes
import Foundation
import Synchronization
import TestSupport
import Testing

@testable import Witness

@Suite("Closed files")
struct ArchiveTests {
    /// A clock that tests set.
    final class Clock: Sendable {
        private let wall: Mutex<Int64>

        init(_ start: Int64) { wall = Mutex(start) }

        func advance(by duration: Duration) { wall.withLock { $0 += duration.nanoseconds / 1_000_000 } }
        var time: Int64 { wall.withLock { $0 } }
        @Sendable func now() -> Moment { Moment(monotonic: SystemClock.now().monotonic, wall: time) }
    }

    private func open(_ settings: WitnessSettings, _ clock: Clock) throws -> (WitnessLog, AsyncStream<CommitReport>) {
        let (reports, reporter) = AsyncStream<CommitReport>.makeStream()
        return (try WitnessLog(settings, clock: clock.now) { reporter.yield($0) }, reports)
    }

    @Test("a file whose first record is old is followed by a new one, also after a restart, and the chain goes on")
    func rotationByAge() async throws {
        let scratch = try Scratch()
        var settings = scratch.settings
        settings.rotateInterval = .seconds(3600)
        let clock = Clock(1_762_898_400_123)
        for round in 0..<3 {
            let (log, reports) = try open(settings, clock)
            var report = reports.makeAsyncIterator()
            for token in 0..<4 {
                log.append(.sample(token), at: clock.time, token: UInt64(token))
                #expect(await report.next()?.durable == [UInt64(token)])
                clock.advance(by: .seconds(1000))
            }
            log.close()
            // The checkpoint at the end comes 4,000 s after the first record.
            #expect(try scratch.log.files().count == round + 2)
        }
        let report = try scratch.verify()
        #expect(report.defect == nil)
        #expect(report.files == 4)
        #expect(report.records == 12 + report.checkpoints)
    }

    @Test("closed files are compressed while the log is written, and everything still reads and verifies")
    func compressedBeside() async throws {
        let scratch = try Scratch()
        var settings = scratch.settings
        settings.rotateBytes = 5000
        settings.durability = .sync
        settings.archiveInterval = .milliseconds(20)
        let log = try WitnessLog(settings) { _ in }
        for index in 0..<200 { log.append(.sample(index), at: 1_762_898_400_123 + Int64(index)) }
        try await eventually("all closed files are compressed") {
            let files = try scratch.log.files()
            return log.durableSequence >= 200 && files.count > 5 && files.dropLast().allSatisfy(\.isCompressed)
        }
        #expect(log.archive.failure == nil)
        #expect(log.archive.filesCompressed >= 5)
        #expect(try scratch.verify().defect == nil)
        log.close()
        let report = try scratch.verify()
        #expect(report.defect == nil)
        var reader = WitnessReader(directory: scratch.log.path)
        #expect(try reader.tail(.max).map(\.sequence) == Array(1...report.records))
        #expect(try reader.tail(30).map(\.sequence) == Array((1...report.records).suffix(30)))
        // The next start reads its end from where it is.
        try scratch.write(3)
        #expect(try scratch.verify().records > report.records)
    }

    @Test("what gzip itself makes of it is what was written")
    func gunzip() throws {
        let scratch = try Scratch()
        let files = try scratch.writeFiles(compressed: false)
        let plain = try scratch.read(files[0].name)
        try scratch.compress(files[0])
        let outcome = try Child.run("/bin/sh", ["-c", "gzip -dc \(files[0].name).gz"], in: scratch.log.path)
        #expect(outcome.code == 0)
        #expect(Data(outcome.output.utf8) == plain)
        #expect(try scratch.read(files[0].name + ".gz").count < plain.count)
    }

    enum Crash: CaseIterable {
        case whileCompressing, beforeItsName, beforeRemoving, withDamageBeforeRemoving
    }

    @Test("a crash at any point of compressing loses nothing, and the next look finishes it", arguments: Crash.allCases)
    func crash(at point: Crash) async throws {
        let scratch = try Scratch()
        let files = try scratch.writeFiles(compressed: false)
        let entry = files[1]
        let plain = try scratch.read(entry.name)
        try scratch.compress(entry)
        let compressed = try scratch.read(entry.otherForm.name)
        try scratch.log.remove(entry.otherForm.name)
        switch point {
        case .whileCompressing:
            try scratch.replace(entry.otherForm.name + ".new", compressed.prefix(compressed.count / 2))
        case .beforeItsName: try scratch.replace(entry.otherForm.name + ".new", compressed)
        case .beforeRemoving: try scratch.replace(entry.otherForm.name, compressed)
        case .withDamageBeforeRemoving: try scratch.replace(entry.otherForm.name, Data("damaged".utf8))
        }
        try scratch.replace(entry.name, plain)
        let report = try scratch.verify()
        #expect(report.defect == nil)
        var settings = scratch.settings
        settings.archiveInterval = .milliseconds(20)
        let log = try WitnessLog(settings) { _ in }
        try await eventually("all closed files are compressed") {
            try scratch.log.files().dropLast().allSatisfy(\.isCompressed)
        }
        log.close()
        #expect(try scratch.names().filter { $0.hasSuffix(".new") }.isEmpty)
        #expect(try scratch.content(of: entry) == Array(plain))
        #expect(try scratch.verify().defect == nil)
    }

    // MARK: Retention

    /// Old records, then new ones, in files of a few records each.
    private func aged(_ scratch: Scratch, _ clock: Clock, forwarders: [String] = []) throws -> WitnessSettings {
        var settings = scratch.settings
        settings.rotateBytes = 5000
        settings.durability = .sync
        settings.archiveInterval = .milliseconds(20)
        settings.forwarders = forwarders
        let log = try WitnessLog(settings, clock: clock.now) { _ in }
        for index in 0..<60 { log.append(.sample(index), at: clock.time) }
        log.close()
        clock.advance(by: .seconds(86_400))
        let next = try WitnessLog(settings, clock: clock.now) { _ in }
        for index in 0..<60 { next.append(.sample(index), at: clock.time) }
        next.close()
        settings.keep = .seconds(3600)
        return settings
    }

    /// All go in one look, which the log's end waits for.
    private func removed(_ log: WitnessLog, atLeast count: Int = 4) async throws {
        try await eventually("old files are removed") { log.archive.filesRemoved >= count }
    }

    @Test("old files go, oldest first, the log says so, and it verifies")
    func retention() async throws {
        let scratch = try Scratch()
        let clock = Clock(1_762_898_400_123)
        let settings = try aged(scratch, clock)
        let before = try scratch.log.files()
        let log = try WitnessLog(settings, clock: clock.now) { _ in }
        try await removed(log)
        #expect(log.archive.failure == nil)
        log.close()
        let left = try scratch.log.files()
        #expect(left.count < before.count)
        let report = try scratch.verify()
        #expect(report.defect == nil)
        #expect(report.retiredThrough == left[0].first - 1)
        #expect(report.firstSequence == left[0].first)
        var reader = WitnessReader(directory: scratch.log.path)
        let all = try reader.tail(.max)
        let said = try #require(all.first { $0[detail: "reason"] == "retention" })
        #expect(said[detail: "last_seq"] == .integer(left[0].first - 1))
        #expect(said[detail: "head"] == .string(all[0].previous))
        // Nothing younger than that has gone.
        #expect(all.filter { $0.kind == "AUTH_FAILED" && $0.timestamp.hasPrefix("2025-11-12") }.count == 60)
        // The next start finds it as it was.
        try scratch.write(3)
        #expect(try scratch.verify().defect == nil)
    }

    @Test("a beginning that somebody cut off beyond what retention removed is found")
    func cutBeyondRetention() async throws {
        let scratch = try Scratch()
        let clock = Clock(1_762_898_400_123)
        let settings = try aged(scratch, clock)
        let log = try WitnessLog(settings, clock: clock.now) { _ in }
        try await removed(log)
        log.close()
        let left = try scratch.log.files()
        try #require(left.count > 2)
        try scratch.log.remove(left[0].name)
        let defect = try #require(try scratch.verify().defect)
        #expect(defect.kind == .removed)
        #expect(defect.sequence == left[0].first)
        #expect(defect.file == left[1].name)
    }

    @Test("a record about retention that no checkpoint signs for excuses nothing")
    func forgedRetention() throws {
        let scratch = try Scratch()
        let files = try scratch.writeFiles(compressed: true)
        let first = try scratch.content(of: files[1]).split(separator: 10)[0]
        let seal = try #require(RecordSeal(first))
        try scratch.log.remove(files[0].name)
        #expect(try scratch.verify().defect?.kind == .removed)
        let last = try #require(files.last)
        try scratch.change(last) { lines in
            let end = try #require(RecordSeal(Array(lines[lines.count - 1].utf8)[...]))
            var encoder = RecordEncoder(source: "sallyport.test")
            var buffer: [UInt8] = []
            let forged = Retention.Retirement(
                files: [files[0]], firstSequence: 1, lastSequence: files[1].first - 1,
                head: String(decoding: seal.previous, as: UTF8.self), newest: 0, unsent: [:])
            _ = encoder.append(
                forged.event, wall: 1_762_898_500_000, sequence: end.sequence + 1, previous: end.hash, to: &buffer)
            lines.append(String(decoding: buffer.dropLast(), as: UTF8.self))
        }
        let defect = try #require(try scratch.verify().defect)
        #expect(defect.kind == .removed)
        #expect(defect.sequence == 1)
    }

    @Test("a crash between the record and the removal, or half way through it, is no defect", arguments: [0, 1, 2])
    func halfRemoved(count: Int) async throws {
        let scratch = try Scratch()
        let clock = Clock(1_762_898_400_123)
        let settings = try aged(scratch, clock)
        let log = try WitnessLog(settings, clock: clock.now) { _ in }
        // Copied, as far as they are there, before they go.
        let copies = try scratch.log.files().map { ($0, try scratch.content(of: $0)) }
        try await removed(log)
        log.close()
        let gone = copies.filter { copy in !((try? scratch.log.files()) ?? []).contains { $0.first == copy.0.first } }
        try #require(gone.count > 3)
        for (entry, bytes) in gone.dropFirst(count) {
            try scratch.replace(LogDirectory.fileName(first: entry.first), bytes)
        }
        let report = try scratch.verify()
        #expect(report.defect == nil)
        #expect(report.retiredThrough == (count == 0 ? nil : gone[count].0.first - 1))
    }

    @Test("the node does not sign for the removal of a file that is not as it was written")
    func tamperedIsKept() async throws {
        let scratch = try Scratch()
        let clock = Clock(1_762_898_400_123)
        let settings = try aged(scratch, clock)
        let entry = try #require(try scratch.log.files().dropFirst().first)
        try scratch.change(entry) { lines in lines[0] = lines[0].replacingOccurrences(of: "if-trace", with: "if-tracf")
        }
        let log = try WitnessLog(settings, clock: clock.now) { _ in }
        try await eventually("it says so") { log.archive.failure?.contains("not as it was written") == true }
        #expect(log.archive.filesRemoved == 0)
        log.close()
        #expect(try scratch.verify().defect?.kind == .edited)
    }

    @Test("a header that makes a file look old removes nothing")
    func forgedHeader() async throws {
        let scratch = try Scratch()
        let clock = Clock(1_762_898_400_123)
        var settings = try aged(scratch, clock)
        settings.keep = .seconds(10 * 86_400)
        for entry in try scratch.log.files().dropLast() {
            let bytes = try scratch.content(of: entry)
            let summary = FileSummary(first: entry.first, last: entry.first + 5, from: 0, to: 0)
            let encoder = try GzipEncoder(comment: summary.text)
            try scratch.log.remove(entry.name)
            try scratch.replace(
                LogDirectory.Entry(first: entry.first, isCompressed: true).name,
                try encoder.encode(bytes, isLast: true))
        }
        let count = try scratch.log.files().count
        let log = try WitnessLog(settings, clock: clock.now) { _ in }
        // Its first look is over when a second file has come and been compressed.
        for index in 0..<40 { log.append(.sample(index), at: clock.time) }
        try await eventually("it has looked") { log.archive.filesCompressed > 0 }
        log.close()
        #expect(log.archive.filesRemoved == 0)
        #expect(try scratch.log.files().count >= count)
        #expect(try scratch.verify().defect?.explanation.contains("not true") == true)
    }

    @Test("what a forwarder has not sent stays, until it has, or for so long")
    func unsent() async throws {
        let scratch = try Scratch()
        let clock = Clock(1_762_898_400_123)
        var settings = try aged(scratch, clock, forwarders: ["siem"])
        let files = try scratch.log.files()
        settings.keepUnsent = .seconds(30 * 86_400)
        try ForwardCursor(sequence: files[2].first - 1, hash: String(repeating: "0", count: 64))
            .save("siem", directory: scratch.log.path)
        var log = try WitnessLog(settings, clock: clock.now) { _ in }
        try await eventually("two files go") { log.archive.filesRemoved == 2 }
        log.close()
        #expect(try scratch.log.files()[0].first == files[2].first)
        settings.keepUnsent = .seconds(60)
        log = try WitnessLog(settings, clock: clock.now) { _ in }
        try await removed(log, atLeast: 2)
        log.close()
        #expect(log.archive.unsentRemoved > 0)
        var reader = WitnessReader(directory: scratch.log.path)
        let said = try #require(try reader.tail(.max).last { $0[detail: "reason"] == "retention" })
        #expect(said.severity == "ALERT")
        #expect(said[detail: "unsent_by_siem"] != nil)
        #expect(try scratch.verify().defect == nil)
    }
}
