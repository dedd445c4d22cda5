import CoreTypes
import Perimeter
import Testing
import TestSupport

@testable import PerimeterAWS

extension PerimeterAWSTests {
    /// Each change is made twice: what is done already counts as done.
    @Suite("Changes of groups, against moto", .needsMoto) struct GroupChangeTests {
        private static let operators = Source("203.0.113.7/32") ?? .group("")
        private static let ssh = Rule(protocol: .tcp, ports: PortRange(22), source: operators)

        private static func twice(_ change: () async throws -> Void) async throws {
            try await change()
            try await change()
        }

        @Test("a group is made once, with rules by name and by id, and is taken away again")
        func life() async throws {
            let incident = try await Incident()
            try await incident.with { perimeter in
                try await Self.twice {
                    _ = try await perimeter.createGroup(
                        name: "prod-sg-api", description: "Sallyport: röle api", tags: ["sallyport:role": "api"])
                }
                let named = Rule(protocol: .tcp, ports: PortRange(8021), source: .group("prod-sg"))
                try await Self.twice { try await perimeter.authorize(Self.ssh, "SSH", in: "prod-sg-api") }
                try await Self.twice { try await perimeter.authorize(named, nil, in: "prod-sg-api") }
                let seen = try await perimeter.observe(incident.declaration)
                let group = try #require(seen.group("prod-sg-api"))
                #expect(group.description == "Sallyport: r-le api")
                #expect(group.tags == ["sallyport:role": "api"])
                #expect(group.ingress.map(\.description) == ["SSH", ""])
                #expect(group.ingress.map { seen.named($0.rule) } == [Self.ssh, named])

                try await Self.twice { try await perimeter.describe(Self.ssh, "SSH of operators", in: "prod-sg-api") }
                try await Self.twice { try await perimeter.authorize(Self.ssh, "SSH again", in: group.id) }
                let described = try await perimeter.ingress(of: group.id).first { $0.rule == Self.ssh }
                #expect(described?.description == "SSH again")

                try await Self.twice { try await perimeter.revoke(named, from: "prod-sg-api") }
                let left = try await perimeter.ingress(of: group.id)
                #expect(left.map(\.rule) == [Self.ssh])
                try await Self.twice { try await perimeter.deleteGroup("prod-sg-api") }
                let gone = try await perimeter.group("prod-sg-api")
                #expect(gone == nil)
                // A group that is gone has no rules either.
                try await perimeter.revoke(Self.ssh, from: "prod-sg-api")
            }
        }

        @Test("a group that is missing is said where something should go into it")
        func missing() async throws {
            let incident = try await Incident()
            try await incident.with { perimeter in
                let error = await #expect(throws: AWSError.self) {
                    try await perimeter.authorize(Self.ssh, nil, in: "nobody")
                }
                #expect(error?.code == "Missing")
                let from = await #expect(throws: AWSError.self) {
                    try await perimeter.authorize(Self.ssh.from(.group("nobody")), nil, in: "prod-sg")
                }
                #expect(from?.code == "Missing")
                let described = await #expect(throws: AWSError.self) {
                    try await perimeter.describe(Self.ssh, "x", in: "prod-sg")
                }
                #expect(described?.code == "Missing")
            }
        }

        @Test("the shared group is split: each member gets its role's group in one step")
        func split() async throws {
            let incident = try await Incident()
            let api = try #require(incident.names["api"])
            try await incident.with { perimeter in
                let own = try await perimeter.createGroup(name: "prod-sg-api", description: "api", tags: [:])
                try await Self.twice {
                    try await perimeter.regroup(.instance, api, adding: ["prod-sg-api"], removing: ["prod-sg"])
                }
                let seen = try await perimeter.observe(incident.declaration)
                #expect(seen.members.first { $0.id == api }?.groups == [own])
                let shared = try #require(seen.group("prod-sg"))
                #expect(!shared.usedBy.contains(api))

                let error = await #expect(throws: AWSError.self) {
                    try await perimeter.regroup(.instance, api, adding: [], removing: ["prod-sg-api"])
                }
                #expect(error?.description.contains("would be left without a group") == true)
            }
        }

        @Test("interfaces and databases are regrouped, too")
        func others() async throws {
            let incident = try await Incident()
            let alone = try #require(incident.names["alone"])
            let database = try #require(incident.names["database"])
            try await incident.with { perimeter in
                let own = try await perimeter.createGroup(name: "own", description: "own", tags: [:])
                try await Self.twice {
                    try await perimeter.regroup(.interface, alone, adding: ["own"], removing: ["prod-sg"])
                    try await perimeter.regroup(.rds, database, adding: [own], removing: ["prod-sg-database"])
                }
                let seen = try await perimeter.observe(incident.declaration)
                #expect(seen.members.first { $0.id == alone }?.groups == [own])
                #expect(seen.members.first { $0.id == database }?.groups == [own])
                let nobody = await #expect(throws: AWSError.self) {
                    try await perimeter.regroup(.instance, "i-0123456789abcdef0", adding: ["own"], removing: [])
                }
                #expect(nobody?.code == "Missing")
            }
        }
    }
}
