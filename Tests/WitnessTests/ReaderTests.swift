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

        let name = try #require(try scratch.log.files().last?.name)
        let content = try scratch.read(name)
        let line = Data(try #require(content.split(separator: 10).last)) + Data([10])
        try scratch.replace(name, content + line.prefix(50))
        #expect(try reader.poll().isEmpty)
        try scratch.replace(name, content + line)
        #expect(try reader.poll().count == 1)
    }
}
