import Foundation
import Glibc

/// What is no time on a core: memory, start-up, largest rates, floods.
extension Runner {
    static let figureNames = [
        "start-up", "memory-calls", "memory-connections", "largest-seven", "largest-bare", "flood",
        "two-shards", "idle-connections", "soak",
    ]

    mutating func figure(_ name: String) throws {
        switch name {
        case "start-up": try startUp()
        case "memory-calls": try memoryOfCalls()
        case "memory-connections": try memoryOfConnections()
        case "largest-seven": try largestRate(.seven, "call", "seven layers", bar: 1.0, aim: 1.5)
        case "largest-bare": try largestRate(.bare, "bare", "record-routed only", bar: nil, aim: nil)
        case "flood": try floods()
        case "two-shards": try twoShards()
        case "idle-connections": try idleConnections()
        case "soak": try soak()
        default: throw Failure("\(name): no such figure")
        }
    }

    mutating func add(_ figure: Figure) {
        say("\(figure.name): Sallyport \(figure.sallyport), Kamailio \(figure.kamailio) \(figure.unit)")
        results.set(figure)
    }

    func withEdge<T>(_ program: Program, _ variant: Variant, _ body: (RunningEdge) throws -> T) throws -> T {
        let edge = try RunningEdge(places, program, variant)
        do {
            let value = try body(edge)
            try edge.stop()
            return value
        } catch {
            try edge.stop()
            throw error
        }
    }

    private mutating func startUp() throws {
        var time = Figure(name: "start-up", title: "start to first answer", unit: "ms")
        var memory = Figure(name: "memory-idle", title: "memory idle", unit: "MB")
        for pair in 0..<pairs {
            for program in order(pair) {
                try withEdge(program, .seven) { edge in
                    time[program].append(edge.startUp / .milliseconds(1))
                    usleep(1_000_000)
                    memory[program].append(Double(try edge.proportionalSetSize()) / 1e6)
                }
            }
        }
        add(time)
        add(memory)
    }

    private mutating func memoryOfCalls() throws {
        let count = isQuick ? 2000 : 10_000
        var atOnce = Figure(
            name: "memory-calls", title: "memory with \(count) calls up", unit: "MB", bar: 1.0, aim: 0.5)
        var later = Figure(
            name: "memory-calls-later", title: "the same 40 s later, transactions being over", unit: "MB")
        for program in Program.allCases {
            try withEdge(program, .seven) { edge in
                let load = try LoadRun(
                    places,
                    [
                        "call", "--to", "127.0.0.1:\(program.port(.seven, "call"))", "--rate", "1000", "--count",
                        String(count), "--hold", "forever", "--give-up", "20",
                    ], watching: edge)
                try load.awaitReady()
                atOnce[program].append(Double(try edge.proportionalSetSize()) / 1e6)
                if !isQuick {
                    usleep(40_000_000)
                    later[program].append(Double(try edge.proportionalSetSize()) / 1e6)
                }
                try load.release()
                let report = try load.finish()
                if report.failed > 0 { atOnce.remarks.append("\(program.name): \(report.failures)") }
            }
        }
        add(atOnce)
        if !isQuick { add(later) }
    }

    private mutating func memoryOfConnections() throws {
        let count = isQuick ? 2000 : 10_000
        var memory = Figure(
            name: "memory-connections", title: "memory with \(count) TLS connections idle", unit: "MB")
        for program in Program.allCases {
            try withEdge(program, .seven) { edge in
                let load = try LoadRun(
                    places,
                    [
                        "connections", "--to", "127.0.0.1:25061", "--transport", "tls", "--ca",
                        places.work.appendingPathComponent("tls/ca.pem").path, "--rate", "300", "--count",
                        String(count),
                    ], watching: edge)
                try load.awaitReady()
                usleep(2_000_000)
                memory[program].append(Double(try edge.proportionalSetSize()) / 1e6)
                try load.release()
                let report = try load.finish()
                if report.failed > 0 { memory.remarks.append("\(program.name): \(report.failures)") }
            }
        }
        add(memory)
    }

    // MARK: Largest rate

    private static let largestTried = 20_000

