import Glibc

/// What the kernel says of processes' time on a core, and of time that the host took away.
struct CPUAccount {
    /// Nanoseconds on a core, of all threads of all processes watched.
    /// Of the edge's socket.
    private(set) var dropped = 0
    private var onCPU: UInt64 = 0
    /// Ticks of each core.
    private var cores: [(stolen: UInt64, busy: UInt64, all: UInt64)] = []

    /// The processes and their children, as they are now.
    static func family(of processes: [Int32]) throws -> [Int32] {
        var result: [Int32] = []
        var open = processes
        while let process = open.popLast() {
            result.append(process)
            for thread in try threads(of: process) {
                let children = try text("/proc/\(process)/task/\(thread)/children")
                open += children.split(separator: " ").compactMap { Int32($0) }
            }
        }
        return result
    }

    static func take(_ processes: [Int32], port: UInt16) throws -> CPUAccount {
        var account = CPUAccount()
        account.dropped = try dropped(port: port)
        for process in processes {
            for thread in try threads(of: process) {
                // A thread that has ended since it was listed takes its time with it.
                guard let text = try? text("/proc/\(process)/task/\(thread)/schedstat") else { continue }
                let fields = text.split(separator: " ")
                guard let first = fields.first, let time = UInt64(first) else {
                    throw Failure("/proc/\(process)/task/\(thread)/schedstat can't be read")
                }
                account.onCPU += time
            }
        }
        for line in try text("/proc/stat").split(separator: "\n") where line.hasPrefix("cpu") && !line.hasPrefix("cpu ")
        {
            let ticks = line.split(separator: " ").dropFirst().prefix(8).compactMap { UInt64($0) }
            guard ticks.count == 8 else { throw Failure("/proc/stat can't be read: \(line)") }
            // user, nice, system, idle, iowait, irq, softirq, steal
            account.cores.append((ticks[7], ticks[...2].reduce(ticks[5] + ticks[6], +), ticks.reduce(0, +)))
        }
        return account
    }

    func microseconds(since earlier: CPUAccount) -> Double {
        (Double(onCPU) - Double(earlier.onCPU)) / 1000
    }

    /// The largest share of a core that the host took.
    func stolen(since earlier: CPUAccount) -> Double {
        zip(cores, earlier.cores).map { now, before in
            let all = now.all - before.all
            return all == 0 ? 0 : Double(now.stolen - before.stolen) / Double(all)
        }.max() ?? 0
    }

    /// How many cores' worth of time went to others than the processes watched and this one.
    func foreign(since earlier: CPUAccount, own: Double, seconds: Double) -> Double {
        let ticks = zip(cores, earlier.cores).reduce(0) { $0 + Double($1.0.busy) - Double($1.1.busy) }
        let busy = ticks / Double(sysconf(Int32(_SC_CLK_TCK))) * 1e6
        return max(0, busy - microseconds(since: earlier) - own) / (seconds * 1e6)
    }

    static func ownMicroseconds() -> Double {
        var usage = rusage()
        getrusage(__rusage_who_t(RUSAGE_SELF.rawValue), &usage)
        return Double(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * 1e6
            + Double(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec)
    }

    /// Datagrams that sockets on this port had no room for.
    static func dropped(port: UInt16) throws -> Int {
        let suffix = ":" + String(repeating: "0", count: 4 - String(port, radix: 16).count) + String(port, radix: 16)
        return try text("/proc/net/udp").split(separator: "\n").dropFirst().reduce(0) { sum, line in
            let fields = line.split(separator: " ")
            guard fields.count >= 13, fields[1].lowercased().hasSuffix(suffix), let drops = Int(fields[12]) else {
                return sum
            }
            return sum + drops
        }
    }

    private static func threads(of process: Int32) throws -> [String] {
        guard let directory = opendir("/proc/\(process)/task") else { throw Failure("there is no process \(process)") }
        defer { closedir(directory) }
        var result: [String] = []
        while let entry = readdir(directory) {
            let name = withUnsafePointer(to: &entry.pointee.d_name) { pointer in
                pointer.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
            }
            if !name.hasPrefix(".") { result.append(name) }
        }
        return result
    }

    private static func text(_ path: String) throws -> String {
        let descriptor = open(path, O_RDONLY)
        guard descriptor >= 0 else { throw Failure.system(path) }
        defer { close(descriptor) }
        var result: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 16384)
        while true {
            let count = read(descriptor, &buffer, buffer.count)
            guard count >= 0 else { throw Failure.system(path) }
            if count == 0 { return String(decoding: result, as: UTF8.self) }
            result += buffer[..<count]
        }
    }
}
