import CoreTypes
import Perimeter
import Testing
import TestSupport

@testable import PerimeterAWS

extension PerimeterAWSTests {
    /// Each change is carried out twice: what is done already counts as done.
    @Suite("Changes of groups, against moto", .needsMoto) struct GroupChangeTests {
        private static let operators = Source("203.0.113.7/32") ?? .group("")
        private static let ssh = Rule(protocol: .tcp, ports: PortRange(22), source: operators)
        private static let api = GroupReference(name: "prod-sg-api")
        private static let shared = GroupReference(name: "prod-sg")

        private static func twice(_ perimeter: AWSPerimeter, _ changes: Change...) async throws {
            for change in changes {
                try await perimeter.carryOut(change)
                try await perimeter.carryOut(change)
            }
        }

        @Test("a group is made once, gets rules by name and by id, and is taken away again")
        func life() async throws {
            let incident = try await Incident()
            try await incident.with { perimeter in
                let esl = Rule(protocol: .tcp, ports: PortRange(8021), source: .group("prod-sg"))
                try await Self.twice(
                    perimeter, .createGroup(Self.api, description: "Sallyport: röle api", vpc: incident.names["vpc"]),
                    .authorize(Self.api, Self.ssh, description: "SSH"), .authorize(Self.api, esl, description: nil))
                let seen = try await perimeter.observe(incident.declaration)
                let group = try #require(seen.group("prod-sg-api"))
                #expect(group.description == "Sallyport: r-le api")
                #expect(group.tags == ["Name": "prod-sg-api", "managed-by": "sallyport"])
                #expect(group.ingress.map(\.description) == ["SSH", ""])
                #expect(group.ingress.map { seen.named($0.rule) } == [Self.ssh, esl])

                let byID = GroupReference(id: group.id, name: "another name")
                try await Self.twice(
                    perimeter, .describe(byID, Self.ssh, ruleID: "", from: "SSH", to: "SSH of operators"),
                    .authorize(byID, Self.ssh, description: "SSH again"))
                let described = try await perimeter.ingress(of: group.id).first { $0.rule == Self.ssh }
                #expect(described?.description == "SSH again")

                try await Self.twice(
                    perimeter, .revoke(Self.api, esl, ruleID: group.ingress[1].id, description: nil))
                let left = try await perimeter.ingress(of: group.id)
                #expect(left.map(\.rule) == [Self.ssh])
                try await Self.twice(
                    perimeter, .revoke(Self.api, Self.ssh, ruleID: "", description: nil),
                    .deleteGroup(Self.api, description: "", vpc: nil))
                let gone = try await perimeter.group("prod-sg-api")
                #expect(gone == nil)
                // A group that is gone has no rules either, and an id that is gone gives way to the name.
                try await perimeter.carryOut(.revoke(Self.api, Self.ssh, ruleID: "", description: nil))
                try await perimeter.carryOut(.createGroup(byID, description: "x", vpc: nil))
                try await perimeter.carryOut(.authorize(byID, Self.ssh, description: nil))
                let again = try await perimeter.observe(incident.declaration).group("another name")
                #expect(again?.ingress.map(\.rule) == [Self.ssh])
            }
        }

        @Test("what is missing is said where something should go into it")
        func missing() async throws {
            let incident = try await Incident()
            let changes: [Change] = [
                .authorize(GroupReference(id: "sg-0123456789abcdef0", name: "nobody"), Self.ssh, description: nil),
                .authorize(Self.shared, Self.ssh.from(.group("nobody")), description: nil),
                .describe(Self.shared, Self.ssh, ruleID: "sgr-1", from: "", to: "x"),
                .attach(MemberReference(kind: .instance, id: "i-0123456789abcdef0"), Self.shared),
                .attach(MemberReference(kind: .interface, id: "eni-0123456789abcdef0"), Self.shared),
                .attach(MemberReference(kind: .rds, id: "no-db"), Self.shared),
                .attach(MemberReference(kind: .elasticache, id: "no-cache"), Self.shared),
                .encrypt(bucket: "no-such-bucket", from: nil, to: "AES256"),
            ]
            try await incident.with { perimeter in
                for change in changes {
                    let error = await #expect(throws: AWSError.self, "\(change)") {
                        try await perimeter.carryOut(change)
                    }
                    #expect(error?.fault == .caller, "\(change): \(error?.description ?? "")")
                }
            }
        }

        @Test("a rule that another hand has changed under its id is not revoked")
        func otherHand() async throws {
            let incident = try await Incident()
            try await incident.with { perimeter in
                let seen = try await perimeter.observe(incident.declaration)
                let found = try #require(seen.group("prod-sg")?.ingress.first { $0.rule.ports == PortRange(8021) })
                try incident.moto.python(
                    """
                    client("ec2").modify_security_group_rules(
                        GroupId="\(incident.names["shared"] ?? "")", SecurityGroupRules=[{
                            "SecurityGroupRuleId": "\(found.id)", "SecurityGroupRule": {
                                "IpProtocol": "tcp", "FromPort": 8021, "ToPort": 8021, "CidrIpv4": "10.0.1.0/24"}}])
                    """)
                let error = await #expect(throws: AWSError.self) {
                    try await perimeter.carryOut(.revoke(Self.shared, found.rule, ruleID: found.id, description: nil))
                }
                #expect(error?.code == "NotDone")
                #expect(error?.message.contains("is now tcp 8021 from 10.0.1.0/24") == true)
            }
        }

        @Test("the shared group is split: each member gets its role's group before it loses the shared one")
        func split() async throws {
            let incident = try await Incident()
            let member = MemberReference(kind: .instance, id: incident.names["api"] ?? "")
            try await incident.with { perimeter in
                try await perimeter.carryOut(.createGroup(Self.api, description: "api", vpc: nil))
                try await Self.twice(perimeter, .attach(member, Self.api))
                let between = try await perimeter.observe(incident.declaration)
                let own = try #require(between.group("prod-sg-api"))
                #expect(
                    Set(between.members.first { $0.id == member.id }?.groups ?? []) == [
                        own.id, incident.names["shared"],
                    ])
                try await Self.twice(perimeter, .detach(member, Self.shared))
                let seen = try await perimeter.observe(incident.declaration)
                #expect(seen.members.first { $0.id == member.id }?.groups == [own.id])
                #expect(seen.group("prod-sg")?.usedBy.contains(member.id) == false)

                let error = await #expect(throws: AWSError.self) {
                    try await perimeter.carryOut(.detach(member, Self.api))
                }
                #expect(error?.description.contains("would be left without a group") == true)
            }
        }

        @Test("interfaces and databases are regrouped, too", arguments: [Member.Kind.interface, .rds])
        func others(_ kind: Member.Kind) async throws {
            let incident = try await Incident()
            let id = incident.names[kind == .rds ? "database" : "alone"] ?? ""
            let old = GroupReference(name: kind == .rds ? "prod-sg-database" : "prod-sg")
            let member = MemberReference(kind: kind, id: id)
            try await incident.with { perimeter in
                try await perimeter.carryOut(.createGroup(Self.api, description: "own", vpc: nil))
                try await Self.twice(perimeter, .attach(member, Self.api), .detach(member, old))
                let seen = try await perimeter.observe(incident.declaration)
                #expect(seen.members.first { $0.id == id }?.groups == [seen.group("prod-sg-api")?.id ?? ""])
            }
        }
    }
}
