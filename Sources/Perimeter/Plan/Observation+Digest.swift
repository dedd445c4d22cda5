internal import CoreTypes
internal import Crypto

extension Observation {
    /// A fingerprint of all that plans start from, whatever order things were seen in: 64 hexadecimal digits (SHA-256).
    public var digest: String {
        var lines: [String] = []
        for group in groups {
            lines.append(line("group", group.id, group.name, "\(group.isDefault)", list(group.usedBy)))
            for rule in group.ingress {
                lines.append(line("rule", group.id, rule.id, "\(rule.rule)", rule.description ?? "\u{0}"))
            }
        }
        for member in members {
            let carried = list(member.groups.map { group($0)?.id ?? $0 })
            lines.append(
                line(
                    "member", member.kind.rawValue, member.id, carried, list(member.addresses.map(\.description)),
                    list(member.tags.map { line($0.key, $0.value) })))
        }
        for bucket in buckets {
            lines.append(
                line(
                    "bucket", bucket.name, "\(bucket.exists)", list(bucket.publicAccessBlocked?.missing ?? ["all"]),
                    bucket.encryption ?? "\u{0}", bucket.versioning.rawValue,
                    list(bucket.unreadable.map { line($0.key.rawValue, $0.value) })))
            for rule in bucket.lifecycle {
                lines.append(
                    line(
                        "lifecycle", bucket.name, rule.id, "\(rule.isEnabled)", "\(rule.isForWholeBucket)",
                        "\(rule.expireAfterDays ?? -1)", "\(rule.expireOldVersionsAfterDays ?? -1)", rule.definition))
            }
        }
        for alarm in alarms {
            lines.append(
                line(
                    "alarm", alarm.name, alarm.namespace, alarm.metric, "\(alarm.threshold)", "\(alarm.periodSeconds)",
                    alarm.statistic, alarm.comparison, list(alarm.actions),
                    list(alarm.dimensions.map { line($0.key, $0.value) })))
        }
        for (id, networks) in prefixLists { lines.append(line("list", id, list(networks.map(\.description)))) }
        let text = lines.sorted().joined(separator: "\n")
        return Hexadecimal.string(Array(SHA256.hash(data: Array(text.utf8))))
    }

    /// Parts with their lengths, so that no two lists of parts make one line.
    private func line(_ parts: String...) -> String { parts.map { "\($0.utf8.count):\($0)" }.joined(separator: " ") }

    private func list(_ parts: [String]) -> String {
        parts.sorted().map { "\($0.utf8.count):\($0)" }.joined(separator: ",")
    }
}
