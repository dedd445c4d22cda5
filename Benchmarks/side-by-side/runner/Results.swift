import Foundation

/// What was measured of one program in one work.
struct Measurements: Codable {
    /// Each run that counts: microseconds for a unit.
    var cpu: [Double] = []
    var medianTimes: [Double] = []
    var p99Times: [Double] = []
    var loadCPU: [Double] = []
    var resumed = 0
    var connections = 0
    /// Runs that don't count, and why.
    var thrownOut: [String] = []
}

struct Result: Codable {
    var name: String
    var title: String
    var measuredAt: String
    var rate: Int
    var bar: Double?
    var aim: Double?
    var sallyport = Measurements()
    var kamailio = Measurements()

    init(_ work: Work) {
        name = work.name
        title = work.title
        measuredAt = Results.now()
        rate = work.rate
        bar = work.bar
        aim = work.aim
    }

    subscript(program: Program) -> Measurements {
        get { program == .sallyport ? sallyport : kamailio }
        set { if program == .sallyport { sallyport = newValue } else { kamailio = newValue } }
    }

    var ratio: Double? { Results.ratio(sallyport.cpu, kamailio.cpu) }
}

/// A figure that is no time on a core: of both programs, medians over the pairs.
struct Figure: Codable {
    var name: String
    var title: String
    var unit: String
    var measuredAt = Results.now()
    var sallyport: [Double] = []
    var kamailio: [Double] = []
    var bar: Double?
    var aim: Double?
    /// Whether more is better.
    var isGain = false
    var remarks: [String] = []

    subscript(program: Program) -> [Double] {
        get { program == .sallyport ? sallyport : kamailio }
        set { if program == .sallyport { sallyport = newValue } else { kamailio = newValue } }
    }

    var ratio: Double? { Results.ratio(sallyport, kamailio) }
}

func median(_ values: [Double]) -> Double? {
    guard !values.isEmpty else { return nil }
    let sorted = values.sorted()
    let middle = sorted.count / 2
    return sorted.count % 2 == 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2
}

struct Results: Codable {
    var machine: String
    var isQuick: Bool
    var results: [Result] = []
    var figures: [Figure] = []

    init(isQuick: Bool) throws {
        let processor = try String(contentsOfFile: "/proc/cpuinfo", encoding: .utf8)
            .split(separator: "\n").first { $0.hasPrefix("model name") }?
            .split(separator: ":").last.map { $0.trimmingCharacters(in: .whitespaces) }
        let kernel = try String(contentsOfFile: "/proc/sys/kernel/osrelease", encoding: .utf8)
            .trimmingCharacters(in: .whitespacesAndNewlines)
        let cores = ProcessInfo.processInfo.activeProcessorCount
        machine = "\(processor ?? "unknown processor"), \(cores) cores, Linux \(kernel)"
        self.isQuick = isQuick
    }

    static func now() -> String { ISO8601DateFormatter().string(from: Date()) }

    static func ratio(_ mine: [Double], _ theirs: [Double]) -> Double? {
        guard let mine = median(mine), let theirs = median(theirs), theirs > 0 else { return nil }
        return mine / theirs
    }

    /// Takes the place of what was measured of the work before.
    mutating func set(_ result: Result) {
        results.removeAll { $0.name == result.name }
        results.append(result)
        let names = Work.all.map(\.name)
        results.sort { (names.firstIndex(of: $0.name) ?? 0) < (names.firstIndex(of: $1.name) ?? 0) }
    }

    mutating func set(_ figure: Figure) {
        if let place = figures.firstIndex(where: { $0.name == figure.name }) {
            figures[place] = figure
        } else {
            figures.append(figure)
        }
    }

    // MARK: Files

    private var name: String { isQuick ? "side-by-side-quick" : "side-by-side" }

