internal import Foundation

/// What Linux tells of this process, under the names that Prometheus' own libraries give it.
public struct ProcessFigures: Sendable, Equatable {
    public var cpuSeconds = 0.0
    /// Since 1970.
    public var startSeconds = 0.0
    public var residentBytes = 0.0
    public var virtualBytes = 0.0
    public var threads = 0.0
    public var openDescriptors = 0.0
    /// Nil where there is no limit.
    public var mostDescriptors: Double?

    private static let cpu = MetricFamily(
        "process_cpu_seconds_total", .counter, "Time on processors, of user and system.")
    private static let start = MetricFamily(
        "process_start_time_seconds", .gauge, "When the process was started, in seconds since 1970.")
    private static let resident = MetricFamily("process_resident_memory_bytes", .gauge, "Memory in RAM.")
    private static let virtual = MetricFamily("process_virtual_memory_bytes", .gauge, "Address space in use.")
    private static let threadCount = MetricFamily("process_threads", .gauge, "Threads.")
    private static let open = MetricFamily("process_open_fds", .gauge, "Open file descriptors.")
    private static let most = MetricFamily("process_max_fds", .gauge, "Most file descriptors that may be open.")

    /// Reads them from `/proc`; nil where that is not there.
    public static func read() -> ProcessFigures? {
        func text(_ path: String) -> String? { try? String(contentsOfFile: "/proc/" + path, encoding: .utf8) }
        guard let stat = text("self/stat"), let system = text("stat"), let limits = text("self/limits") else {
            return nil
        }
        var figures = ProcessFigures(
            stat: stat, systemStat: system, limits: limits, ticksPerSecond: Double(sysconf(Int32(_SC_CLK_TCK))),
            pageSize: Double(sysconf(Int32(_SC_PAGESIZE))))
        // One of them is the directory's own.
        let descriptors = try? FileManager.default.contentsOfDirectory(atPath: "/proc/self/fd")
        figures?.openDescriptors = Double(max(0, (descriptors?.count ?? 0) - 1))
        return figures
    }

    /// - Parameters:
    ///   - stat: of `/proc/self/stat`.
    ///   - systemStat: of `/proc/stat`.
    ///   - limits: of `/proc/self/limits`.
    /// - Returns: nil when `stat` is of another form.
    public init?(stat: String, systemStat: String, limits: String, ticksPerSecond: Double, pageSize: Double) {
        // The second field is the program's name in brackets, which may have any characters.
        guard let bracket = stat.lastIndex(of: ")") else { return nil }
        let fields = stat[stat.index(after: bracket)...].split(whereSeparator: \.isWhitespace).map { Double($0) }
        // proc(5) counts from 1, and `fields` begins with the third.
        func field(_ number: Int) -> Double? { fields.indices.contains(number - 3) ? fields[number - 3] : nil }
        guard let user = field(14), let system = field(15), let threads = field(20), let start = field(22),
            let size = field(23), let pages = field(24)
        else { return nil }
        cpuSeconds = (user + system) / ticksPerSecond
        let boot = Self.value(after: "btime", in: systemStat).flatMap { Double($0) } ?? 0
        startSeconds = boot + start / ticksPerSecond
        self.threads = threads
        virtualBytes = size
        residentBytes = pages * pageSize
        mostDescriptors = Self.value(after: "Max open files", in: limits).flatMap { Double($0) }
    }

    /// The word behind a name at the beginning of a line.
    private static func value(after name: String, in text: String) -> Substring? {
        text.split(separator: "\n").first { $0.hasPrefix(name + " ") }?
            .dropFirst(name.count).split(whereSeparator: \.isWhitespace).first
    }

    public func add(to metrics: inout MetricSet) {
        metrics.set(Self.cpu, to: cpuSeconds)
        metrics.set(Self.start, to: startSeconds)
        metrics.set(Self.resident, to: residentBytes)
        metrics.set(Self.virtual, to: virtualBytes)
        metrics.set(Self.threadCount, to: threads)
        metrics.set(Self.open, to: openDescriptors)
        if let mostDescriptors { metrics.set(Self.most, to: mostDescriptors) }
    }
}
