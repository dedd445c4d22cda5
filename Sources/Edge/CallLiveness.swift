import CoreTypes

/// Whether one side of a call is still there, told from what it says by itself and from what it answers when asked.
struct CallLiveness {
    struct Policy: Sendable, Hashable {
        /// Nanoseconds between two questions to a side that says nothing by itself.
        var every: UInt64
        /// Questions in a row without an answer after which a side counts as gone.
        var misses: Int
    }

    /// The raw values label metrics.
    enum Verdict: String {
        case there
        /// Asked again at the next round.
        case missing
        case gone
    }

    private(set) var misses = 0
    private(set) var isBeingAsked = false
    private var heardAt: UInt64

    init(since now: Moment) {
        heardAt = now.monotonic
    }

    /// The side has sent something of its own.
    mutating func heard(at now: Moment) {
        heardAt = now.monotonic
        misses = 0
    }

    /// Whether the side is to be asked in this round.
    mutating func isDue(_ policy: Policy, at now: Moment) -> Bool {
        guard !isBeingAsked, now.monotonic - min(heardAt, now.monotonic) >= policy.every else { return false }
        isBeingAsked = true
        return true
    }

    /// What became of the question.
    /// - Parameter status: of the final response; nil without one, or when the side can't be reached.
    mutating func answered(_ status: Int?, _ policy: Policy, at now: Moment) -> Verdict {
        isBeingAsked = false
        switch status {
        case 481?:
            // The side is there and knows no such dialog (RFC 5057 section 5.1): it has started anew.
            return .gone
        case nil, 408?, 503?:
            misses += 1
            return misses >= policy.misses ? .gone : .missing
        default:
            // Also a refusal of the method, or of a sequence number that is no longer new, comes from who has the dialog.
            heard(at: now)
            return .there
        }
    }
}
