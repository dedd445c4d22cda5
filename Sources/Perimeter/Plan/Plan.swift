public import CoreTypes

/// The changes that make what is into what is declared, in the order to carry them out.
public struct Plan: Codable, Sendable, Equatable {
    public var changes: [Change]
    /// Why it may not be carried out; empty when it may.
    public var refusals: [Refusal]
    /// Of the state that it was made from: see `Observation.digest`.
    public var stateDigest: String

    private enum CodingKeys: String, CodingKey {
        case changes
        case refusals
        case stateDigest = "state"
    }

    init(changes: [Change], refusals: [Refusal], stateDigest: String) {
        self.changes = changes
        self.refusals = refusals
        self.stateDigest = stateDigest
    }

    public var isEmpty: Bool { changes.isEmpty }
}

/// Why a plan may not be carried out.
public struct Refusal: Codable, Sendable, Hashable {
    public enum Kind: String, Codable, Sendable {
        /// Somebody who must not be would be cut off.
        case cutsOff = "cuts-off"
        /// What is there is not what the plan was made from.
        case stale
        /// It needs a group of a given id, which nobody can make.
        case groupMissing = "group-missing"
    }

    public var kind: Kind
    public var reason: String
    /// What to do about it.
    public var mend: String

    public init(kind: Kind, reason: String, mend: String) {
        self.kind = kind
        self.reason = reason
        self.mend = mend
    }
}

extension Plan {
    /// What to change, if anything. Rules are compared by what they let in; one that is declared in other words stays, and
    /// so does what only exceptions that hold today are about.
    public static func make(_ declared: Declaration, _ observed: Observation, today: CalendarDate) -> Plan {
        var planner = Planner(Survey(declared, observed), today: today)
        planner.planGroups()
        planner.planMembers()
        planner.planServices()
        return Plan(inSafeOrder: planner.changes, planner.refusals, declared, observed)
    }

    /// What lets operators in from other addresses than before: in each group, whoever's it is, the rules with admin ports
    /// that are from an old address get a like from each new one, and go. Where no address goes, those of any old address
    /// get the like, and stay.
    /// - Parameter declared: the file with the new addresses already in it.
    public static func movingAdmins(
        from old: [IPNetwork], to new: [IPNetwork], _ declared: Declaration, _ observed: Observation
    ) -> Plan {
        let waysIn = declared.waysIn
        let gone = Set(old.filter { !new.contains($0) }.map { Source.network($0) })
        let copied = gone.isEmpty ? Set(old.map { Source.network($0) }) : gone
        let added = new.filter { !old.contains($0) }.map { Source.network($0) }
        var changes: [Change] = []
        for group in observed.groups {
            let rules = group.ingress.filter {
                copied.contains($0.rule.source) && !Reach($0.rule).limited(waysIn).isEmpty
            }
            let present = Set(group.ingress.map(\.rule))
            for found in rules {
                for rule in added.map(found.rule.from) where !present.contains(rule) {
                    let reference = GroupReference(group)
                    guard !changes.contains(where: { $0.group == reference && $0.rule == rule }) else { continue }
                    changes.append(.authorize(reference, rule, description: found.description))
                }
                guard gone.contains(found.rule.source) else { continue }
                changes.append(
                    .revoke(GroupReference(group), found.rule, ruleID: found.id, description: found.description))
            }
        }
        return Plan(inSafeOrder: changes, [], declared, observed)
    }

    /// What undoes changes that were carried out, as far as they are still there to be undone.
    /// - Parameter observed: the state after them.
    public static func rollback(
        of carriedOut: [Change], _ declared: Declaration, _ observed: Observation
    ) -> Plan {
        let changes = carriedOut.reversed().map(\.inverse).compactMap { observed.pending($0) }
        return Plan(inSafeOrder: changes, [], declared, observed)
    }

    /// Why this plan may not be carried out on a state, whatever it says itself: a plan can come from a file.
    public func refusals(_ declared: Declaration, _ observed: Observation) -> [Refusal] {
        var found = refusals.filter { $0.kind == .groupMissing }
        if observed.digest != stateDigest {
            found.append(
                Refusal(
                    kind: .stale, reason: "what is there has changed since the plan was made",
                    mend: "make a new plan, and look at it"))
        }
        return found + WaysIn(declared, observed).refusals(changes)
    }

    private init(
        inSafeOrder changes: [Change], _ refusals: [Refusal], _ declared: Declaration, _ observed: Observation
    ) {
        let waysIn = declared.waysIn
        func rank(_ change: Change) -> (Int, Int) {
            // Admin ports are shut last of all.
            guard case .revoke(_, let rule, _, _) = change else { return (change.rank, 0) }
            return (change.rank, Reach(rule).limited(waysIn).isEmpty ? 0 : 1)
        }
        let ordered = changes.enumerated().sorted { one, other in
            let (left, right) = (rank(one.element), rank(other.element))
            return left != right ? left < right : one.offset < other.offset
        }.map(\.element)
        self.init(
            changes: ordered, refusals: refusals + WaysIn(declared, observed).refusals(ordered),
            stateDigest: observed.digest)
    }
}
