/// What a proxy remembers of the responses to one request, and which one the caller gets (RFC 3261 section 16.7).
///
/// A branch is one target. Targets come in groups: those of one group are tried at once (parallel forking), the groups
/// one after the other. Whoever drives this keeps the responses, under the branch's number; that a target has several
/// servers (RFC 3263 section 4.3) is the driver's business too, and concerns nobody here until the last has failed.
public struct ResponseContext: Sendable {
    public enum Action: Sendable, Equatable {
        /// Relay this response now: a provisional one, or a 2xx.
        case relay(branch: Int)
        /// Relay the best final response, which came on this branch.
        case relayBest(branch: Int, status: Int)
        /// Cancel the request on this branch, now or as soon as a provisional response has come.
        case cancel(branch: Int)
        /// All of the group failed in a way that other targets may mend.
        case startNextGroup
    }

    private struct Branch: Sendable {
        var status: Int?
        var isCancelled = false
        /// The target was out of reach or overloaded: the request itself was not judged.
        var isUnserved = false
    }

    /// Most requests have one branch, which takes no room of its own.
    private struct BranchList: Sendable, RandomAccessCollection, MutableCollection {
        private var first = Branch()
        private var others: [Branch] = []
        private(set) var endIndex = 0
        var startIndex: Int { 0 }

        subscript(number: Int) -> Branch {
            get { number == 0 ? first : others[number - 1] }
            set { if number == 0 { first = newValue } else { others[number - 1] = newValue } }
        }

        mutating func append(_ branch: Branch) {
            if endIndex == 0 { first = branch } else { others.append(branch) }
            endIndex += 1
        }
    }

    private let isInvite: Bool
    private var branches = BranchList()
    private var groupStart = 0
    /// The sizes of the groups that have not been tried.
    private var groups: [Int]
    private var hasFinal = false
    public private(set) var isCancelled = false

    /// One target.
    public init(isInvite: Bool) {
        self.isInvite = isInvite
        groups = Self.single
    }

    private static let single = [1]

    /// - Parameter groups: how many targets each group has, in the order to be tried.
    public init(isInvite: Bool, groups: [Int]) {
        self.isInvite = isInvite
        self.groups = groups
    }

    /// Takes the next group.
    /// - Returns: the numbers of its branches; empty when there is none left.
    public mutating func startGroup() -> Range<Int> {
        groupStart = branches.count
        guard !groups.isEmpty else { return groupStart..<groupStart }
        let count = groups[0]
        groups = Array(groups.dropFirst())
        for _ in 0..<count { branches.append(Branch()) }
        return groupStart..<branches.count
    }

    /// A response that came on a branch.
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
            groups = []
            guard isInvite || !repeated else { return [] }
            return [.relay(branch: number)] + cancelPending()
        }
        // Section 16.7 step 6: 503 is about the server.
        return ended(status, on: number, isUnserved: status == 503)
    }

    /// A branch ended without a response: a time-out counts as 408, a target out of reach as 503 (section 16.9).
    public mutating func failed(status: Int, on number: Int) -> [Action] {
        guard branches.indices.contains(number) else { return [] }
        return ended(status, on: number, isUnserved: true)
    }

    private mutating func ended(_ status: Int, on number: Int, isUnserved: Bool) -> [Action] {
        guard branches[number].status == nil else { return [] }
        branches[number].status = status
        branches[number].isUnserved = isUnserved
        var actions: [Action] = []
        if status >= 600 {
            groups = []
            actions += cancelPending()
        }
        return actions + conclude()
    }

    /// The caller gave up (section 16.10).
    public mutating func cancel() -> [Action] {
        isCancelled = true
        groups = []
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
        if !groups.isEmpty, branches[groupStart...].allSatisfy(\.isUnserved) { return [.startNextGroup] }
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

    /// Whether any branch has no final response yet.
    public var isPending: Bool { branches.contains { $0.status == nil } }

    /// Branches that have no final response yet.
    public var pendingBranches: [Int] {
        branches.indices.filter { branches[$0].status == nil }
    }

    /// Whether a branch was cancelled before it ended.
    public func isCancelled(branch number: Int) -> Bool {
        branches.indices.contains(number) && branches[number].isCancelled
    }
}
