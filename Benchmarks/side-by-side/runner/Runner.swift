import Foundation

/// Runs the works, both programs in turn.
struct Runner {
    let places: Places
    let pairs: Int
    let seconds: Double
    let isQuick: Bool
    var results: Results

    /// How often a run that does not count is made again before the pair is left out.
    private static let attempts = 3

    init(_ places: Places, isQuick: Bool, pairs: Int) throws {
        self.places = places
        self.pairs = pairs
        self.isQuick = isQuick
        seconds = isQuick ? 2 : 5
        results = try Results(isQuick: isQuick)
    }

    /// The first of a pair changes from pair to pair.
    func order(_ pair: Int) -> [Program] {
        pair % 2 == 0 ? [.sallyport, .kamailio] : [.kamailio, .sallyport]
    }

    mutating func measure(_ work: Work) throws {
        var result = Result(work)
        for pair in 0..<pairs {
            for program in order(pair) { try measure(work, program, &result) }
        }
        let ratio = result.ratio.map { String(format: "%.2f", $0) } ?? "no"
        say("\(work.name): ratio \(ratio), Sallyport \(list(result.sallyport)), Kamailio \(list(result.kamailio))")
        results.set(result)
    }

    private func list(_ one: Measurements) -> String {
        "[" + one.cpu.map { String(format: "%.1f", $0) }.joined(separator: ", ") + "] us"
    }

    private func measure(_ work: Work, _ program: Program, _ result: inout Result) throws {
        for _ in 0..<Self.attempts {
            let edge = try RunningEdge(places, program, work.variant)
            let load: LoadReport
            do {
                load = try LoadRun(
                    places, work.arguments(program, places, seconds: seconds), watching: edge
                ).finish()
                try edge.stop()
            } catch {
                try edge.stop()
                throw Failure("\(work.name), \(program.name): \(error)")
            }
            if let objection = load.objection() {
                result[program].thrownOut.append(objection)
                say("\(work.name), \(program.name): thrown out: \(objection)")
                continue
            }
            result[program].cpu.append(load.cpuPerUnit)
            result[program].medianTimes.append(load.medianTime)
            result[program].p99Times.append(load.p99Time)
            result[program].loadCPU.append(load.loadCPUPerUnit)
            result[program].connections += load.connections
            result[program].resumed += load.resumed
            return
        }
    }
}

func say(_ text: String) {
    FileHandle.standardError.write(Data((text + "\n").utf8))
}
