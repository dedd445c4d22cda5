/// A bucket's lifecycle rules, as they came.
struct Lifecycle: Hashable, Sendable {
    /// Elements `Rule`. Those that are not ours are written back with all that is in them.
    var rules: [XMLTree]
    /// A setting beside the rules, which goes back to its default unless it is told again.
    var smallestTransition: String?

    static let absent = "NoSuchLifecycleConfiguration"
    /// What our rule is found by.
    static let ruleID = "sallyport-expiry"

    /// Days until what is in the whole bucket expires, and until old versions do: the earliest of the rules that are on
    /// and apply to everything; nil where none does.
    var expiry: (current: Int?, old: Int?) {
        let whole = rules.filter { $0.text("Status") == "Enabled" && Self.appliesToAll($0) }
        return (
            whole.compactMap { $0.text("Expiration", "Days").flatMap { Int($0) } }.min(),
            whole.filter { $0.child("NoncurrentVersionExpiration")?.child("NewerNoncurrentVersions") == nil }
                .compactMap { $0.text("NoncurrentVersionExpiration", "NoncurrentDays").flatMap { Int($0) } }.min()
        )
    }

    private static func appliesToAll(_ rule: XMLTree) -> Bool {
        if let prefix = rule.text("Prefix"), !prefix.isEmpty { return false }
        guard let filter = rule.child("Filter") else { return true }
        return filter.children.allSatisfy { $0.name == "Prefix" && $0.text.isEmpty }
    }

    /// With our rule made, changed or, where nothing is to expire, removed; the others as they are.
    func expiring(after days: Int?, oldVersionsAfter oldDays: Int?) -> Lifecycle {
        var changed = self
        changed.rules.removeAll { $0.text("ID") == Self.ruleID }
        guard days != nil || oldDays != nil else { return changed }
        var parts = [
            XMLTree("ID", text: Self.ruleID), XMLTree("Filter", [XMLTree("Prefix")]),
            XMLTree("Status", text: "Enabled"),
        ]
        if let days { parts.append(XMLTree("Expiration", [XMLTree("Days", text: String(days))])) }
        if let oldDays {
            parts.append(
                XMLTree("NoncurrentVersionExpiration", [XMLTree("NoncurrentDays", text: String(oldDays))]))
        }
        changed.rules.append(XMLTree("Rule", parts))
        return changed
    }
}
