import CoreTypes
import Defense

/// Layers 1 and 2: windows of arrivals, and the allowlist.
enum TableBenchmarks {
    static func all() throws -> [Benchmark] {
        try [
            oneSource(), shutOut(), manySources(), network("trie.match", from: 0x0a00_0001, isListed: true),
            network("trie.stranger", from: 0xcb00_7107, isListed: false),
        ]
    }

    private static let start = Moment(monotonic: 1_000_000_000_000, wall: 1_762_898_400_000)

    /// A packet a millisecond.
    private static func moment(_ number: Int) -> Moment {
        Moment(monotonic: start.monotonic + UInt64(number) * 1_000_000, wall: start.wall + Int64(number))
    }

    /// A source within its rate.
    private static func oneSource() -> Benchmark {
        var rate = SourceRate(.init(requests: 30, per: .milliseconds(20)))
        let source = IPAddress(v4: 0xc000_0205)
        return Benchmark("window.within") { number in
            rate.arrived(from: source, fingerprint: UInt64(number + 1), now: moment(number)) == .within
        }
    }

    /// A source that is shut out.
    private static func shutOut() -> Benchmark {
        var rate = SourceRate(.init(requests: 30, per: .seconds(10)))
        let source = IPAddress(v4: 0xc000_0205)
        for number in 0..<31 { _ = rate.arrived(from: source, fingerprint: UInt64(number + 1), now: start) }
        return Benchmark("window.exceeded") { number in
            rate.arrived(from: source, fingerprint: UInt64(number + 100), now: start) == .exceededAgain
        }
    }

    /// Sources that come once each, where as many are remembered as can be.
    private static func manySources() -> Benchmark {
        var rate = SourceRate(.init(requests: 30, per: .seconds(10)), capacity: 1000)
        return Benchmark("window.new-source") { number in
            let source = IPAddress(v4: 0x0a00_0000 + UInt32(number))
            return rate.arrived(from: source, fingerprint: UInt64(number + 1), now: start) == .within
        }
    }

    /// A lookup among 1,000 networks of five sizes.
    private static func network(_ name: String, from address: UInt32, isListed: Bool) throws -> Benchmark {
        let sizes = [12, 16, 20, 24, 32]
        let entries = try (0..<1000).map { number in
            let length = sizes[number % sizes.count]
            let address = IPAddress(v4: 0x0a00_0000 + UInt32(number / sizes.count) << 12)
            guard let network = IPNetwork(address.masked(to: length), prefixLength: length) else {
                throw BenchmarkError("\(name): \(address)/\(length) is no network")
            }
            return AllowlistEntry(network: network, group: 1, tag: "network-\(number)")
        }
        let allowlist = Allowlist(entries)
        return Benchmark(name) { number in
            let source = Endpoint(IPAddress(v4: address + UInt32(number % 200) << 12), port: 5060)
            return (allowlist.match(source, transport: .udp, group: 1) != nil) == isListed
        }
    }
}
