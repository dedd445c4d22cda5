import Foundation

/// What each benchmark may allocate for an operation at most.
struct Thresholds {
    private let most: [String: Double]

    init(file: String) throws {
        let content: Data
        do {
            content = try Data(contentsOf: URL(fileURLWithPath: file))
        } catch {
            throw BenchmarkError("\(file) can't be read: \(error.localizedDescription)")
        }
        do {
            most = try JSONDecoder().decode([String: Double].self, from: content)
        } catch {
            throw BenchmarkError("\(file) is no JSON object of numbers: \(error)")
        }
    }

    /// What is wrong, a line each.
    /// - Parameter isWhole: whether all benchmarks were run.
    func faults(_ measurements: [Measurement], isWhole: Bool) -> [String] {
        var faults = measurements.compactMap { measurement -> String? in
            guard let most = most[measurement.name] else { return "\(measurement.name): has no threshold" }
            guard measurement.allocations > most else { return nil }
            let over = ((measurement.allocations - most) * 100).rounded() / 100
            return "\(measurement.name): \(measurement.allocations) allocations, \(over) more than \(most)"
        }
        if isWhole {
            let known = Set(measurements.map(\.name))
            faults += most.keys.filter { !known.contains($0) }.sorted().map {
                "\($0): has a threshold, but there is no such benchmark"
            }
        }
        return faults
    }

    /// Writes what was measured as what is allowed. What is no whole number depends on how threads meet: it is rounded up
    /// to a tenth.
    static func write(_ measurements: [Measurement], to file: String) throws {
        let lines = measurements.map { "    \"\($0.name)\": \(text(($0.allocations * 10).rounded(.up) / 10))" }
        try Data("{\n\(lines.joined(separator: ",\n"))\n}\n".utf8).write(to: URL(fileURLWithPath: file))
    }

    static func text(_ allocations: Double) -> String {
        allocations == allocations.rounded() ? String(Int(allocations)) : String(allocations)
    }
}
