extension Change {
    /// What it does, in a few words.
    public var summary: String {
        switch self {
        case .createGroup(let group, _, _): "make group \(group.name)"
        case .deleteGroup(let group, _, _): "delete group \(group.name)"
        case .authorize(let group, let rule, _): "add \(rule) to \(group.name)"
        case .revoke(let group, let rule, _, _): "revoke \(rule) in \(group.name)"
        case .describe(let group, let rule, _, _, _): "describe \(rule) in \(group.name)"
        case .attach(let member, let group): "give \(group.name) to \(member.id)"
        case .detach(let member, let group): "take \(group.name) off \(member.id)"
        case .setAlarm(let name, let from, let to):
            (to == nil ? "delete" : from == nil ? "make" : "change") + " alarm \(name)"
        case .blockPublicAccess(let bucket, _, _): "public access of bucket \(bucket)"
        case .encrypt(let bucket, _, _): "encryption of bucket \(bucket)"
        case .setVersioning(let bucket, _, _): "versioning of bucket \(bucket)"
        case .setLifecycle(let bucket, _, _): "lifecycle of bucket \(bucket)"
        }
    }

    /// The group, member, bucket or alarm that it changes.
    public var subject: String { diff.subject }
    /// Whether something is taken away by it.
    public var takesAway: Bool { diff.sign == "-" }

    /// `+`, `-` or `~`, what is changed, and how: as a diff has it.
    var diff: (sign: Character, subject: String, detail: String) {
        switch self {
        case .createGroup(let group, let description, _): return ("+", group.name, "new group: \(description)")
        case .deleteGroup(let group, _, _): return ("-", group.name, "group")
        case .authorize(let group, let rule, let description):
            return ("+", group.name, "\(rule)" + Self.note(description ?? ""))
        case .revoke(let group, let rule, let id, _): return ("-", group.name, "\(rule)" + Self.note(id))
        case .describe(let group, let rule, _, let from, let to):
            return ("~", group.name, "\(rule): '\(from)' -> '\(to)'")
        case .attach(let member, let group): return ("+", member.id, "carries \(group.name)")
        case .detach(let member, let group): return ("-", member.id, "carries \(group.name)")
        case .setAlarm(let name, let from, let to):
            let sign: Character = to == nil ? "-" : from == nil ? "+" : "~"
            return (sign, name, [from, to].compactMap { $0?.text }.joined(separator: " -> "))
        case .blockPublicAccess(let bucket, let from, let to):
            return ("~", bucket, "public access: \(Self.text(from)) -> \(Self.text(to))")
        case .encrypt(let bucket, let from, let to):
            return ("~", bucket, "encryption: \(from ?? "none") -> \(to ?? "none")")
        case .setVersioning(let bucket, let from, let to):
            return ("~", bucket, "versioning: \(from.rawValue) -> \(to.rawValue)")
        case .setLifecycle(let bucket, let from, let to):
            let gone = from.filter { !to.contains($0) }.map { "-" + $0.text }
            let new = to.filter { !from.contains($0) }.map { "+" + $0.text }
            return ("~", bucket, "lifecycle: " + (gone + new).joined(separator: " "))
        }
    }

    private static func note(_ text: String) -> String { text.isEmpty ? "" : "  (\(text))" }

    private static func text(_ block: PublicAccessBlock?) -> String {
        guard let missing = block?.missing else { return "not blocked" }
        return missing.isEmpty ? "blocked" : "blocked but for \(missing.joined(separator: ", "))"
    }
}

extension ObservedAlarm {
    fileprivate var text: String {
        let bound = Int(exactly: threshold).map { String($0) } ?? String(threshold)
        return "\(namespace)/\(metric) \(statistic) \(comparison) \(bound) in \(periodSeconds)s"
    }
}

extension LifecycleRule {
    fileprivate var text: String {
        let parts = [
            expireAfterDays.map { "objects \($0)d" }, expireOldVersionsAfterDays.map { "old versions \($0)d" },
        ].compactMap { $0 }
        return "\(id)(\(parts.joined(separator: ", ")))"
    }
}

extension Plan {
    /// The plan as a diff, in the order of its steps; then how many, and why not, if it is refused.
    public var text: String {
        guard !isEmpty || !refusals.isEmpty else { return "Nothing to change.\n" }
        let rows = changes.map(\.diff).map { row in
            (sign: row.sign, subject: PlainText.clean(row.subject), detail: PlainText.clean(row.detail))
        }
        let width = rows.map(\.subject.count).max() ?? 0
        var lines = rows.map { row in
            let padding = String(repeating: " ", count: width - row.subject.count)
            return "\(row.sign) \(row.subject)\(padding)  \(row.detail)"
        }
        func count(_ sign: Character) -> Int { rows.count { $0.sign == sign } }
        lines += ["", "\(count("+")) to add, \(count("-")) to remove, \(count("~")) to change."]
        for refusal in refusals { lines.append(PlainText.clean("refused: \(refusal.reason); \(refusal.mend)")) }
        return lines.joined(separator: "\n") + "\n"
    }
}
