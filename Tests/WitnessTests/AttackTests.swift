import CoreTypes
import Foundation
import Testing

@testable import Witness

/// Somebody with the disk in hand and without the key, on files in both forms.
@Suite("Attacks on a log of several files")
struct AttackTests {
    enum Attack: String, CaseIterable, Sendable {
        case edit, editAndReseal, removeRecord, insertCopy, swap, cutLine, cutFileEnd, removeFirstFile, removeMiddleFile
        case swapFiles, emptyFile
    }

    @Test("is found and named, in either form", arguments: Attack.allCases, [false, true])
    func attack(how: Attack, compressed: Bool) throws {
        let scratch = try Scratch()
        let files = try scratch.writeFiles(compressed: compressed)
        try #require(files.count > 4)
        #expect(try scratch.verify().defect == nil)
        let victim = files[2]
        var expected: (kind: WitnessVerifier.DefectKind, file: String, sequence: Int)
        switch how {
        case .edit:
            try scratch.change(victim) { $0[1] = $0[1].replacingOccurrences(of: "203.0.113.42", with: "203.0.113.43") }
            expected = (.edited, victim.name, victim.first + 1)
        case .editAndReseal:
            try scratch.change(victim) { $0[1] = resealed($0[1], replacing: "203.0.113.42", with: "203.0.113.43") }
            expected = (.edited, victim.name, victim.first + 1)
        case .removeRecord:
            try scratch.change(victim) { $0.remove(at: 1) }
            expected = (.removed, victim.name, victim.first + 1)
        case .insertCopy:
            try scratch.change(victim) { $0.insert($0[0], at: 2) }
            expected = (.inserted, victim.name, victim.first)
        case .swap:
            try scratch.change(victim) { $0.swapAt(1, 2) }
            expected = (.reordered, victim.name, victim.first + 2)
        case .cutLine:
            try scratch.change(victim) { $0[1] = String($0[1].dropLast(30)) }
            expected = (.edited, victim.name, victim.first + 1)
        case .cutFileEnd:
            try scratch.change(victim) { $0.removeLast(2) }
            expected = (.removed, files[3].name, files[3].first - 2)
        case .removeFirstFile:
            try scratch.log.remove(files[0].name)
            expected = (.removed, files[1].name, 1)
        case .removeMiddleFile:
            try scratch.log.remove(victim.name)
            expected = (.removed, files[3].name, victim.first)
        case .swapFiles:
            let (first, second) = (try scratch.read(victim.name), try scratch.read(files[3].name))
            try scratch.replace(victim.name, second)
            try scratch.replace(files[3].name, first)
            expected = (.reordered, victim.name, files[3].first)
        case .emptyFile:
            try scratch.change(victim) { $0 = [] }
            expected = (.removed, files[3].name, victim.first)
        }
        let defect = try #require(try scratch.verify().defect)
        #expect(defect.kind == expected.kind, "\(defect)")
        #expect(defect.file == expected.file, "\(defect)")
        #expect(defect.sequence == expected.sequence, "\(defect)")
    }

    @Test("bytes cut from the end of a closed file", arguments: [1, 2, 40, 1000], [false, true])
    func cutBytes(count: Int, compressed: Bool) throws {
        let scratch = try Scratch()
        let files = try scratch.writeFiles(compressed: compressed)
        let bytes = try scratch.read(files[1].name)
        try scratch.replace(files[1].name, bytes.dropLast(min(count, bytes.count - 1)))
        let defect = try #require(try scratch.verify().defect)
        #expect([.truncated, .removed].contains(defect.kind), "\(defect)")
        #expect((files[1].first...files[2].first).contains(defect.sequence), "\(defect)")
    }

    @Test("a byte of a compressed file changed", arguments: [120, 300, -5, -20])
    func changedByte(place: Int) throws {
        let scratch = try Scratch()
        let files = try scratch.writeFiles(compressed: true)
        var bytes = try scratch.read(files[1].name)
        let index = place < 0 ? bytes.count + place : place
        bytes[index] ^= 0x55
        try scratch.replace(files[1].name, bytes)
        let defect = try #require(try scratch.verify().defect)
        #expect(defect.file.hasPrefix("witness-"), "\(defect)")
        #expect((files[1].first...files[2].first).contains(defect.sequence), "\(defect)")
    }

