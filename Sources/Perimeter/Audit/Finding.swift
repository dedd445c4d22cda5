/// How bad a finding is, from what can wait to what can't.
public enum Severity: String, Codable, Sendable, CaseIterable, Comparable {
    case low
    case medium
    case high
    case critical

    public static func < (one: Severity, other: Severity) -> Bool { one.order < other.order }

    private var order: Int {
        switch self {
        case .low: 0
        case .medium: 1
        case .high: 2
        case .critical: 3
        }
    }
}

/// One thing that is not as it should be.
public struct Finding: Sendable, Hashable {
    public var id: FindingID
    public var severity: Severity
    /// Whose it is; nil where it is nobody's in particular.
    public var role: String?
    /// The group concerned, by name; with buckets and alarms, theirs.
    public var group: String?
    public var rule: Rule?
    /// What was seen, and what is declared.
    public var evidence: String
    /// What to do about it.
    public var mend: String

    public init(
        id: FindingID, severity: Severity, role: String? = nil, group: String? = nil, rule: Rule? = nil,
        evidence: String, mend: String
    ) {
        self.id = id
        self.severity = severity
        self.role = role
        self.group = group
        self.rule = rule
        self.evidence = evidence
        self.mend = mend
    }
}

extension Finding: Codable {
    private enum CodingKeys: String, CodingKey {
        case id, severity, role, group, rule, evidence, mend
    }

    /// Every key is there; what a finding has not is null.
    public func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: CodingKeys.self)
        try container.encode(id, forKey: .id)
        try container.encode(severity, forKey: .severity)
        try container.encode(role, forKey: .role)
        try container.encode(group, forKey: .group)
        try container.encode(rule, forKey: .rule)
        try container.encode(evidence, forKey: .evidence)
        try container.encode(mend, forKey: .mend)
    }
}

extension Sequence<Finding> {
    /// Whether any is at or above a severity: what `--fail-on` asks.
    public func reach(_ severity: Severity) -> Bool { contains { $0.severity >= severity } }
}
