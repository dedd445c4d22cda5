import CoreTypes
import Testing

@testable import Perimeter

@Suite struct ExecutionTests {
    /// The way from the incident to what is declared.
    private static func scene() throws -> (declared: Declaration, before: Observation, plan: Plan) {
        let declared = try Examples.declaration()
        let before = try Examples.incident()
        return (declared, before, Plan.make(declared, before, today: Examples.today))
    }

    @Test("what lets in comes first, then a look, then what shuts out; each step is told with all before it")
    func order() async throws {
        let (declared, before, plan) = try Self.scene()
        let (fortress, diary) = (Fortress(before), Diary())
        let execution = try await Execution.run(plan, declared, on: fortress, diary.listener)
        #expect(execution.isComplete && execution.carriedOut == plan.changes && execution.reasons == [])
        #expect(diary.announced == plan.changes && fortress.looks == 1)
        let firstOut = try #require(plan.changes.firstIndex { $0.canShutOut })
        #expect(!plan.changes[..<firstOut].contains { $0.canShutOut })
        #expect(plan.changes[firstOut...].allSatisfy { $0.canShutOut })
        #expect(diary.kept == (0...plan.changes.count).map { Array(plan.changes[..<$0]) })
        #expect(diary.steps == [[]] + plan.changes.map { [$0] })
        #expect(Plan.make(declared, fortress.state, today: Examples.today).isEmpty)
    }

    @Test("an order that a file brings along does not count: what shuts out waits all the same")
    func orderOfFile() async throws {
        let (declared, before, made) = try Self.scene()
        var plan = made
        plan.changes = made.changes.filter { $0.canShutOut } + made.changes.filter { !$0.canShutOut }
        let fortress = Fortress(before)
        let execution = try await Execution.run(plan, declared, on: fortress, Diary().listener)
        #expect(execution.isComplete && execution.carriedOut == made.changes)
    }

    @Test("nothing to do: nothing is looked at, told or kept", arguments: [true, false])
    func nothing(isAtomic: Bool) async throws {
        let declared = try Examples.declaration()
        let state = try Examples.declaredState()
        let (fortress, diary) = (Fortress(state, isAtomic: isAtomic), Diary())
        let plan = Plan.make(declared, state, today: Examples.today)
        let execution = try await Execution.run(plan, declared, on: fortress, diary.listener)
        #expect(execution.isComplete && diary.kept == [] && fortress.looks == 0)
    }

    @Test(
        "after a failed change that lets in, all else that adds goes on, and nothing is taken away",
        arguments: [Change.Action.createGroup, .authorize, .attach])
    func failedLetIn(action: Change.Action) async throws {
        let (declared, before, plan) = try Self.scene()
        let culprit = try #require(plan.changes.first { $0.action == action })
        let (fortress, diary) = (Fortress(before, .init(refuses: { $0 == culprit })), Diary())
        let execution = try await Execution.run(plan, declared, on: fortress, diary.listener)
        #expect(execution.failures == [.init(change: culprit, reason: "'\(culprit.summary)' is refused")])
        #expect(diary.failed == [culprit])
        #expect(execution.skipped == plan.changes.filter { $0.canShutOut } && !execution.skipped.isEmpty)
        #expect(execution.reasons.count == 1 && execution.reasons[0].contains("mend that, and plan again"))
        #expect(!execution.isComplete)
        #expect(execution.carriedOut == plan.changes.filter { !$0.canShutOut && $0 != culprit })
        #expect(fortress.looks == 0)
    }

    @Test(
        "a failure of what lets nobody in keeps nothing from being carried out",
        arguments: [Change.Action.setAlarm, .encrypt, .blockPublicAccess, .setLifecycle, .detach, .revoke])
    func failedOther(action: Change.Action) async throws {
        let (declared, before, plan) = try Self.scene()
        let culprit = try #require(plan.changes.first { $0.action == action })
        let (fortress, diary) = (Fortress(before, .init(refuses: { $0 == culprit })), Diary())
        let execution = try await Execution.run(plan, declared, on: fortress, diary.listener)
        #expect(execution.failures.map(\.change) == [culprit] && execution.skipped == [])
        #expect(execution.carriedOut == plan.changes.filter { $0 != culprit })
        #expect(diary.kept.last == execution.carriedOut && diary.failed == [culprit])
        // Nothing is left to do but what failed, and that only where it does anything: not in a group that nobody carries.
        let again = Plan.make(declared, fortress.state, today: Examples.today)
        #expect(again.changes.map(\.action) == (culprit.canShutOut ? [] : [action]))
    }

    @Test("what was added and is gone again when it is looked for keeps what shuts out from being carried out")
    func forgotten() async throws {
        let (declared, before, plan) = try Self.scene()
        let lost = try #require(plan.changes.last { $0.action == .authorize })
        let fortress = Fortress(before, .init(forgets: { $0 == lost }))
        let execution = try await Execution.run(plan, declared, on: fortress, Diary().listener)
        #expect(execution.failures == [] && execution.skipped == plan.changes.filter { $0.canShutOut })
        #expect(execution.reasons.count == 1 && execution.reasons[0].contains("not there any more: \(lost.summary)"))
    }

