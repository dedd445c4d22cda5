import CoreTypes
import Foundation
import Synchronization
import Testing

@testable import Witness

@Suite("After a crash or a full disk")
struct RecoveryTests {
    @Test("a last line torn at any byte is set aside, noted, and the log goes on")
    func tornAnywhere() throws {
        let scratch = try Scratch()
        var settings = scratch.settings
        settings.checkpointRecords = 1_000_000
        settings.durability = .async
        try scratch.write(3, settings: settings)
        try FileManager.default.removeItem(atPath: scratch.log.path(of: LogDirectory.checkpointName))
        let name = try scratch.log.files()[0].name
        let lines = try scratch.lines()
        let whole = Data(lines[..<2].map { $0 + "\n" }.joined().utf8)
        let last = Data(lines[2].utf8)
        for count in 1...last.count {
            try scratch.replace(name, whole + last.prefix(count))
            try scratch.write(1, settings: settings)
            let report = try scratch.verify()
            #expect(report.defect == nil)
            #expect(report.tornFiles == [name + ".torn-1"])
            #expect(try scratch.read(name + ".torn-1") == last.prefix(count))
            let notice = try #require(WitnessRecord(line: Array(try scratch.lines()[2].utf8)))
            #expect(notice.kind == "SECURITY_EVENT")
            #expect(notice[detail: "reason"] == "torn_record")
            #expect(notice[detail: "bytes"] == .integer(count))
            try FileManager.default.removeItem(atPath: scratch.log.path(of: name + ".torn-1"))
            try FileManager.default.removeItem(atPath: scratch.log.path(of: LogDirectory.checkpointName))
        }
    }

    @Test("a last line that is whole but not what was hashed is set aside too")
    func garbledLastLine() throws {
        let scratch = try Scratch()
        try scratch.write(3)
        let name = try scratch.log.files()[0].name
        try scratch.replace(name, try scratch.read(name) + Data(repeating: 0, count: 5000) + Data("\n{}\n".utf8))
        try scratch.write(1)
        let report = try scratch.verify()
        #expect(report.defect == nil)
        #expect(report.tornFiles.count == 1)
    }

    @Test("a log cut before its checkpoint goes on, but never verifies again")
    func gapStaysVisible() throws {
        let scratch = try Scratch()
        try scratch.write(30)
        let lines = try scratch.lines()
        try scratch.replaceLines(Array(lines[..<20]))
        try scratch.write(1)
        let defect = try #require(try scratch.verify().defect)
        #expect(defect.kind == .removed)
        #expect(defect.sequence == 21)
        let notice = try #require(WitnessRecord(line: Array(try scratch.lines()[20].utf8)))
        #expect(notice.severity == "ALERT")
        #expect(notice[detail: "reason"] == "log_truncated")
        #expect(notice.sequence == lines.count + 1)
    }

    @Test(
        "a failing disk fails the tokens of its batch, leaves the chain whole, and is tried again",
        arguments: [
            FailingStorage.Fault.write(after: 0), .write(after: 1), .write(after: 100), .sync, .writeAndTruncate,
        ])
    func failingDisk(fault: FailingStorage.Fault) async throws {
        let scratch = try Scratch()
        let storage = FailingStorage(scratch.log)
        let (reports, reporter) = AsyncStream<CommitReport>.makeStream()
        let log = try WitnessLog(scratch.settings, storage: storage, clock: SystemClock.now) { reporter.yield($0) }
        var report = reports.makeAsyncIterator()
        log.append(.sample(0), at: 0, token: 1)
        #expect(await report.next()?.durable == [1])
        storage.fault.withLock { $0 = fault }
        for token in [UInt64(2), 3] {
            log.append(.sample(1), at: 0, token: token)
            let failure = try #require(await report.next())
            #expect(failure.failed == [token])
            #expect(failure.durable == [])
            #expect(failure.error?.code == .storage)
        }
        storage.fault.withLock { $0 = nil }
        log.append(.sample(2), at: 0, token: 4)
        #expect(await report.next()?.durable == [4])
        log.close()
        #expect(log.counters.failures == 2)
        let verified = try scratch.verify()
        #expect(verified.defect == nil)
        #expect(verified.records == 3)
    }

