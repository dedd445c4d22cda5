import CoreTypes
import Foundation
import Testing

@testable import Witness

@Suite("Pages of the log")
struct PageTests {
    /// All pages one after the other, the newest record first.
    private func pages(
        _ scratch: Scratch, limit: Int, window: Int = 1 << 20, _ filter: WitnessFilter = WitnessFilter()
    ) throws -> [Int] {
        var found: [Int] = []
        var before: Int?
        repeat {
            let page = try WitnessPage(
                directory: scratch.log.path, filter, before: before, limit: limit, window: window)
            #expect(page.records.count <= limit)
            if let last = before, let next = page.next { #expect(next < last) }
            found += page.records.map(\.sequence)
            before = page.next
        } while before != nil
        return found
    }

    private func newestFirst(_ scratch: Scratch, _ filter: WitnessFilter = WitnessFilter()) throws -> [Int] {
        var query = try WitnessQuery(directory: scratch.log.path, filter)
        var found: [Int] = []
        while let record = try query.next() { found.append(record.sequence) }
        return found.reversed()
    }

    @Test("pages of any length make the whole log, from files in both forms", arguments: [true, false])
    func lengths(compressed: Bool) throws {
        let scratch = try Scratch()
        let files = try scratch.writeFiles(compressed: compressed)
        #expect(files.count > 3)
        let all = try newestFirst(scratch)
        #expect(all.count > 60)
        for limit in [1, 2, 7, all.count - 1, all.count, all.count + 1] {
            #expect(try pages(scratch, limit: limit) == all, "\(limit)")
        }
    }

    @Test("a filter's pages leave nothing out", arguments: [true, false])
    func filters(compressed: Bool) throws {
        let scratch = try Scratch()
        _ = try scratch.writeFiles(compressed: compressed)
        var filter = WitnessFilter()
        filter.kinds = ["CHECKPOINT"]
        let all = try newestFirst(scratch, filter)
        #expect(all.count > 3)
        for limit in [1, 2, all.count] { #expect(try pages(scratch, limit: limit, filter) == all, "\(limit)") }
    }

    @Test("wherever a window begins, each line is read once, and the one in the writing is not")
    func windows() throws {
        let scratch = try Scratch()
        try scratch.write(8)
        let entry = try #require(try scratch.log.files().last)
        let all = try newestFirst(scratch)
        let longest = try scratch.content(of: entry).split(separator: UInt8(ascii: "\n")).map(\.count).max() ?? 0
        try scratch.replace(entry.name, try scratch.content(of: entry) + Array(#"{"seq":99"#.utf8))
        // Shorter than a line, as long as one, and longer.
        for window in 1...(2 * longest) { #expect(try pages(scratch, limit: 3, window: window) == all, "\(window)") }
    }
}
