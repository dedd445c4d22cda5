import Foundation

/// What has been counted. "In the window" is what was begun or done between warm-up and end.
struct Tally {
    var up = 0
    var failed = 0
    var failedOutside = 0
    var strays = 0
    var late = 0
    var unreachable = 0
    var connections = 0
    var connectionsLost = 0
    var resumed = 0
    var lag = 0
    private(set) var succeeded = 0
    private(set) var completedInWindow = 0
    private(set) var retransmissions = 0
    private(set) var repeated = 0
    private(set) var failures: [String: Int] = [:]
    private(set) var times: [UInt32] = []
    private(set) var floodBefore = 0
    private(set) var connectionsBefore = 0
    private(set) var resumedBefore = 0

    mutating func beginWindow(_ flood: Int) {
        floodBefore = flood
        connectionsBefore = connections
        resumedBefore = resumed
    }

    mutating func succeed(_ isMeasured: Bool, isMeasuring: Bool) {
        if isMeasured { succeeded += 1 }
        if isMeasuring { completedInWindow += 1 }
    }

    mutating func fail(_ why: String, isMeasured: Bool) {
        if isMeasured { failed += 1 } else { failedOutside += 1 }
        failures[why + (isMeasured ? "" : " (outside the window)"), default: 0] += 1
    }

    mutating func gaveUp(in stage: Stage) {
        failures["gave up while \(stage)", default: 0] += 1
    }

    mutating func lost(_ why: String) {
        connectionsLost += 1
        failures["connection: \(why)", default: 0] += 1
    }

    mutating func retransmitted(_ isMeasuring: Bool) {
        if isMeasuring { retransmissions += 1 }
    }

    mutating func repeatedByEdge(_ isMeasuring: Bool) {
        if isMeasuring { repeated += 1 }
    }

    mutating func established(_ nanoseconds: UInt64, isMeasured: Bool) {
        if isMeasured { times.append(UInt32(clamping: nanoseconds / 1000)) }
    }
}

/// The one line of JSON.
struct Report: Codable {
    var work: String
    var transport: String
    var rate: Double
    var seconds: Double
    /// Calls, answers or datagrams done in the window: what the time on the core is divided by.
    var units: Int
    var ok = 0
    var failed = 0
    /// Of what was begun outside the window.
    var failedOutside = 0
    var failures: [String: Int] = [:]
    var retransmissions: Int
    var repeatedByEdge: Int
    /// First request to final answer, in microseconds; of calls, first INVITE to 200.
    var medianTime = 0.0
    var p99Time = 0.0
    /// Of the processes watched, in the window.
    var cpuMicroseconds: Double
    var cpuPerUnit: Double
    var loadCPUPerUnit: Double
    /// The share that the host took of the core that lost most.
    var stolen: Double
    /// Cores' worth of time that other programs took.
    var foreign: Double
    /// Most units that were ever due and not yet begun.
    var lag = 0
    var connections: Int
    var resumed: Int
    var flooded: Int
    var floodRefused: Int
    /// Datagrams for which the edge's socket had no room, in the window.
    var droppedBeforeEdge: Int
    var late = 0
    var strays = 0

    init(
        _ plan: Plan, _ tally: Tally, _ flood: Flood?, cpu: CPUAccount, since earlier: CPUAccount, own: Double,
        seconds: Double
    ) {
        work = plan.work.rawValue
        transport = plan.transport.rawValue
        rate = plan.rate
        self.seconds = seconds
        flooded = (flood?.sent ?? 0) - tally.floodBefore
        floodRefused = flood?.refused ?? 0
        droppedBeforeEdge = cpu.dropped - earlier.dropped
        units = plan.work == .drop ? flooded - droppedBeforeEdge : tally.completedInWindow
        retransmissions = tally.retransmissions
        repeatedByEdge = tally.repeated
        connections = tally.connections - tally.connectionsBefore
        resumed = tally.resumed - tally.resumedBefore
        cpuMicroseconds = cpu.microseconds(since: earlier)
        cpuPerUnit = units == 0 ? 0 : cpuMicroseconds / Double(units)
        loadCPUPerUnit = units == 0 ? 0 : own / Double(units)
        stolen = cpu.stolen(since: earlier)
        foreign = cpu.foreign(since: earlier, own: own, seconds: seconds)
    }

    /// With what has become of what was begun in the window.
    func finished(_ tally: Tally) -> Report {
        var result = self
        result.ok = tally.succeeded
        result.failed = tally.failed
        result.failedOutside = tally.failedOutside
        result.failures = tally.failures
        result.lag = tally.lag
        result.late = tally.late
        result.strays = tally.strays
        let times = tally.times.sorted()
        if !times.isEmpty {
            result.medianTime = Double(times[times.count / 2])
            result.p99Time = Double(times[min(times.count - 1, times.count * 99 / 100)])
        }
        return result
    }

    func line() throws -> String {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys]
        return String(decoding: try encoder.encode(self), as: UTF8.self)
    }
}
