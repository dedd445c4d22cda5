import CoreTypes
import Foundation
import Synchronization
import Testing

@testable import Witness

@Suite("The chain")
struct ChainTests {
    @Test("a log verifies over restarts and files", arguments: WitnessSettings.Durability.allCases)
    func restarts(durability: WitnessSettings.Durability) throws {
        let scratch = try Scratch()
        var settings = scratch.settings
        settings.durability = durability
        settings.rotateBytes = 4000
        for _ in 0..<4 { try scratch.write(25, settings: settings) }
        let report = try scratch.verify()
        #expect(report.defect == nil)
        // Ten checkpoints at every tenth record and one at each close where any was left.
        #expect(report.records == 100 + report.checkpoints)
        #expect(report.lastSequence == report.records)
        #expect(report.unsigned == 0)
        if durability == .sync { #expect(report.files > 3) }
    }

    enum Tampering: String, CaseIterable, Sendable {
        case edit, editAndReseal, remove, removeFirst, insertCopy, insertGarbage, insertForged, swap, truncate
        case truncateAll, checkpointForged, checkpointOfAnotherKey, checkpointFileForged, cutInTheMiddle
    }

    @Test("tampering is found, named and placed", arguments: Tampering.allCases)
    func tampering(how: Tampering) throws {
        let scratch = try Scratch()
        try scratch.write(30)
        var lines = try scratch.lines()
        var expected: (WitnessVerifier.DefectKind, line: Int, sequence: Int)
        switch how {
        case .edit:
            lines[4] = lines[4].replacingOccurrences(of: "if-trace", with: "if-tracf")
            expected = (.edited, 5, 5)
        case .editAndReseal:
            lines[4] = resealed(lines[4], replacing: "if-trace", with: "if-tracf")
            expected = (.edited, 5, 5)
        case .remove:
            lines.remove(at: 4)
            expected = (.removed, 5, 5)
        case .removeFirst:
            lines.removeFirst()
            expected = (.removed, 1, 1)
        case .insertCopy:
            lines.insert(lines[1], at: 4)
            expected = (.inserted, 5, 2)
        case .insertGarbage:
            lines.insert(#"{"timestamp":"2025"}"#, at: 4)
            expected = (.inserted, 5, 5)
        case .insertForged:
            lines.insert(resealed(lines[4], replacing: "if-trace", with: "if-tracf"), at: 4)
            expected = (.inserted, 5, 5)
        case .swap:
            lines.swapAt(4, 5)
            expected = (.reordered, 5, 6)
        case .truncate:
            lines.removeLast(3)
            expected = (.truncated, lines.count, lines.count + 1)
        case .truncateAll:
            lines = []
            expected = (.truncated, 0, 1)
        case .checkpointForged:
            // The forger rewrites the record before the checkpoint and chains all that follows anew.
            lines = rechained(lines, from: 9, replacing: "if-trace-9", with: "if-trace-X")
            expected = (.forgedCheckpoint, 11, 11)
        case .checkpointOfAnotherKey:
            lines = rechained(lines, from: 10, replacing: #""key":""#, with: #""key":"00"#)
            expected = (.forgedCheckpoint, 11, 11)
        case .checkpointFileForged:
            try scratch.replace(LogDirectory.checkpointName, Data((lines[3] + "\n").utf8))
            expected = (.forgedCheckpoint, 1, lines.count)
        case .cutInTheMiddle:
            try scratch.replaceLines(lines)
            let name = try scratch.log.files()[0].name
            try scratch.replace(name, try scratch.read(name).dropLast(20))
            let defect = try #require(try scratch.verify().defect)
            #expect(defect.kind == .torn)
            return
        }
        try scratch.replaceLines(lines)
        let defect = try #require(try scratch.verify().defect)
        #expect(defect.kind == expected.0, "\(defect)")
        #expect(defect.line == expected.line, "\(defect)")
        #expect(defect.sequence == expected.sequence, "\(defect)")
    }

    /// Edits one record and gives it and every one after it the hashes that then fit.
    private func rechained(_ lines: [String], from index: Int, replacing old: String, with new: String) -> [String] {
        var result = Array(lines[..<index])
        for (offset, line) in lines[index...].enumerated() {
            var text = offset == 0 ? line.replacingOccurrences(of: old, with: new) : line
            if let seal = RecordSeal(Array(line.utf8)[...]), let last = result.last?.dropLast(2).suffix(64) {
                text = text.replacingOccurrences(of: String(decoding: seal.previous, as: UTF8.self), with: last)
            }
            result.append(resealed(text, replacing: "\u{0}", with: ""))
        }
        return result
    }

    @Test("the last record edited and resealed is found by the checkpoint file")
    func lastRecordResealed() throws {
        let scratch = try Scratch()
        try scratch.write(30)
        var lines = try scratch.lines()
        let last = lines.removeLast()
        lines.append(resealed(last, replacing: "CHECKPOINT", with: "STARTED"))
        try scratch.replaceLines(lines)
        #expect(try scratch.verify().defect?.kind == .edited)
    }

    @Test("a file removed from the middle of the log is found")
    func fileRemoved() throws {
        let scratch = try Scratch()
        var settings = scratch.settings
        settings.rotateBytes = 2000
        settings.durability = .sync
        try scratch.write(40, settings: settings)
        let files = try scratch.log.files()
        try #require(files.count > 2)
        try FileManager.default.removeItem(atPath: scratch.log.path(of: files[1].name))
        let defect = try #require(try scratch.verify().defect)
        #expect(defect.kind == .removed)
        #expect(defect.file == files[2].name)
        #expect(defect.sequence == files[1].first)
    }

    @Test("records from eight threads are all there, once, and chained")
    func concurrentAppenders() throws {
        let scratch = try Scratch()
        var settings = scratch.settings
        settings.checkpointRecords = 1000
        let durable = Mutex<Set<UInt64>>([])
        let log = try WitnessLog(settings) { report in durable.withLock { $0.formUnion(report.durable) } }
        DispatchQueue.concurrentPerform(iterations: 8) { thread in
            for index in 0..<2000 {
                log.append(.sample(index), at: 1_762_898_400_123, token: UInt64(thread * 2000 + index))
            }
        }
        log.close()
        let report = try scratch.verify()
        #expect(report.defect == nil)
        #expect(report.records == 16_000 + report.checkpoints)
        #expect(durable.withLock { $0.count } == 16_000)
        #expect(log.counters.records == UInt64(report.records))
        #expect(log.counters.failures == 0)
    }

    @Test("a checkpoint is signed when its time has come, and only when something was written")
    func checkpointByTime() throws {
        let scratch = try Scratch()
        let settings = scratch.settings
        let key = try NodeKey.load(from: LogDirectory(path: settings.keyDirectory))
        try scratch.log.create()
        let recovery = try Recovery(scratch.log, keys: [key.publicKey])
        let start = Moment(monotonic: 1_000_000_000, wall: 1_762_898_400_000)
        var writer = try ChainWriter(
            settings: settings, storage: scratch.log, key: key, recovery: recovery, now: start)
        #expect(writer.checkpointDue == nil)
        let entry = ChainWriter.Entry(event: .sample(0), wall: start.wall, token: nil)
        #expect(try writer.commit([entry], now: start).records == 1)
        #expect(writer.checkpointDue == 61_000_000_000)
        let later = start.advanced(by: .seconds(60))
        #expect(try writer.checkpoint(now: later).records == 1)
        try writer.saveCheckpoint()
        #expect(writer.checkpointDue == nil)
        #expect(try writer.checkpoint(now: later).records == 0)
        writer.close()
        #expect(try scratch.verify().checkpoints == 1)
    }
}