    @Test("something put behind the end of a compressed file")
    func appended() throws {
        let scratch = try Scratch()
        let files = try scratch.writeFiles(compressed: true)
        try scratch.replace(files[1].name, try scratch.read(files[1].name) + Data("more".utf8))
        #expect(try scratch.verify().defect?.file == files[1].name)
    }

    enum Ending: CaseIterable {
        case lines, wholeFiles, everything
    }

    @Test(
        "an end cut off together with the last checkpoint's file shows against a kept one", arguments: Ending.allCases)
    func keptCheckpoint(cut: Ending) throws {
        let scratch = try Scratch()
        let files = try scratch.writeFiles(compressed: true)
        let outside = scratch.path + "/kept.jsonl"
        try scratch.read(LogDirectory.checkpointName).write(to: URL(fileURLWithPath: outside))
        let kept = try KeptCheckpoints(file: outside, keys: try scratch.keys)
        #expect(try scratch.verify(kept: kept).defect == nil)
        switch cut {
        case .lines:
            // Back to an older checkpoint, which is as good as the newest to somebody who has no other.
            let lines = try files.suffix(2).flatMap {
                String(decoding: try scratch.content(of: $0), as: UTF8.self).split(separator: "\n").map(String.init)
            }
            let older = try #require(lines.dropLast().last { $0.contains("\"event_type\":\"CHECKPOINT\"") })
            try scratch.replace(LogDirectory.checkpointName, Data((older + "\n").utf8))
            let seal = try #require(RecordSeal(Array(older.utf8)[...]))
            for entry in files where entry.first > seal.sequence { try scratch.log.remove(entry.name) }
            let last = try #require(try scratch.log.files().last)
            try scratch.change(last) { $0.removeAll { RecordSeal(Array($0.utf8)[...])?.sequence ?? 0 > seal.sequence } }
        case .wholeFiles:
            for entry in files.dropFirst(2) { try scratch.log.remove(entry.name) }
            try scratch.log.remove(LogDirectory.checkpointName)
        case .everything:
            for entry in files { try scratch.log.remove(entry.name) }
            try scratch.log.remove(LogDirectory.checkpointName)
        }
        #expect(try scratch.verify().defect == nil)
        let report = try scratch.verify(kept: kept)
        #expect(report.defect?.kind == .truncated)
        #expect(report.defect?.sequence == report.records + 1)
    }

    @Test("a log begun anew under the same key does not have the kept checkpoint")
    func begunAnew() throws {
        let scratch = try Scratch()
        try scratch.write(30)
        let outside = scratch.path + "/kept.jsonl"
        try scratch.read(LogDirectory.checkpointName).write(to: URL(fileURLWithPath: outside))
        for name in try scratch.names() where name != LogDirectory.lockName { try scratch.log.remove(name) }
        try scratch.write(31)
        #expect(try scratch.verify().defect == nil)
        let kept = try KeptCheckpoints(file: outside, keys: try scratch.keys)
        #expect(try scratch.verify(kept: kept).defect?.kind == .edited)
    }

    @Test("what is no checkpoint of this node is refused as one, with its line")
    func notKept() throws {
        let scratch = try Scratch()
        try scratch.write(30)
        let outside = scratch.path + "/kept.jsonl"
        let good = String(decoding: try scratch.read(LogDirectory.checkpointName), as: UTF8.self)
        for bad in [
            try scratch.lines()[0], "no json",
            resealed(String(good.dropLast()), replacing: "\"records\":", with: "\"records\":1"),
        ] {
            try Data((good + bad + "\n").utf8).write(to: URL(fileURLWithPath: outside))
            let error = #expect(throws: WitnessError.self) {
                try KeptCheckpoints(file: outside, keys: try scratch.keys)
            }
            #expect(error?.description.contains("kept.jsonl:2:") == true)
        }
    }
}
