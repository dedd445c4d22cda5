import CoreTypes
import Foundation
import Testing

@testable import Perimeter

enum Examples {
    static let file = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent().appendingPathComponent("docs/perimeter.example.yaml").path

    /// The shipped example.
    static func declaration() throws -> Declaration { try Declaration.load(path: file) }

    static func text() throws -> String { try String(contentsOfFile: file, encoding: .utf8) }
}

func network(_ text: String) throws -> IPNetwork { try IPNetwork(parsing: text) }

extension Examples {
    static let today = CalendarDate(millisecondsSince1970: 1_795_000_000_000)

    /// A state in which everything is as the shipped example says.
    static func declaredState() throws -> Observation {
        let declared = try declaration()
        var state = Observation()
        for (number, role) in declared.roles.enumerated() {
            let rules = declared.rules(of: role).enumerated().map { index, rule in
                ObservedRule(rule: rule, id: "sgr-\(number)\(index)", description: declared.why(rule, of: role))
            }
            state.groups.append(
                ObservedGroup(
                    id: "sg-\(number)", name: role.group, vpc: "vpc-0abc", ingress: rules, usedBy: [member(role).id]))
            var member = member(role)
            member.groups = ["sg-\(number)"]
            state.members.append(member)
        }
        state.groups.append(
            ObservedGroup(
                id: "sg-default", name: "default", isDefault: true, vpc: "vpc-0abc",
                ingress: [ObservedRule(rule: try rule("all from group:sg-default"), id: "sgr-default")]))
        state.buckets = [
            ObservedBucket(
                name: "prod-recordings", publicAccessBlocked: .everything, encryption: "AES256", versioning: .enabled,
                lifecycle: [
                    LifecycleRule(id: "anybody's", expireAfterDays: 90, expireOldVersionsAfterDays: 30),
                    LifecycleRule(id: "logs", isForWholeBucket: false, expireAfterDays: 7),
                ])
        ]
        state.alarms = [
            ObservedAlarm(
                name: "failed-ssh", namespace: "Security", metric: "FailedSSH", threshold: 5, periodSeconds: 300),
            ObservedAlarm(name: "api-errors", namespace: "API", metric: "5XXError", threshold: 10, periodSeconds: 300),
            ObservedAlarm(
                name: "db-connections", namespace: "AWS/RDS", metric: "DatabaseConnections",
                dimensions: ["DBInstanceIdentifier": "prod-db"], threshold: 80, periodSeconds: 300, statistic: "Maximum"
            ),
        ]
        return state
    }

    /// Somebody who has a role.
    static func member(_ role: Role) -> Member {
        switch role.name {
        case "database": Member(kind: .rds, id: "prod-db")
        case "redis": Member(kind: .elasticache, id: "prod-redis")
        default: Member(kind: .instance, id: "i-\(role.name)", tags: ["Role": role.name, "Name": "x"])
        }
    }

    /// How it was: one group on both servers, open for everybody in all that either needs.
    static func incident() throws -> Observation {
        var state = Observation()
        let rules = [
            "tcp 22 from 0.0.0.0/0", "tcp 80 from 0.0.0.0/0", "tcp 443 from 0.0.0.0/0", "tcp 5060 from 0.0.0.0/0",
            "udp 5060 from 0.0.0.0/0", "udp 16384-32768 from 0.0.0.0/0", "tcp 8021 from 0.0.0.0/0",
            "tcp 5432 from group:sg-old",
        ]
        state.groups = [
            ObservedGroup(
                id: "sg-old", name: "prod-sg", vpc: "vpc-0abc",
                ingress: try rules.enumerated().map {
                    ObservedRule(rule: try rule($0.element), id: "sgr-\($0.offset)", description: "")
                }, usedBy: ["i-api", "i-freeswitch", "prod-db"])
        ]
        state.members = [
            Member(kind: .instance, id: "i-api", name: "api-1", tags: ["Role": "api"], groups: ["sg-old"]),
            Member(kind: .instance, id: "i-freeswitch", tags: ["Role": "freeswitch"], groups: ["sg-old"]),
            Member(kind: .rds, id: "prod-db", groups: ["sg-old"]),
        ]
        state.buckets = [ObservedBucket(name: "prod-recordings")]
        return state
    }
}

extension Observation {
    mutating func change(_ group: String, _ body: (inout ObservedGroup) throws -> Void) rethrows {
        for index in groups.indices where groups[index].name == group { try body(&groups[index]) }
    }

    mutating func open(_ group: String, _ rules: String...) throws {
        let added = try rules.map { ObservedRule(rule: try rule($0), id: "sgr-\($0)", description: "") }
        change(group) { $0.ingress += added }
    }
}
