/// Compares what is declared with what a backend saw, and says what is not as it should be.
public struct Audit {
    let survey: Survey
    private var findings: [Finding] = []

    var declared: Declaration { survey.declared }
    var observed: Observation { survey.observed }

    /// Everything found, worst first; none where what was seen is what is declared.
    /// - Parameter today: decides which exceptions still hold.
    public static func findings(_ declared: Declaration, _ observed: Observation, today: CalendarDate) -> [Finding] {
        Exceptions(declared.exceptions, observed, today: today).apply(to: all(Survey(declared, observed)))
    }

    /// Everything found, whatever is excepted.
    static func all(_ survey: Survey) -> [Finding] {
        var audit = Audit(survey: survey)
        audit.judgeRoles()
        audit.judgeGroups()
        audit.judgeBuckets()
        audit.judgeAlarms()
        return audit.sorted
    }

    private init(survey: Survey) {
        self.survey = survey
    }

    mutating func report(_ finding: Finding) {
        // One rule can be met on several members of a role.
        let isKnown = findings.contains {
            ($0.id, $0.role, $0.group) == (finding.id, finding.role, finding.group) && $0.rule == finding.rule
                && (finding.rule != nil || $0.evidence == finding.evidence)
        }
        if !isKnown { findings.append(finding) }
    }

    private var sorted: [Finding] {
        findings.sorted { one, other in
            if one.severity != other.severity { return one.severity > other.severity }
            let (left, right) = ((one.role ?? "", one.group ?? ""), (other.role ?? "", other.group ?? ""))
            if left != right { return left < right }
            if one.id != other.id { return one.id.rawValue < other.id.rawValue }
            if let rule = one.rule, let next = other.rule, rule != next { return rule < next }
            return one.evidence < other.evidence
        }
    }
}

/// The findings that somebody decided to live with.
struct Exceptions {
    private let exceptions: [Declaration.Exception]
    private let observed: Observation
    private let today: CalendarDate

    init(_ exceptions: [Declaration.Exception], _ observed: Observation, today: CalendarDate) {
        self.exceptions = exceptions
        self.observed = observed
        self.today = today
    }

    /// Leaves out what an exception covers, and says of the rest when one is over.
    func apply(to findings: [Finding]) -> [Finding] {
        findings.filter { !holds(for: $0) }.map { finding in
            let over = exceptions.filter { covers($0, finding) }
            guard let last = over.max(by: { before($0, $1) }), let until = last.until else { return finding }
            var told = finding
            told.evidence += "; the exception (\(last.reason)) ended on \(until)"
            return told
        }
    }

    /// Whether an exception that is not over covers a finding.
    func holds(for finding: Finding) -> Bool {
        exceptions.contains { exception in
            covers(exception, finding) && exception.until.map { $0 >= today } ?? false
        }
    }

    private func covers(_ exception: Declaration.Exception, _ finding: Finding) -> Bool {
        guard exception.finding == finding.id, exception.role.map({ $0 == finding.role }) ?? true else { return false }
        guard let reference = exception.group else { return true }
        return reference == finding.group || observed.group(reference).map(\.label) == finding.group
    }

    private func before(_ one: Declaration.Exception, _ other: Declaration.Exception) -> Bool {
        guard let end = one.until, let otherEnd = other.until else { return one.until == nil }
        return end < otherEnd
    }
}
