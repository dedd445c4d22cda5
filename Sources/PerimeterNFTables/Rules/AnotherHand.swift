internal import CoreTypes
public import Perimeter

/// Rules in the table that say more than a `Rule` can. They are seen as the most that they could let in, so that an audit
/// finds them, and are never written back: what is wider than it was may not come out of a rollback.
enum AnotherHand {
    /// A character that no description of a declared rule has.
    private static let mark = "`"

    /// One that lets in: all that it could let in.
    static func opening(_ rules: [Rule], text: String) -> [ObservedRule] {
        rules.map { ObservedRule(rule: $0, id: text, description: mark + text) }
    }

    /// One that lets nobody in that is known, and does something all the same: from a group that can't be there.
    static func other(_ text: String) -> ObservedRule {
        ObservedRule(rule: Rule(protocol: .all, source: .group("nft: \(text)")), id: text, description: mark + text)
    }

    static func isMarked(_ description: String?) -> Bool { description?.hasPrefix(mark) ?? false }
}

extension ObservedRule {
    /// Whether it can come into force by a text for nft.
    var canBeWritten: Bool {
        guard case .network = rule.source else { return false }
        return !AnotherHand.isMarked(description)
    }
}

extension Change {
    /// Whether it would bring back what this room has no words for: it is left out.
    public var isBeyondWords: Bool {
        guard case .authorize(_, let rule, let description) = self else { return false }
        return !ObservedRule(rule: rule, description: description).canBeWritten
    }
}
