import CoreTypes
import SIPMessage

/// A call to `hazard-<hazard>@<domain>` is for whoever of that domain's experts can take it.
enum ExpertChoice {
    static let prefix = "hazard-"

    enum Outcome {
        case expert(Expert)
        /// Nobody verified covers the hazard there.
        case nobody
        /// All that do have as many calls as they may.
        case allBusy
    }

    /// The hazard that a Request-URI names instead of an expert.
    static func hazard(of target: URI, known: Set<String>) -> String? {
        guard let user = target.unescapedUser, user.hasPrefix(prefix) else { return nil }
        let hazard = String(user.dropFirst(prefix.count))
        return known.contains(hazard) ? hazard : nil
    }

    /// Whoever can be reached before who can't, then whoever has the fewest calls up, then the first by identifier.
    /// - Parameters:
    ///   - limit: calls that an expert may have at a time; 0: no limit.
    static func pick(
        _ hazard: String, at host: String, _ experts: ExpertDirectory, limit: Int, activeCalls: (String) -> Int
    )
        -> Outcome
    {
        let specialists = experts.specialists(for: hazard, at: host).map { (expert: $0, calls: activeCalls($0.id)) }
        guard !specialists.isEmpty else { return .nobody }
        let free = specialists.filter { limit == 0 || $0.calls < limit }
        let best = free.min { first, second in
            (first.expert.contact == nil ? 1 : 0, first.calls, first.expert.id)
                < (second.expert.contact == nil ? 1 : 0, second.calls, second.expert.id)
        }
        return best.map { .expert($0.expert) } ?? .allBusy
    }
}
