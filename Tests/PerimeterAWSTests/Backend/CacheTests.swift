import Perimeter
import Testing
import TestSupport

@testable import PerimeterAWS

extension PerimeterAWSTests {
    /// moto for EC2, and a scripted server for ElastiCache, which moto plays without security groups.
    @Suite("Caches", .needsMoto) struct CacheTests {
        private static func clusters(_ groups: [(cluster: String, replication: String?, group: String)])
            -> FakeService.Answer
        {
            let entries = groups.map { entry in
                "<CacheCluster><CacheClusterId>\(entry.cluster)</CacheClusterId>"
                    + (entry.replication.map { "<ReplicationGroupId>\($0)</ReplicationGroupId>" } ?? "")
                    + "<SecurityGroups><member><SecurityGroupId>\(entry.group)</SecurityGroupId><Status>active</Status>"
                    + "</member></SecurityGroups></CacheCluster>"
            }
            return FakeService.Answer(
                body: "<DescribeCacheClustersResponse><DescribeCacheClustersResult><CacheClusters>\(entries.joined())"
                    + "</CacheClusters></DescribeCacheClustersResult></DescribeCacheClustersResponse>")
        }

        private static func with<Value>(
            _ incident: Incident, _ service: FakeService, _ run: (AWSPerimeter, Declaration) async throws -> Value
        ) async throws -> Value {
            var declared = incident.declaration
            var role = Role(name: "redis", group: "prod-sg-redis")
            role.members.elasticache = ["prod-redis"]
            declared.rolesByName["redis"] = role
            let provider = Declaration.AWS(region: "us-east-1", vpc: incident.names["vpc"] ?? "")
            let perimeter = try AWSPerimeter(
                provider,
                in: TestSurroundings().surroundings([
                    "AWS_ACCESS_KEY_ID": incident.moto.accessKeyID,
                    "AWS_SECRET_ACCESS_KEY": incident.moto.secretAccessKey, "AWS_ENDPOINT_URL": incident.moto.url,
                    "AWS_ENDPOINT_URL_ELASTICACHE": service.url,
                ]))
            do {
                let value = try await run(perimeter, declared)
                try await perimeter.close()
                return value
            } catch {
                try await perimeter.close()
                throw error
            }
        }

        @Test("clusters of a named replication group are one member, and those of other networks none")
        func observed() async throws {
            let incident = try await Incident()
            let shared = incident.names["shared"] ?? ""
            let service = try await FakeService([
                "DescribeCacheClusters": [
                    Self.clusters([
                        ("prod-redis-001", "prod-redis", shared), ("prod-redis-002", "prod-redis", shared),
                        ("memo", nil, shared), ("elsewhere", nil, "sg-0123456789abcdef0"),
                    ])
                ]
            ])
            try await Self.with(incident, service) { perimeter, declared in
                let seen = try await perimeter.observe(declared)
                let caches = seen.members.filter { $0.kind == .elasticache }
                #expect(caches.map(\.id) == ["memo", "prod-redis"])
                #expect(caches.map(\.groups) == [[shared], [shared]])
                let users = Set(seen.group(shared)?.usedBy ?? [])
                #expect(users.isSuperset(of: ["memo", "prod-redis"]))
            }
        }

        @Test("a cache gets its role's group through its replication group, and the look decides")
        func attached() async throws {
            let incident = try await Incident()
            let (shared, own) = (incident.names["shared"] ?? "", incident.names["private"] ?? "")
            let before = Self.clusters([("prod-redis-001", "prod-redis", shared)])
            let after = Self.clusters([("prod-redis-001", "prod-redis", own)])
            let service = try await FakeService([
                "DescribeCacheClusters": [before, before, before, after],
                "ModifyReplicationGroup": [.init(body: "<ModifyReplicationGroupResponse/>")],
            ])
            try await Self.with(incident, service) { perimeter, _ in
                let member = MemberReference(kind: .elasticache, id: "prod-redis")
                try await perimeter.regroup(member, adding: [own], removing: [shared])
                try await perimeter.carryOut(.detach(member, GroupReference(name: "prod-sg")))
            }
            let asked = try service.requests().filter { $0.field("Action") == "ModifyReplicationGroup" }
            #expect(asked.map { $0.field("SecurityGroupIds.SecurityGroupId.1") } == [own])
        }
    }
}