    @Test("on a slow disk what waits goes together, in order, and nothing is lost")
    func slowDisk() throws {
        let scratch = try Scratch()
        let storage = FailingStorage(scratch.log)
        storage.fault.withLock { $0 = .slow(100) }
        let batches = Mutex<[[UInt64]]>([])
        let log = try WitnessLog(scratch.settings, storage: storage, clock: SystemClock.now) { report in
            batches.withLock { $0.append(report.durable) }
        }
        for token in 0..<500 { log.append(.sample(token), at: 0, token: UInt64(token)) }
        log.close()
        let seen = batches.withLock { $0 }
        #expect(seen.flatMap { $0 } == Array(0..<500))
        #expect(seen.count < 10)
        #expect(try scratch.verify().defect == nil)
    }

    @Test("a closed log refuses at once")
    func closed() throws {
        let scratch = try Scratch()
        let log = try WitnessLog(scratch.settings) { _ in }
        log.close()
        #expect(!log.append(.sample(1), at: 0, token: 1))
        #expect(log.counters.failures == 1)
    }

    @Test("a full queue refuses at once and counts")
    func fullQueue() throws {
        let scratch = try Scratch()
        var settings = scratch.settings
        settings.queueCapacity = 4
        let gate = DispatchSemaphore(value: 0)
        let reached = DispatchSemaphore(value: 0)
        let seen = Mutex<[UInt64]>([])
        let log = try WitnessLog(settings) { report in
            seen.withLock { $0 += report.durable }
            if report.durable.contains(0) {
                reached.signal()
                gate.wait()
            }
        }
        #expect(log.append(.sample(0), at: 0, token: 0))
        reached.wait()
        let taken = (1...6).map { log.append(.sample($0), at: 0, token: UInt64($0)) }
        #expect(taken == [true, true, true, true, false, false])
        #expect(log.queueLength == 4)
        gate.signal()
        log.close()
        #expect(log.queueLength == 0)
        #expect(seen.withLock { $0 } == [0, 1, 2, 3, 4])
        #expect(log.counters.failures == 2)
        #expect(try scratch.verify().defect == nil)
    }

    @Test("a second writer is refused by name and may come when the first has gone")
    func twoWriters() throws {
        let scratch = try Scratch()
        let first = try WitnessLog(scratch.settings) { _ in }
        let error = #expect(throws: WitnessError.self) { try WitnessLog(scratch.settings) { _ in } }
        #expect(error?.code == .locked)
        #expect(error?.description.contains("pid \(getpid())") == true)
        first.close()
        try scratch.write(1)
        #expect(try scratch.verify().defect == nil)
    }

    @Test("a key that others can read, or that is none, is refused with what to do")
    func badKeys() throws {
        let scratch = try Scratch()
        try scratch.write(1)
        let key = scratch.path + "/state/node.key"
        let mode = try FileManager.default.attributesOfItem(atPath: key)[.posixPermissions] as? Int
        #expect(mode == 0o600)
        try FileManager.default.setAttributes([.posixPermissions: 0o644], ofItemAtPath: key)
        var error = #expect(throws: WitnessError.self) { try scratch.write(1) }
        #expect(error?.description.contains("chmod 600") == true)
        try FileManager.default.removeItem(atPath: key)
        try Data("no key".utf8).write(to: URL(fileURLWithPath: key))
        try FileManager.default.setAttributes([.posixPermissions: 0o600], ofItemAtPath: key)
        error = #expect(throws: WitnessError.self) { try scratch.write(1) }
        #expect(error?.code == .key)
    }

    @Test("checkpoints of an earlier key stay valid")
    func newKey() throws {
        let scratch = try Scratch()
        try scratch.write(12)
        try FileManager.default.removeItem(atPath: scratch.path + "/state/node.key")
        try scratch.write(12)
        #expect(try scratch.keys.count == 2)
        #expect(try scratch.verify().defect == nil)
    }
}