    @Test("what can't be looked at is not taken anything away from")
    func blind() async throws {
        let (declared, before, plan) = try Self.scene()
        let fortress = Fortress(before, .init(isBlind: true))
        let execution = try await Execution.run(plan, declared, on: fortress, Diary().listener)
        #expect(execution.skipped == plan.changes.filter { $0.canShutOut } && execution.reasons[0].contains("fog"))
        #expect(fortress.state.group("prod-sg")?.ingress == before.group("prod-sg")?.ingress)
    }

    @Test("another hand that makes a removal cut somebody off is noticed before it")
    func anotherHand() async throws {
        let declared = try Examples.declaration()
        var before = try Examples.declaredState()
        try before.open("prod-sg-api", "tcp 22 from 0.0.0.0/0")
        let plan = Plan.make(declared, before, today: Examples.today)
        #expect(plan.refusals == [] && plan.changes.map(\.action) == [.revoke])
        let own = Change.revoke(
            GroupReference(name: "prod-sg-api"), try rule("tcp 22 from 203.0.113.7/32"), ruleID: "", description: nil)
        let fortress = Fortress(before, .init(meanwhile: [own]))
        let execution = try await Execution.run(plan, declared, on: fortress, Diary().listener)
        #expect(execution.carriedOut == [] && execution.skipped == plan.changes)
        #expect(execution.reasons[0].contains("which never_cut_off keeps"), "\(execution.reasons)")
    }

    @Test("where the way back can't be kept from the start, nothing is changed", arguments: [true, false])
    func noWayBack(isAtomic: Bool) async throws {
        let (declared, before, plan) = try Self.scene()
        let fortress = Fortress(before, isAtomic: isAtomic)
        let error = await #expect(throws: Execution.WayBackLost.self) {
            try await Execution.run(plan, declared, on: fortress, Diary(room: 0).listener)
        }
        #expect(fortress.state == before && error?.execution.carriedOut == [])
        #expect(error?.description == "the way back can't be kept (the disk is full), so nothing was changed")
    }

    @Test(
        "where the way back can't be kept any more, nothing more is changed, and what was done is told",
        arguments: 1...4)
    func wayBackLost(room: Int) async throws {
        let (declared, before, plan) = try Self.scene()
        let (fortress, diary) = (Fortress(before), Diary(room: room))
        let thrown = await #expect(throws: Execution.WayBackLost.self) {
            try await Execution.run(plan, declared, on: fortress, diary.listener)
        }
        let error = try #require(thrown)
        let done = Array(plan.changes[..<room])
        #expect(error.execution.carriedOut == done && diary.announced == done)
        #expect(fortress.state == before.applying(done))
        #expect(done.allSatisfy { error.description.contains($0.summary) })
    }

    @Test("a change whose answer is lost can be undone, too: nothing that was done is forgotten")
    func lostAnswer() async throws {
        let (declared, before, plan) = try Self.scene()
        for culprit in plan.changes {
            let (fortress, diary) = (Fortress(before, .init(losesAnswer: { $0 == culprit })), Diary())
            let execution = try await Execution.run(plan, declared, on: fortress, diary.listener)
            #expect(execution.failures.map(\.change) == [culprit])
            let rollback = Rollback(
                carriedOut: diary.kept.last ?? [], uncertain: diary.failed, madeAt: "", file: "perimeter.yaml")
            let read = try Rollback(json: try rollback.json())
            #expect(read == rollback && read.changes == execution.carriedOut + [culprit])
            let back = Plan.rollback(of: read.changes, declared, fortress.state)
            let undone = try await Execution.run(back, declared, on: fortress, Diary().listener)
            #expect(undone.isComplete)
            #expect(PlanTests.essence(fortress.state) == PlanTests.essence(before), "\(culprit.summary)")
        }
    }

    @Test("a change that failed and was not done is not undone either")
    func failedIsNotUndone() async throws {
        let (declared, before, plan) = try Self.scene()
        for culprit in plan.changes {
            let (fortress, diary) = (Fortress(before, .init(refuses: { $0 == culprit })), Diary())
            let execution = try await Execution.run(plan, declared, on: fortress, diary.listener)
            let back = Plan.rollback(of: execution.carriedOut + diary.failed, declared, fortress.state)
            #expect(!back.changes.contains(culprit.inverse), "\(culprit.summary)")
        }
    }

    @Test("an atomic backend gets everything at once, and nothing in between is looked at")
    func atomic() async throws {
        let (declared, before, plan) = try Self.scene()
        let (fortress, diary) = (Fortress(before, isAtomic: true), Diary())
        let execution = try await Execution.run(plan, declared, on: fortress, diary.listener)
        #expect(execution.isComplete && execution.carriedOut == plan.changes && fortress.looks == 0)
        #expect(diary.announced == plan.changes && diary.steps == [[], plan.changes])
        #expect(fortress.state == before.applying(plan.changes))
    }

    @Test("an atomic backend that refuses one has done none")
    func atomicFailure() async throws {
        let (declared, before, plan) = try Self.scene()
        let last = try #require(plan.changes.last)
        let (fortress, diary) = (Fortress(before, isAtomic: true, .init(refuses: { $0 == last })), Diary())
        let execution = try await Execution.run(plan, declared, on: fortress, diary.listener)
        #expect(execution.failures.map(\.change) == plan.changes && execution.carriedOut == [])
        #expect(diary.failed == plan.changes && diary.steps == [[]] && fortress.state == before)
    }
}