    /// Bisects between a rate that passes and one that does not, in steps of 250 calls a second.
    private mutating func largestRate(
        _ variant: Variant, _ kind: String, _ title: String, bar: Double?, aim: Double?
    ) throws {
        var figure = Figure(
            name: "largest-\(variant.rawValue)", title: "largest rate of calls, none failed, \(title)", unit: "/s",
            bar: bar,
            aim: aim, isGain: true)
        for pair in 0..<(isQuick ? 1 : min(pairs, 3)) {
            for program in order(pair) {
                var good = 0
                var bad = Self.largestTried
                while bad - good > 250 {
                    let rate = bad == Self.largestTried ? 4000 : (good + bad) / 2 / 250 * 250
                    guard rate > good else { break }
                    // What fails once is tried once more.
                    var isClean = false
                    for _ in 0..<2 where !isClean {
                        let (passes, remark) = try passes(program, variant, kind, rate)
                        if let remark { figure.remarks.append("\(program.name) at \(rate)/s: \(remark)") }
                        isClean = passes
                    }
                    if isClean { good = rate } else { bad = rate }
                    if isClean, bad == Self.largestTried { bad = Self.largestTried - 1 }
                }
                guard good > 0 else { throw Failure("\(program.name) carries no rate without failed calls") }
                figure[program].append(Double(good))
            }
        }
        add(figure)
    }

    private func passes(_ program: Program, _ variant: Variant, _ kind: String, _ rate: Int) throws -> (Bool, String?) {
        var report = try trial(program, variant, kind, rate)
        for _ in 0..<3 where report.disturbance != nil { report = try trial(program, variant, kind, rate) }
        say("  \(program.name) at \(rate)/s: \(report.objection() ?? "clean")")
        if let disturbance = report.disturbance { return (false, disturbance) }
        if let objection = report.objection() {
            // What the load can't drive says nothing of the program.
            let isLoadBound = report.loadCPUPerUnit * Double(report.units) / report.seconds > 950_000
            return (false, isLoadBound ? "the load's core was full: \(objection)" : nil)
        }
        guard Double(report.units) > 0.98 * Double(rate) * report.seconds else {
            return (false, "\(report.units) calls in \(report.seconds) s")
        }
        return (true, nil)
    }

    private func trial(_ program: Program, _ variant: Variant, _ kind: String, _ rate: Int) throws -> LoadReport {
        try withEdge(program, variant) { edge in
            try LoadRun(
                places,
                [
                    kind, "--to", "127.0.0.1:\(program.port(variant, kind))", "--rate", String(rate), "--seconds",
                    isQuick ? "3" : "8",
                ], watching: edge
            ).finish()
        }
    }

    // MARK: Floods

    /// Allowed calls beside strangers' INVITEs.
    private mutating func floods() throws {
        let rate = 100_000
        let floods = [(0, "no flood"), (1, "\(rate)/s from one source"), (10_000, "\(rate)/s from 10,000 sources")]
        for (sources, title) in floods {
            // The median is that of the calls that came up: it says nothing where others failed.
            var times = Figure(name: "flood-\(sources)", title: "median set-up time, \(title)", unit: "us")
            var failures = Figure(name: "flood-\(sources)-failed", title: "calls failed, \(title)", unit: "%")
            for pair in 0..<pairs {
                for program in order(pair) {
                    var report = try flooded(program, rate, sources)
                    for _ in 0..<3 where report.disturbance != nil { report = try flooded(program, rate, sources) }
                    if let disturbance = report.disturbance {
                        times.remarks.append("\(program.name): left out: \(disturbance)")
                        continue
                    }
                    times[program].append(report.medianTime)
                    failures[program].append(100 * Double(report.failed) / Double(max(report.ok + report.failed, 1)))
                    times.remarks.append(
                        "\(program.name): \(report.ok) calls ok, \(report.failed) failed \(report.failures), "
                            + "\(report.retransmissions) retransmissions, p99 \(Int(report.p99Time)) us, "
                            + "\(report.flooded) packets sent, \(report.droppedBeforeEdge) of them lost before the edge"
                    )
                }
            }
            add(times)
            add(failures)
        }
    }

    private func flooded(_ program: Program, _ rate: Int, _ sources: Int) throws -> LoadReport {
        let flood = ["--flood-rate", String(rate), "--flood-sources", String(sources)]
        return try withEdge(program, .flood) { edge in
            try LoadRun(
                places,
                [
                    "call", "--to", "127.0.0.1:25060", "--rate", "100", "--give-up", "20", "--seconds", String(seconds),
                ] + (sources == 0 ? [] : flood), watching: edge
            ).finish()
        }
    }
}
