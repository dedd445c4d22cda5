import ArgumentParser
import Foundation

@main
struct MicroBenchmarks: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "microbenchmarks",
        abstract: "Measures what single steps of the edge take: time on a core, and allocations.")

    @Option(help: ArgumentHelp("Only this one; with * at its end, all that begin so.", valueName: "name"))
    var only: String?
    @Flag(help: "Print JSON.")
    var json = false
    @Option(
        help: ArgumentHelp(
            "Compare allocations with this file; exit with 1 where one is over, missing or too many.",
            valueName: "file"))
    var check: String?
    @Option(help: ArgumentHelp("Write the allocations into this file, as thresholds.", valueName: "file"))
    var record: String?

    func validate() throws {
        guard record == nil || only == nil else {
            throw ValidationError("--record is about all benchmarks, and can't be used with --only")
        }
    }

    func run() throws {
        try Counting.prove()
        let thresholds = try check.map(Thresholds.init(file:))
        let measurements = try chosen().map { try $0.measure() }
        try print(measurements)
        if let record { try Thresholds.write(measurements, to: record) }
        guard let thresholds else { return }
        let faults = thresholds.faults(measurements, isWhole: only == nil)
        for fault in faults { FileHandle.standardError.write(Data((fault + "\n").utf8)) }
        guard faults.isEmpty else { throw ExitCode(1) }
    }

    private func chosen() throws -> [Benchmark] {
        let all =
            try ParseBenchmarks.all() + WriteBenchmarks.all() + MatchBenchmarks.all() + DigestBenchmarks.all()
            + TableBenchmarks.all() + WitnessBenchmarks.all()
        guard let only else { return all }
        let chosen = all.filter { only.hasSuffix("*") ? $0.name.hasPrefix(only.dropLast()) : $0.name == only }
        guard !chosen.isEmpty else {
            throw ValidationError(
                "no benchmark is called \(only); there are:\n\(all.map(\.name).joined(separator: "\n"))")
        }
        return chosen
    }

    private func print(_ measurements: [Measurement]) throws {
        guard !json else {
            let encoder = JSONEncoder()
            encoder.outputFormatting = [.prettyPrinted, .sortedKeys]
            Swift.print(String(decoding: try encoder.encode(measurements), as: UTF8.self))
            return
        }
        let width = measurements.map(\.name.count).max() ?? 0
        Swift.print(row("", "ns", "allocations", width))
        for measurement in measurements {
            Swift.print(
                row(
                    measurement.name, Thresholds.text(measurement.nanoseconds),
                    Thresholds.text(measurement.allocations),
                    width))
        }
    }

    private func row(_ name: String, _ time: String, _ allocations: String, _ width: Int) -> String {
        name.padding(toLength: width, withPad: " ", startingAt: 0) + left(time, 10) + left(allocations, 13)
    }

    private func left(_ text: String, _ width: Int) -> String {
        String(repeating: " ", count: max(1, width - text.count)) + text
    }
}