    /// What was measured before of other works, on this machine.
    mutating func takeOver(from directory: URL) throws {
        let file = directory.appendingPathComponent("\(name).json")
        guard FileManager.default.fileExists(atPath: file.path) else { return }
        let before = try JSONDecoder().decode(Results.self, from: Data(contentsOf: file))
        guard before.machine == machine else {
            throw Failure("\(file.path) is of another machine (\(before.machine)): move it away to measure a part here")
        }
        results = before.results
        figures = before.figures
    }

    func write(into directory: URL) throws {
        try FileManager.default.createDirectory(at: directory, withIntermediateDirectories: true)
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.prettyPrinted, .sortedKeys]
        try encoder.encode(self).write(to: directory.appendingPathComponent("\(name).json"))
        try Data(markdown.utf8).write(to: directory.appendingPathComponent("\(name).md"))
    }

    /// When the first and the last of it were begun.
    private var span: String {
        let times = (results.map(\.measuredAt) + figures.map(\.measuredAt)).sorted()
        guard let first = times.first, let last = times.last else { return "nothing measured" }
        return first == last ? first : "\(first) to \(last)"
    }

    var markdown: String {
        var lines = [
            "# Side by side", "",
            "\(span); \(machine); one core each for the program and the load."
                + (isQuick ? " A quick run: one pair, for trying only." : ""), "",
        ]
        if !results.isEmpty {
            lines += [
                "Microseconds on a core for each unit of work, medians; times from the first request to the final answer.",
                "",
                "| work | rate | Sallyport us | Kamailio us | ratio | bar | aim | runs kept/thrown out | median, p99 us "
                    + "Sallyport | Kamailio |", "|---|---|---|---|---|---|---|---|---|---|",
            ]
            lines += results.map(row)
        }
        if !figures.isEmpty {
            lines += ["", "| figure | Sallyport | Kamailio | ratio | bar | aim |", "|---|---|---|---|---|---|"]
            lines += figures.map { figure in
                let cells = [
                    "\(figure.title), \(figure.unit)", text(median(figure.sallyport), 1),
                    text(median(figure.kamailio), 1),
                    text(figure.ratio, 2), text(figure.bar, 2), text(figure.aim, 2),
                ]
                return "| " + cells.joined(separator: " | ") + " |"
            }
        }
        let remarks = figures.flatMap { figure in figure.remarks.map { "- \(figure.title): \($0)" } }
        let resumed = results.filter { $0.sallyport.resumed + $0.kamailio.resumed > 0 }.map { result in
            let shares = Program.allCases.map { program in
                "\(program.name) \(result[program].resumed) of \(result[program].connections)"
            }
            return "- \(result.title): connections with a resumed session: " + shares.joined(separator: ", ")
        }
        let thrownOut = results.flatMap { result in
            Program.allCases.flatMap { program in
                result[program].thrownOut.map { "- \(result.name), \(program.name): \($0)" }
            }
        }
        if !(resumed + remarks).isEmpty { lines += ["", "Remarks:", ""] + resumed + remarks }
        if !thrownOut.isEmpty { lines += ["", "Thrown out:", ""] + thrownOut }
        return lines.joined(separator: "\n") + "\n"
    }

    private func row(_ result: Result) -> String {
        func runs(_ one: Measurements) -> String { "\(one.cpu.count)/\(one.thrownOut.count)" }
        func times(_ one: Measurements) -> String {
            "\(text(median(one.medianTimes), 0)), \(text(median(one.p99Times), 0))"
        }
        let cells = [
            result.title, "\(result.rate)/s", text(median(result.sallyport.cpu), 1),
            text(median(result.kamailio.cpu), 1),
            text(result.ratio, 2), text(result.bar, 2), text(result.aim, 2),
            "\(runs(result.sallyport)), \(runs(result.kamailio))", times(result.sallyport), times(result.kamailio),
        ]
        return "| " + cells.joined(separator: " | ") + " |"
    }

    private func text(_ value: Double?, _ digits: Int) -> String {
        value.map { String(format: "%.\(digits)f", $0) } ?? "-"
    }
}
