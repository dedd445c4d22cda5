public import CoreTypes

/// Layer 1: how many new requests and connections one source address (IPv6: one /64) may bring.
///
/// Every packet counts, also those over the limit, so that a flood stays shut out for as long as it lasts; a
/// retransmission doesn't, since its sender can't know that it was heard.
public struct SourceRate: Sendable {
    public struct Policy: Sendable, Hashable {
        public var requests: Int
        public var per: Duration
        public var forgetAfter: Duration

        public init(requests: Int = 30, per: Duration = .seconds(10), forgetAfter: Duration = .seconds(120)) {
            self.requests = requests
            self.per = per
            self.forgetAfter = forgetAfter
        }
    }

    public enum Outcome: Sendable, Equatable {
        case within
        /// The first packet over the limit in this window: worth one answer and one event.
        case exceeded(retryAfterSeconds: Int)
        /// Further ones: dropped in silence.
        case exceededAgain
    }

    /// Sixteen octets, since there may be millions.
    private struct Arrival: Sendable {
        var time: UInt64
        /// 0 for what can't be repeated: connections, unparsable packets. Half of the fingerprint is enough: whoever
        /// wants two packets to look alike can as well send one twice.
        var fingerprint: UInt32
        var repeats: UInt8
        var refused: Bool
    }

    private struct Window: Sendable {
        /// The latest arrivals in order, at most as many as the limit.
        var arrivals: [Arrival] = []
        /// Where the oldest stands once the array is full.
        var oldest = 0
        var announced: UInt64?
        var last: UInt64 = 0
    }

    /// An INVITE is sent at most 7 times, anything else at most 11 times (RFC 3261 section 17.1): more is no
    /// retransmission.
    private static let mostRepeats: UInt8 = 10
    /// How far back a retransmission is looked for.
    private static let repeatHorizon = 64

    private let policy: Policy
    private let window: UInt64
    private let forgetAfter: UInt64
    private var sources: BoundedTable<IPAddress, Window>
    private let mostArrivals: Int
    /// When a source was last told that it is over its limit.
    private var lastAnnounced: UInt64?
    /// Room for arrivals that the windows of all sources take.
    public private(set) var rememberedArrivals = 0

    /// - Parameters:
    ///   - capacity: sources remembered; beyond it the one silent for longest is forgotten.
    ///   - mostArrivals: arrivals remembered, sixteen octets each; beyond it likewise. What a single source may bring
    ///     is remembered in any case.
    public init(_ policy: Policy, capacity: Int = 65_536, mostArrivals: Int = 4_194_304) {
        self.policy = policy
        self.mostArrivals = mostArrivals
        self.window = UInt64(max(0, policy.per.nanoseconds))
        self.forgetAfter = UInt64(max(0, policy.forgetAfter.nanoseconds))
        self.sources = BoundedTable(capacity: capacity)
    }

    public var rememberedSources: Int { sources.count }

    /// Counts a packet or connection.
    /// - Parameter fingerprint: the same for a retransmission as for its original; 0 when there can be none.
    public mutating func arrived(from address: IPAddress, fingerprint: UInt64, now: Moment) -> Outcome {
        forgetSilent(now)
        let limit = max(1, policy.requests)
        let period = window
        let fingerprint = UInt32(truncatingIfNeeded: fingerprint ^ fingerprint >> 32)
        var grown = 0
        let (outcome, evicted) = sources.withEntry(address.rateKey) { entry -> Outcome in
            var state = entry ?? Window()
            // Let go of, so that the arrivals are changed where they are and not copied first.
            entry = nil
            defer { entry = state }
            state.last = now.monotonic
            if fingerprint != 0, let refused = Self.repeated(fingerprint, &state) {
                return refused ? .exceededAgain : .within
            }
            var arrival = Arrival(time: now.monotonic, fingerprint: fingerprint, repeats: 0, refused: false)
            guard state.arrivals.count == limit else {
                let room = state.arrivals.capacity
                state.arrivals.append(arrival)
                grown = state.arrivals.capacity - room
                return .within
            }
            let oldest = state.arrivals[state.oldest].time
            let isWithin = now.monotonic - min(oldest, now.monotonic) >= period
            arrival.refused = !isWithin
            state.arrivals[state.oldest] = arrival
            state.oldest = (state.oldest + 1) % limit
            if isWithin { return .within }
            if let announced = state.announced, now.monotonic - min(announced, now.monotonic) < period {
                return .exceededAgain
            }
            state.announced = now.monotonic
            return .exceeded(retryAfterSeconds: Int((period + 999_999_999) / 1_000_000_000))
        }
        if case .exceeded = outcome { lastAnnounced = now.monotonic }
        rememberedArrivals += grown - (evicted?.value.arrivals.capacity ?? 0)
        while rememberedArrivals > mostArrivals, sources.count > 1 { forgetOldest() }
        return outcome
    }

