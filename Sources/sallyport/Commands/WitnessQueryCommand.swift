import ArgumentParser
import CoreTypes
import Foundation
import Witness

struct WitnessQueryCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "query", abstract: "Find records, the oldest first, or tell the whole story of one trace.",
        discussion: """
            Filters add up. Exits with 0 also when nothing was found. It does not check what it reads: that is verify's work.
            """)

    @OptionGroup var filters: WitnessFilterOption
    @Option(help: "Only the last so many of what is found (1 to 100000).") var limit: Int?
    @Option(
        help: ArgumentHelp(
            "The story of this trace: its records, and those of its calls, with the layers that each call passed.",
            valueName: "trace"))
    var story: String?
    @OptionGroup var log: WitnessLogOption
    @OptionGroup var output: OutputOption

    func validate() throws {
        if let limit, !(1...100_000).contains(limit) { throw ValidationError("--limit is a number from 1 to 100000.") }
        if story != nil, try !filters.filter(now: SystemClock.now().wall).asksForAll || limit != nil {
            throw ValidationError("--story stands alone: it shows all that belongs to the trace.")
        }
    }

    func run() throws {
        let directory = try log.directory()
        if let story { return try tell(story, directory) }
        var query = try WitnessQuery(directory: directory, try filters.filter(now: SystemClock.now().wall))
        if let limit {
            var last = LastRecords(limit)
            while let record = try query.next() { last.append(record) }
            for record in last.all { show(record) }
        } else {
            while let record = try query.next() { show(record) }
        }
        Self.warn(of: query)
    }

    private func show(_ record: WitnessRecord) {
        Terminal.print(output.isJSON ? record.line : record.text)
    }

    private func tell(_ trace: String, _ directory: String) throws {
        let story = try WitnessStory(of: trace, directory: directory)
        if output.isJSON {
            for record in story.records { Terminal.print(record.line) }
        } else if story.records.isEmpty {
            Terminal.print("nothing is known of trace \(JSONText.escaped(trace))")
        } else {
            Terminal.print(StoryText(trace, story.records).lines.joined(separator: "\n"))
        }
        if story.isCut { Terminal.warn("only the first \(WitnessStory.limit) records are shown") }
    }

    static func warn(of query: WitnessQuery) {
        guard query.unreadableCount > 0 else { return }
        for place in query.unreadable.prefix(10) { Terminal.warn(place) }
        Terminal.warn(
            "\(query.unreadableCount) lines could not be read and are left out: see sallyport witness verify")
    }
}

/// The last few of many records.
private struct LastRecords {
    private let limit: Int
    private var records: [WitnessRecord] = []

    init(_ limit: Int) { self.limit = limit }

    mutating func append(_ record: WitnessRecord) {
        records.append(record)
        // Twice the room, so that each record is moved once at most.
        if records.count >= 2 * limit { records.removeFirst(records.count - limit) }
    }

    var all: ArraySlice<WitnessRecord> { records.suffix(limit) }
}

/// A trace's records as a story: when, counted from the first; what; and which layers it passed.
struct StoryText {
    let lines: [String]

    init(_ trace: String, _ records: [WitnessRecord]) {
        let start = records.first?.time ?? 0
        var lines = [
            "trace \(JSONText.escaped(trace)): \(records.count) records, \(records.first?.timestamp ?? "") to "
                + "\(records.last?.timestamp ?? "")"
        ]
        for record in records {
            let after = Double((record.time ?? start) - start) / 1000
            let seconds = String(format: "%+10.3f s", after)
            var words = [record.kind]
            if let source = record.sourceIP { words.append("source=\(source)") }
            if let expert = record.expertID { words.append("expert=\(expert)") }
            let plain = record.details.filter { $0.name != "passage" && !$0.value.plain.isEmpty }
            words += plain.map { "\($0.name)=\($0.value.plain)" }
            let level = record.severity.padding(toLength: 7, withPad: " ", startingAt: 0)
            lines.append(
                "\(seconds)  \(level)  \(words.map { JSONText.escaped($0) }.joined(separator: " "))  (record \(record.sequence))"
            )
            if case .strings(let passage)? = record[detail: "passage"] {
                for (index, step) in passage.enumerated() {
                    lines.append("                        \(index + 1) \(JSONText.escaped(step))")
                }
            }
        }
        self.lines = lines
    }
}
