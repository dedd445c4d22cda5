import CoreTypes

/// A rule for the organizations that a pattern names, or, without one, for those that no other rule names.
protocol OrganizationRule {
    var organization: String? { get }
}

extension Array where Element: OrganizationRule {
    /// The rules that an organization has to keep.
    /// - Parameter organization: the allowlist's tag for the source; nil without an allowlist.
    func applying(to organization: String?) -> [Element] {
        let own = filter { rule in rule.organization.map { Glob.matches($0, organization ?? "") } ?? false }
        return own.isEmpty ? filter { $0.organization == nil } : own
    }
}
