import CoreTypes
import Foundation
import Testing

@testable import Witness

@Suite("Reading the end of the log")
struct ReaderTests {
    @Test("the last records come in order, over files", arguments: [0, 1, 7, 30, 500])
    func tail(count: Int) throws {
        let scratch = try Scratch()
        var settings = scratch.settings
        settings.rotateBytes = 2000
        settings.durability = .sync
        try scratch.write(30, settings: settings)
        let last = try #require(try scratch.verify().lastSequence)
        var reader = WitnessReader(directory: scratch.log.path)
        let sequences = try reader.tail(count).map(\.sequence)
        #expect(sequences == Array((1...last).suffix(count)))
        #expect(try reader.poll().isEmpty)
    }

    @Test("following gives each added record once, also from new files and in halves")
    func follow() throws {
        let scratch = try Scratch()
        var settings = scratch.settings
        settings.rotateBytes = 1500
        settings.durability = .sync
        var reader = WitnessReader(directory: scratch.log.path)
        try scratch.log.create()
        #expect(try reader.tail(10).isEmpty)
        try scratch.write(12, settings: settings)
        var sequences = try reader.poll().map(\.sequence)
        try scratch.write(12, settings: settings)
        sequences += try reader.poll().map(\.sequence)
        let last = try #require(try scratch.verify().lastSequence)
        #expect(sequences == Array(1...last))

        // The next record, as a reader sees it that comes while it is being written.
        let name = try #require(try scratch.log.files().last?.name)
        let before = try scratch.read(name)
        var quiet = settings
        quiet.rotateBytes = 1 << 20
        quiet.checkpointRecords = 1000
        try scratch.write(1, settings: quiet)
        let after = try scratch.read(name)
        try #require(after.count > before.count + 50)
        try scratch.replace(name, after.prefix(before.count + 50))
        #expect(try reader.poll().isEmpty)
        try scratch.replace(name, after)
        #expect(try reader.poll().map(\.sequence) == [last + 1, last + 2])
    }

    @Test("what was read is given once, also where files are compressed meanwhile", arguments: [1, 7, 1000])
    func followThroughCompression(limit: Int) throws {
        let scratch = try Scratch()
        let files = try scratch.writeFiles(compressed: false)
        let last = try #require(try scratch.verify().lastSequence)
        var follower = LogFollower(scratch.log, after: 0)
        var sequences: [Int] = []
        for entry in files.dropLast() {
            sequences += try follower.next(limit: limit, bytes: .max).map(\.sequence)
            try scratch.compress(entry)
        }
        while case let items = try follower.next(limit: limit, bytes: .max), !items.isEmpty {
            sequences += items.map(\.sequence)
        }
        #expect(sequences == Array(1...last))
        #expect(follower.missing == 0)
    }

    @Test("a batch that was read and then cut off again is given as it is in the end")
    func rewrittenEnd() throws {
        let scratch = try Scratch()
        try scratch.write(9)
        let name = try scratch.log.files()[0].name
        let good = try scratch.read(name)
        var follower = LogFollower(scratch.log, after: 0)
        #expect(try follower.next(limit: 5, bytes: .max).count == 5)
        // Another text of the fifth record: what comes behind is at another place.
        let other = try Scratch()
        try other.write(4)
        try other.write(6)
        try scratch.replace(name, try other.read(name))
        let rest = try follower.next(limit: 100, bytes: .max).map(\.sequence)
        #expect(rest.first == 6 && rest == Array(6...(rest.last ?? 0)))
        #expect(try scratch.read(name) != good)
    }

    @Test("what retention removed meanwhile is counted as missing")
    func missing() throws {
        let scratch = try Scratch()
        let files = try scratch.writeFiles(compressed: true)
        try #require(files.count > 3)
        var follower = LogFollower(scratch.log, after: 0)
        #expect(try follower.next(limit: 3, bytes: .max).count == 3)
        for entry in files[..<2] { try scratch.log.remove(entry.name) }
        let next = try #require(try follower.next(limit: 1, bytes: .max).first?.sequence)
        #expect(next == files[2].first)
        #expect(follower.missing == files[2].first - 4)
    }

    @Test("no record is given that is not on the disk yet")
    func bound() throws {
        let scratch = try Scratch()
        try scratch.write(9)
        var follower = LogFollower(scratch.log, after: 0)
        #expect(try follower.next(upTo: 4, limit: 100, bytes: .max).map(\.sequence) == [1, 2, 3, 4])
        #expect(try follower.next(upTo: 4, limit: 100, bytes: .max).isEmpty)
        #expect(try follower.next(upTo: 6, limit: 100, bytes: .max).map(\.sequence) == [5, 6])
    }
}
