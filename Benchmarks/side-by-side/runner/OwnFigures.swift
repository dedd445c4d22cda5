import Foundation
import Glibc

/// What Sallyport is compared with itself for, or with a bound of its own.
extension Runner {
    /// What a second event loop costs where there is but one core for both: what they hand each other, and twice what
    /// does not depend on the load.
    mutating func twoShards() throws {
        for rate in [1000, 4000] {
            var figure = Figure(
                name: "two-shards-\(rate)",
                title: "a call with two shards, as a part of one with one shard, seven layers, UDP, \(rate)/s",
                unit: "of its time on a core", bar: 1.15)
            var times: [Variant: [Double]] = [:]
            for pair in 0..<pairs {
                let order: [Variant] = pair % 2 == 0 ? [.seven, .twoShards] : [.twoShards, .seven]
                for variant in order {
                    let report = try undisturbed(variant, rate)
                    if let objection = report.objection() {
                        figure.remarks.append("\(variant.rawValue): left out: \(objection)")
                    } else {
                        times[variant, default: []].append(report.cpuPerUnit)
                    }
                }
            }
            guard let one = median(times[.seven] ?? []), let two = median(times[.twoShards] ?? []) else {
                throw Failure("two-shards: no run at \(rate)/s counts: \(figure.remarks)")
            }
            figure.sallyport = [two / one]
            figure.remarks.append(
                String(
                    format: "medians of %d and %d runs: %.1f and %.1f us", times[.seven]?.count ?? 0,
                    times[.twoShards]?.count ?? 0, one, two))
            add(figure)
        }
    }

    private func undisturbed(_ variant: Variant, _ rate: Int) throws -> LoadReport {
        func run() throws -> LoadReport {
            try withEdge(.sallyport, variant) { edge in
                try LoadRun(
                    places,
                    ["call", "--to", "127.0.0.1:25060", "--rate", String(rate), "--seconds", String(seconds)],
                    watching: edge
                ).finish()
            }
        }
        var report = try run()
        for _ in 0..<3 where report.disturbance != nil { report = try run() }
        return report
    }

    /// 20,000, or as many as the system lets a process have.
    mutating func idleConnections() throws {
        var limit = rlimit()
        guard getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0 else {
            throw Failure("getrlimit: \(String(cString: strerror(errno)))")
        }
        let count = isQuick ? 2000 : min(20_000, Int(limit.rlim_cur) - 100)
        var figure = Figure(
            name: "idle-connections", title: "memory with \(count) TLS connections idle", unit: "MB", bar: 1073.7)
        if count < 20_000, !isQuick {
            figure.remarks.append("a process may have \(limit.rlim_cur) files here, so that they are not 20,000")
        }
        try withEdge(.sallyport, .seven) { edge in
            let before = Double(try edge.proportionalSetSize()) / 1e6
            let load = try LoadRun(
                places,
                [
                    "connections", "--to", "127.0.0.1:25061", "--transport", "tls", "--ca",
                    places.work.appendingPathComponent("tls/ca.pem").path, "--rate", "300", "--count", String(count),
                ], watching: edge)
            try load.awaitReady()
            usleep(2_000_000)
            let after = Double(try edge.proportionalSetSize()) / 1e6
            figure.sallyport.append(after)
            figure.remarks.append(
                String(format: "%.1f MB without them; %.1f KB each", before, (after - before) * 1000 / Double(count)))
            try load.release()
            let report = try load.finish()
            if report.failed > 0 { figure.remarks.append("\(report.failures)") }
        }
        add(figure)
    }

    /// More calls than most edges see in a day, with the memory at each tenth of them.
    mutating func soak() throws {
        let (rate, count) = isQuick ? (1000, 20_000) : (2500, 2_000_000)
        var figure = Figure(
            name: "soak", title: "memory behind \(count) calls at \(rate)/s, as a part of that behind a tenth of them",
            unit: "of it")
        try withEdge(.sallyport, .soak) { edge in
            let load = try LoadRun(
                places,
                ["call", "--to", "127.0.0.1:25060", "--rate", String(rate), "--seconds", String(count / rate)],
                watching: edge)
            let start = ContinuousClock.now
            let tenth = Duration.seconds(count / rate) / 10
            var sizes: [Double] = []
            while load.isRunning {
                usleep(100_000)
                guard ContinuousClock.now - start >= tenth * (sizes.count + 1), sizes.count < 10 else { continue }
                sizes.append(Double(try edge.proportionalSetSize()) / 1e6)
            }
            let report = try load.finish()
            if report.failed > 0 { figure.remarks.append("\(report.failed) failed: \(report.failures)") }
            guard let first = sizes.first, let last = sizes.last, sizes.count == 10 else {
                throw Failure("soak: the load ended too early: \(sizes.count) tenths")
            }
            figure.sallyport.append(last / first)
            let list = sizes.map { String(format: "%.1f", $0) }.joined(separator: ", ")
            figure.remarks.append(
                "\(report.ok) calls, \(report.retransmissions) retransmissions; MB at each tenth: \(list)")
        }
        add(figure)
    }
}