    /// Whether one more packet of a source would be within its limit; counts nothing.
    public func hasRoom(for address: IPAddress, now: Moment) -> Bool {
        guard let state = sources.peek(address.rateKey), state.arrivals.count == max(1, policy.requests) else {
            return true
        }
        return now.monotonic - min(state.arrivals[state.oldest].time, now.monotonic) >= window
    }

    /// Whether there may be a source that is over its limit and has been told so: mostly there is none, and this costs nothing.
    public func mayHaveShutOut(_ now: Moment) -> Bool {
        lastAnnounced.map { now.monotonic - min($0, now.monotonic) < window } ?? false
    }

    /// Counts a packet of a source that is over its limit and has been told so, without a look into the packet.
    /// - Returns: false, with nothing counted, for any other source.
    public mutating func counted(shutOut address: IPAddress, now: Moment) -> Bool {
        let limit = max(1, policy.requests)
        let period = window
        return sources.withEntry(address.rateKey) { entry -> Bool in
            guard let state = entry, state.arrivals.count == limit,
                now.monotonic - min(state.arrivals[state.oldest].time, now.monotonic) < period,
                let announced = state.announced, now.monotonic - min(announced, now.monotonic) < period
            else { return false }
            let place = state.oldest
            entry?.last = now.monotonic
            entry?.arrivals[place] = Arrival(time: now.monotonic, fingerprint: 0, repeats: 0, refused: true)
            entry?.oldest = (place + 1) % limit
            return true
        }.result
    }

    private mutating func forgetOldest() {
        guard let gone = sources.removeOldest() else { return }
        rememberedArrivals -= gone.value.arrivals.capacity
    }

    /// Whether this is a retransmission, and then whether its original was refused; nil when it is new.
    private static func repeated(_ fingerprint: UInt32, _ state: inout Window) -> Bool? {
        let count = state.arrivals.count
        for back in 1...max(1, min(repeatHorizon, count)) where count > 0 {
            let index = (state.oldest + count - back) % count
            guard state.arrivals[index].fingerprint == fingerprint else { continue }
            guard state.arrivals[index].repeats < mostRepeats else { return nil }
            state.arrivals[index].repeats += 1
            return state.arrivals[index].refused
        }
        return nil
    }

    /// The table is in order of last use, so what has been silent for long enough stands at its end.
    /// - Parameter most: sources that are forgotten at once, so that it takes no time to notice.
    public mutating func forgetSilent(_ now: Moment, most: Int = 2) {
        for _ in 0..<most {
            guard let oldest = sources.oldestEntry,
                now.monotonic - min(oldest.value.last, now.monotonic) > forgetAfter
            else { return }
            forgetOldest()
        }
    }

    mutating func examine(_ approach: Approach, now: Moment) -> Verdict {
        let outcome = arrived(
            from: approach.source.address, fingerprint: approach.message.retransmissionFingerprint, now: now)
        let answer: Refusal.Answer?
        switch outcome {
        case .within:
            return .pass
        case .exceeded(let seconds):
            answer = .init(503, "Service Unavailable", fields: [("Retry-After", String(seconds))])
        case .exceededAgain:
            answer = nil
        }
        return .refuse(
            Refusal(
                .sourceRate, .rateExceeded, answer: answer,
                event: approach.draft(
                    .rateLimitExceeded, .warning, .rate(requests: policy.requests, per: policy.per))))
    }
}
