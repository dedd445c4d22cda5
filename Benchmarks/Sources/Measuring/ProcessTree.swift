public import Glibc

/// A process and all that descend from it: Kamailio is several processes, Sallyport one with several threads.
public struct ProcessTree: Sendable {
    public let root: pid_t

    public init(root: pid_t) {
        self.root = root
    }

    public var isRunning: Bool { kill(root, 0) == 0 }

    public func processes() -> [pid_t] {
        var found: [pid_t] = []
        var open = [root]
        while let next = open.popLast() {
            found.append(next)
            for thread in numbers(in: "/proc/\(next)/task") {
                let children = contents(of: "/proc/\(next)/task/\(thread)/children") ?? ""
                open += children.split(separator: " ").compactMap { pid_t($0) }
            }
        }
        return found
    }

    /// Nanoseconds that the kernel has run any thread of any of the processes.
    public func onCPU() -> UInt64 {
        var sum: UInt64 = 0
        for process in processes() {
            for thread in numbers(in: "/proc/\(process)/task") {
                let line = contents(of: "/proc/\(process)/task/\(thread)/schedstat") ?? ""
                sum += line.split(separator: " ").first.flatMap { UInt64($0) } ?? 0
            }
        }
        return sum
    }

    /// Proportional set size of all the processes in KiB: what they share is counted once.
    public func proportionalSetSize() -> Int {
        var sum = 0
        for process in processes() {
            for line in (contents(of: "/proc/\(process)/smaps_rollup") ?? "").split(separator: "\n")
            where line.hasPrefix("Pss:") {
                sum += line.split(separator: " ").dropFirst().first.flatMap { Int($0) } ?? 0
            }
        }
        return sum
    }
}

/// What the hypervisor took of one core, out of `/proc/stat`, in clock ticks.
public struct CoreTicks: Sendable {
    public var stolen: UInt64
    public var total: UInt64

    public static func read() -> [CoreTicks] {
        var cores: [CoreTicks] = []
        for line in (contents(of: "/proc/stat") ?? "").split(separator: "\n") {
            guard line.hasPrefix("cpu"), !line.hasPrefix("cpu ") else { continue }
            // user, nice, system, idle, iowait, irq, softirq, steal; guest times are part of user's.
            let ticks = line.split(separator: " ").dropFirst().prefix(8).compactMap { UInt64($0) }
            guard ticks.count == 8 else { continue }
            cores.append(CoreTicks(stolen: ticks[7], total: ticks.reduce(0, +)))
        }
        return cores
    }

    /// The largest share that was stolen of any core between two readings.
    public static func stolenShare(from start: [CoreTicks], to end: [CoreTicks]) -> Double {
        zip(start, end).map { before, after in
            after.total > before.total
                ? Double(after.stolen - before.stolen) / Double(after.total - before.total) : 0
        }.max() ?? 0
    }
}

/// Nanoseconds of the steady clock.
public func steadyNow() -> Int64 {
    var time = timespec()
    clock_gettime(CLOCK_MONOTONIC, &time)
    return Int64(time.tv_sec) * 1_000_000_000 + Int64(time.tv_nsec)
}

public func contents(of path: String) -> String? {
    let file = open(path, O_RDONLY | O_CLOEXEC)
    guard file >= 0 else { return nil }
    defer { close(file) }
    var bytes: [UInt8] = []
    var buffer = [UInt8](repeating: 0, count: 16384)
    while true {
        let count = read(file, &buffer, buffer.count)
        guard count > 0 else { return count == 0 ? String(decoding: bytes, as: UTF8.self) : nil }
        bytes += buffer[..<count]
    }
}

private func numbers(in directory: String) -> [pid_t] {
    guard let entries = opendir(directory) else { return [] }
    defer { closedir(entries) }
    var found: [pid_t] = []
    while let entry = readdir(entries) {
        let name = withUnsafeBytes(of: entry.pointee.d_name) { String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) }
        if let number = pid_t(name) { found.append(number) }
    }
    return found
}
