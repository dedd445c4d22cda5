/// A plan being carried out: what lets in first; then a look at what has come of it; only then what shuts out.
///
/// Where something that lets in has failed, nothing that shuts out is tried any more, since it was to take its place. All
/// else goes on. What was done is never lost: it is told after each step.
public struct Execution: Sendable {
    public struct Failure: Sendable, Equatable {
        public let change: Change
        public let reason: String
    }

    /// In the order in which they were.
    public private(set) var carriedOut: [Change] = []
    public private(set) var failures: [Failure] = []
    /// Not tried, for what stands in `reasons`.
    public private(set) var skipped: [Change] = []
    /// Why changes were skipped, each a sentence with what to do.
    public private(set) var reasons: [String] = []

    /// One that has not begun.
    public init() {}

    public var isComplete: Bool { failures.isEmpty && skipped.isEmpty }

    /// What happens while it goes on.
    public struct Listener: Sendable {
        /// Before a change is tried.
        public var willCarryOut: @Sendable (Change) -> Void
        /// After each step, with what was done in it and all that was done so far: to be kept for the way back before the
        /// next step. Once before the first, with nothing: where the way back can't be kept, nothing is to be changed.
        public var didCarryOut: @Sendable (_ step: [Change], _ all: [Change]) throws -> Void
        /// After a step that failed. What was tried in it may have come about all the same, its answer having been lost,
        /// so the way back has to keep it, too.
        public var didFail: @Sendable (_ step: [Change]) throws -> Void

        public init(
            willCarryOut: @escaping @Sendable (Change) -> Void,
            didCarryOut: @escaping @Sendable (_ step: [Change], _ all: [Change]) throws -> Void,
            didFail: @escaping @Sendable (_ step: [Change]) throws -> Void = { _ in }
        ) {
            self.willCarryOut = willCarryOut
            self.didCarryOut = didCarryOut
            self.didFail = didFail
        }
    }

    /// The way back could not be kept, and nothing more was changed.
    public struct WayBackLost: Error, CustomStringConvertible {
        /// With what was done until then.
        public let execution: Execution
        public let cause: any Error

        public var description: String {
            let done = execution.carriedOut.map(\.summary).joined(separator: "; ")
            let state = done.isEmpty ? "nothing was changed" : "nothing more was changed. Done was: \(done)"
            return "the way back can't be kept (\(cause)), so \(state)"
        }
    }

    /// Carries a plan out. Its refusals have been looked at before.
    /// - Throws: ``WayBackLost`` when `listener` does not take what was done.
    public static func run(
        _ plan: Plan, _ declared: Declaration, on backend: some PerimeterBackend, _ listener: Listener
    ) async throws -> Execution {
        var execution = Execution()
        guard !plan.isEmpty else { return execution }
        try execution.keep { try listener.didCarryOut([], []) }
        if backend.isAtomic {
            try await execution.step(plan.changes, declared, backend, listener)
            return execution
        }
        let shuttingOut = plan.changes.filter(\.canShutOut)
        for change in plan.changes where !change.canShutOut {
            try await execution.step([change], declared, backend, listener)
        }
        guard !shuttingOut.isEmpty else { return execution }
        guard !execution.failures.contains(where: \.change.letsIn) else {
            execution.skip(
                shuttingOut, "nothing is taken away, as not all that lets in could be added: mend that, and plan again")
            return execution
        }
        do {
            let now = try await backend.observe(declared)
            if let missing = execution.carriedOut.first(where: { $0.letsIn && now.pending($0) != nil }) {
                execution.skip(
                    shuttingOut, "nothing is taken away, as this is not there any more: \(missing.summary): plan again")
                return execution
            }
            let refusals = WaysIn(declared, now).refusals(shuttingOut.compactMap { now.pending($0) })
            if !refusals.isEmpty {
                execution.skip(shuttingOut, refusals.map { "\($0.reason); \($0.mend)" }.joined(separator: "; "))
                return execution
            }
        } catch {
            execution.skip(shuttingOut, "nothing is taken away, as what is there can't be looked at: \(error)")
            return execution
        }
        for change in shuttingOut { try await execution.step([change], declared, backend, listener) }
        return execution
    }

    private mutating func step(
        _ changes: [Change], _ declared: Declaration, _ backend: some PerimeterBackend, _ listener: Listener
    ) async throws {
        changes.forEach(listener.willCarryOut)
        do {
            try await backend.carryOut(changes, declared)
        } catch {
            failures += changes.map { Failure(change: $0, reason: "\(error)") }
            return try keep { try listener.didFail(changes) }
        }
        carriedOut += changes
        try keep { [carriedOut] in try listener.didCarryOut(changes, carriedOut) }
    }

    private func keep(_ tell: () throws -> Void) throws {
        do {
            try tell()
        } catch {
            throw WayBackLost(execution: self, cause: error)
        }
    }

    private mutating func skip(_ changes: [Change], _ reason: String) {
        skipped = changes
        reasons.append(reason)
    }
}
