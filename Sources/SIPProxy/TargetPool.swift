public import SIPMessage

/// Servers that stand in for each other, and which of them are in service.
///
/// A server leaves service after so many failures in a row, of probes and of requests alike, and comes back after so
/// many answered probes in a row. Time comes in as nanoseconds on a steady clock.
public struct TargetPool: Sendable {
    public struct Target: Sendable, Hashable {
        public var uri: URI
        /// Share of the requests among targets of one priority; 0: only when no other of its priority is left.
        public var weight: Int
        /// Lower is tried first.
        public var priority: Int

        public init(uri: URI, weight: Int = 1, priority: Int = 1) {
            self.uri = uri
            self.weight = weight
            self.priority = priority
        }
    }

    /// How the targets of one priority are tried.
    public enum Ring: Sendable, Hashable {
        case oneByOne
        /// All at once; the first that answers wins.
        case together
    }

    /// When a target counts as gone and as back.
    public struct Thresholds: Sendable, Hashable {
        public var downAfter: Int
        public var upAfter: Int

        public init(downAfter: Int, upAfter: Int) {
            self.downAfter = max(1, downAfter)
            self.upAfter = max(1, upAfter)
        }
    }

    public struct Health: Sendable, Hashable {
        public fileprivate(set) var isUp = true
        fileprivate var failures = 0
        fileprivate var successes = 0
        /// A 503 with Retry-After asked not to be called before this moment (RFC 3261 section 21.5.4).
        public fileprivate(set) var restsUntil: UInt64 = 0
    }

    public enum Outcome: Sendable, Hashable {
        /// It answered, whatever the answer was.
        case answered
        /// No answer, no connection, or 503.
        case failed
    }

    public enum Change: Sendable, Hashable {
        case wentDown
        case cameBack
    }

    public let targets: [Target]
    public let ring: Ring
    /// Nil: nothing probes, so everything counts as in service.
    public let thresholds: Thresholds?
    public private(set) var health: [Health]

    /// A 503 may not send a target away for longer than this: 60 s.
    public static let longestRest: UInt64 = 60_000_000_000

    public init(targets: [Target], ring: Ring = .oneByOne, thresholds: Thresholds? = nil) {
        self.targets = targets
        self.ring = ring
        self.thresholds = thresholds
        health = targets.map { _ in Health() }
    }

    /// A probe's result.
    public mutating func probed(_ outcome: Outcome, target index: Int) -> Change? {
        guard let thresholds, health.indices.contains(index) else { return nil }
        switch outcome {
        case .failed:
            return failed(index, thresholds)
        case .answered:
            health[index].failures = 0
            guard !health[index].isUp else { return nil }
            health[index].successes += 1
            guard health[index].successes >= thresholds.upAfter else { return nil }
            health[index].isUp = true
            return .cameBack
        }
    }

    /// What became of a request that was sent there. An answer shows that the target is alive but does not bring it
    /// back: that is for the probes.
    /// - Parameter restsUntil: when a 503 said that it may be called again.
    public mutating func served(_ outcome: Outcome, target index: Int, restsUntil: UInt64? = nil) -> Change? {
        guard let thresholds, health.indices.contains(index) else { return nil }
        if let restsUntil { health[index].restsUntil = max(health[index].restsUntil, restsUntil) }
        switch outcome {
        case .answered:
            if health[index].isUp { health[index].failures = 0 }
            return nil
        case .failed:
            return failed(index, thresholds)
        }
    }

    private mutating func failed(_ index: Int, _ thresholds: Thresholds) -> Change? {
        health[index].successes = 0
        guard health[index].isUp else { return nil }
        health[index].failures += 1
        guard health[index].failures >= thresholds.downAfter else { return nil }
        health[index].isUp = false
        return .wentDown
    }

    /// The targets to try for one request, as indices in groups that are tried at once; by priority, and within one
    /// drawn by weight (as RFC 2782 does). Empty when none is in service.
    public func selection(now: UInt64, random: inout some RandomNumberGenerator) -> [[Int]] {
        var ready = targets.indices.filter { health[$0].isUp && health[$0].restsUntil <= now }
        if ready.isEmpty {
            // Better to ask one that asked for a rest than to have nobody.
            ready = targets.indices.filter { health[$0].isUp }
        }
        let priorities = Set(ready.map { targets[$0].priority }).sorted()
        return priorities.flatMap { priority -> [[Int]] in
            let members = ready.filter { targets[$0].priority == priority }
            return ring == .together ? [members] : draw(members, &random).map { [$0] }
        }
    }

    private func draw(_ members: [Int], _ random: inout some RandomNumberGenerator) -> [Int] {
        var left = members
        var order: [Int] = []
        while !left.isEmpty {
            let total = left.reduce(0) { $0 + targets[$1].weight }
            var position = 0
            if total > 0 {
                var point = Int.random(in: 0..<total, using: &random)
                while point >= targets[left[position]].weight {
                    point -= targets[left[position]].weight
                    position += 1
                }
            }
            order.append(left.remove(at: position))
        }
        return order
    }
}
