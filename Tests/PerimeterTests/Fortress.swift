import Synchronization

@testable import Perimeter

/// A backend of a test: a state that changes are applied to, with troubles that it can be told to make.
final class Fortress: PerimeterBackend {
    struct Trouble: Error, CustomStringConvertible {
        let description: String
    }

    struct Manner: Sendable {
        /// Changes that it refuses.
        var refuses: @Sendable (Change) -> Bool = { _ in false }
        /// Changes that it carries out, and says that it has not.
        var losesAnswer: @Sendable (Change) -> Bool = { _ in false }
        /// Changes that are gone again when somebody looks.
        var forgets: @Sendable (Change) -> Bool = { _ in false }
        /// What another hand does before somebody looks.
        var meanwhile: [Change] = []
        var isBlind = false
    }

    let isAtomic: Bool
    private let manner: Manner
    private let world: Mutex<(state: Observation, looks: Int, forgotten: [Change])>

    init(_ state: Observation, isAtomic: Bool = false, _ manner: Manner = Manner()) {
        self.isAtomic = isAtomic
        self.manner = manner
        world = Mutex((state, 0, []))
    }

    var state: Observation { world.withLock { $0.state } }
    /// How often it was looked at.
    var looks: Int { world.withLock { $0.looks } }

    func observe(_ declared: Declaration) async throws -> Observation {
        if manner.isBlind { throw Trouble(description: "fog") }
        return world.withLock { world in
            world.looks += 1
            let undone = world.forgotten.map(\.inverse)
            world.state = world.state.applying(undone).applying(manner.meanwhile)
            return world.state
        }
    }

    func carryOut(_ changes: [Change], _ declared: Declaration) async throws {
        if let refused = changes.first(where: manner.refuses) {
            throw Trouble(description: "'\(refused.summary)' is refused")
        }
        world.withLock { world in
            world.state = world.state.applying(changes)
            world.forgotten += changes.filter(manner.forgets)
        }
        if changes.contains(where: manner.losesAnswer) { throw Trouble(description: "no answer") }
    }

    func close() async throws {}
}

/// What an execution has told, and what of it can't be kept.
final class Diary: Sendable {
    struct Full: Error, CustomStringConvertible {
        let description = "the disk is full"
    }

    private let pages = Mutex((announced: [Change](), kept: [[Change]](), steps: [[Change]](), failed: [Change]()))
    private let room: Int

    /// - Parameter room: how many entries it takes, the first and empty one among them.
    init(room: Int = .max) { self.room = room }

    var announced: [Change] { pages.withLock { $0.announced } }
    /// All that was done, as it was told after each step.
    var kept: [[Change]] { pages.withLock { $0.kept } }
    var steps: [[Change]] { pages.withLock { $0.steps } }
    var failed: [Change] { pages.withLock { $0.failed } }

    var listener: Execution.Listener {
        Execution.Listener(
            willCarryOut: { [self] change in pages.withLock { $0.announced.append(change) } },
            didCarryOut: { [self] step, all in
                try pages.withLock { pages in
                    guard pages.kept.count < room else { throw Full() }
                    pages.kept.append(all)
                    pages.steps.append(step)
                }
            },
            didFail: { [self] step in pages.withLock { $0.failed += step } })
    }
}
