import CoreTypes
public import SIPMessage

/// Whom an organization may call. Without a rule that applies to it, it may call whomever the routes lead to.
public struct AllowedDestinations: Sendable, Hashable {
    public struct Rule: Sendable, Hashable, OrganizationRule {
        /// A pattern for the allowlist's tag; nil: for those that no other rule names.
        public var organization: String?
        /// Patterns for `user@host`, or for the whole URI where it is no SIP one.
        public var allow: [String]

        public init(organization: String? = nil, allow: [String]) {
            self.organization = organization
            self.allow = allow
        }
    }

    public var rules: [Rule]

    public init(_ rules: [Rule] = []) {
        self.rules = rules
    }

    /// - Parameter target: with its escapes resolved before it is compared, so that none of them leads past a rule.
    public func allow(_ organization: String?, _ target: URI) -> Bool {
        let own = rules.applying(to: organization)
        guard !own.isEmpty else { return true }
        let subject = target.isSIP ? "\(target.unescapedUser ?? "")@\(target.host)" : target.text
        return own.contains { rule in rule.allow.contains { Glob.matches($0, subject) } }
    }
}
