import CAllocations
import Glibc

extension Benchmark {
    private static let rounds = 9

    /// Runs the rounds, the first of them to fill caches and tables.
    /// - Throws: when an operation did not come to what it should: the figures would be of something else.
    func measure() throws -> Measurement {
        try runRound()
        var times: [Double] = []
        times.reserveCapacity(Self.rounds)
        var allocations: UInt64 = 0
        for _ in 0..<Self.rounds {
            let allocated = scope.allocations
            let began = scope.time
            try runRound()
            times.append(Double(scope.time - began))
            allocations += scope.allocations - allocated
        }
        return Measurement(
            name: name, nanoseconds: (times.sorted()[Self.rounds / 2] / Double(operations)).rounded(),
            allocations: (Double(allocations) / Double(Self.rounds * operations) * 100).rounded() / 100)
    }

    private func runRound() throws {
        let good = try round()
        guard good == operations else {
            throw BenchmarkError("\(name): only \(good) of \(operations) operations came to what they should")
        }
    }
}

extension Benchmark.Scope {
    fileprivate var allocations: UInt64 {
        switch self {
        case .thread: allocations_of_thread()
        case .process: allocations_of_process()
        }
    }

    /// Nanoseconds on a core.
    fileprivate var time: UInt64 {
        var time = timespec()
        switch self {
        case .thread: clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time)
        case .process: clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time)
        }
        return UInt64(time.tv_sec) * 1_000_000_000 + UInt64(time.tv_nsec)
    }
}

/// Whether the counting counts.
enum Counting {
    private final class Object {}

    /// - Throws: where an object or aligned memory isn't counted as one allocation of this thread each.
    static func prove() throws {
        try expect("an object", 1, Unmanaged.passRetained(Object())) { $0.release() }
        try expect(
            "aligned memory", 1, UnsafeMutableRawPointer.allocate(byteCount: 512, alignment: 256)
        ) { $0.deallocate() }
        try expect("a number", 0, allocations_of_thread()) { _ in }
    }

    private static func expect<Made>(
        _ what: String, _ count: UInt64, _ make: @autoclosure () -> Made, release: (Made) -> Void
    ) throws {
        // Once before: the runtime allocates what it has to know of a class.
        release(make())
        let (thread, process) = (allocations_of_thread(), allocations_of_process())
        let made = make()
        let counted = (allocations_of_thread() - thread, allocations_of_process() - process)
        release(made)
        guard counted == (count, count) else {
            throw BenchmarkError(
                "allocations can't be counted here: \(what) takes \(count), but \(counted.0) were seen of this thread, "
                    + "\(counted.1) of all")
        }
    }
}
