/// What a proxy remembers of the responses to one request, and which one the caller gets (RFC 3261 section 16.7).
///
/// Branches may be tried one after the other or at once; responses are kept by whoever drives this, under the branch's
/// number.
public struct ResponseContext: Sendable {
    public enum Action: Sendable, Equatable {
        /// Relay this response now: a provisional one, or a 2xx.
        case relay(branch: Int)
        /// Relay the best final response, which came on this branch.
        case relayBest(branch: Int, status: Int)
        /// Cancel the request on this branch, now or as soon as a provisional response has come.
        case cancel(branch: Int)
        /// The branch failed in a way that another target may mend.
        case tryNext
    }

    private struct Branch: Sendable {
        var status: Int?
        var isCancelled = false
    }

    private let isInvite: Bool
    private var branches: [Branch] = []
    private var hasFinal = false
    public private(set) var isCancelled = false
    /// Targets that have not been tried yet.
    public private(set) var targetsLeft: Int

    public init(isInvite: Bool, targets: Int) {
        self.isInvite = isInvite
        self.targetsLeft = targets
    }

    /// A target turned out to be several.
    public mutating func add(targets: Int) {
        targetsLeft += targets
    }

    /// Takes one of the targets left.
    /// - Returns: the number of the new branch.
    public mutating func begin() -> Int {
        targetsLeft = max(0, targetsLeft - 1)
        branches.append(Branch())
        return branches.count - 1
    }

    /// A response on a branch; a time-out counts as 408, an unreachable target as 503 (RFC 3261 section 16.9).
    public mutating func received(status: Int, on number: Int) -> [Action] {
        guard branches.indices.contains(number), status > 100 else { return [] }
        if status < 200 {
            return hasFinal || branches[number].status != nil ? [] : [.relay(branch: number)]
        }
        if status < 300 {
            // Every 2xx to an INVITE goes up (step 5), also behind another final response.
            let repeated = hasFinal
            branches[number].status = status
            hasFinal = true
            guard isInvite || !repeated else { return [] }
            return [.relay(branch: number)] + cancelPending()
        }
        guard branches[number].status == nil else { return [] }
        branches[number].status = status
        var actions: [Action] = []
        if status >= 600 {
            targetsLeft = 0
            actions += cancelPending()
        }
        return actions + conclude()
    }

    /// The caller gave up (RFC 3261 section 16.10).
    public mutating func cancel() -> [Action] {
        isCancelled = true
        targetsLeft = 0
        return cancelPending()
    }

    private mutating func cancelPending() -> [Action] {
        guard isInvite else { return [] }
        var actions: [Action] = []
        for number in branches.indices where branches[number].status == nil && !branches[number].isCancelled {
            branches[number].isCancelled = true
            actions.append(.cancel(branch: number))
        }
        return actions
    }

    private mutating func conclude() -> [Action] {
        guard !hasFinal, branches.allSatisfy({ $0.status != nil }) else { return [] }
        if let last = branches.last?.status, targetsLeft > 0, last == 503 || last == 408 || last == 500 {
            return [.tryNext]
        }
        guard let best = best() else { return [] }
        hasFinal = true
        return [.relayBest(branch: best.branch, status: best.status)]
    }

    /// Step 6: any 6xx; else the lowest class, and in 4xx what tells the caller how to mend the request.
    private func best() -> (branch: Int, status: Int)? {
        let finals = branches.enumerated().compactMap { number, branch in branch.status.map { (number, $0) } }
        func rank(_ status: Int) -> Int {
            switch status {
            case 600...: 0
            case 401, 407, 415, 420, 484: status / 100 * 10
            case 503, 408: status / 100 * 10 + 2
            default: status / 100 * 10 + 1
            }
        }
        guard let best = finals.min(by: { rank($0.1) < rank($1.1) }) else { return nil }
        return (branch: best.0, status: best.1)
    }

    /// Branches that have no final response yet.
    public var pendingBranches: [Int] {
        branches.indices.filter { branches[$0].status == nil }
    }
}
