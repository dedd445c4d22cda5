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
        /// next step.
        public var didCarryOut: @Sendable (_ step: [Change], _ all: [Change]) throws -> Void

        public init(
            willCarryOut: @escaping @Sendable (Change) -> Void,
            didCarryOut: @escaping @Sendable (_ step: [Change], _ all: [Change]) throws -> Void
        ) {
            self.willCarryOut = willCarryOut
            self.didCarryOut = didCarryOut
        }
    }

    /// Carries a plan out. Its refusals have been looked at before.
    /// - Throws: what `listener.didCarryOut` throws, since without a way back nothing more may be changed.
    public static func run(
        _ plan: Plan, _ declared: Declaration, on backend: some PerimeterBackend, _ listener: Listener
    ) async throws -> Execution {
        var execution = Execution()
        if backend.isAtomic {
            plan.changes.forEach(listener.willCarryOut)
            await execution.attempt(plan.changes, declared, backend)
            let done = execution.carriedOut
            if !done.isEmpty { try listener.didCarryOut(done, done) }
            return execution
        }
        let shuttingOut = plan.changes.filter(\.canShutOut)
        for change in plan.changes where !change.canShutOut {
            try await execution.step(change, declared, backend, listener)
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
        for change in shuttingOut { try await execution.step(change, declared, backend, listener) }
        return execution
    }

    private mutating func step(
        _ change: Change, _ declared: Declaration, _ backend: some PerimeterBackend, _ listener: Listener
    ) async throws {
        listener.willCarryOut(change)
        let before = carriedOut.count
        await attempt([change], declared, backend)
        if carriedOut.count > before { try listener.didCarryOut([change], carriedOut) }
    }

    private mutating func attempt(
        _ changes: [Change], _ declared: Declaration, _ backend: some PerimeterBackend
    ) async {
        do {
            try await backend.carryOut(changes, declared)
            carriedOut += changes
        } catch {
            failures += changes.map { Failure(change: $0, reason: "\(error)") }
        }
    }

    private mutating func skip(_ changes: [Change], _ reason: String) {
        skipped = changes
        reasons.append(reason)
    }
}
