import Testing
import TestSupport

@testable import PerimeterAWS

extension PerimeterAWSTests {
    /// By answers as AWS describes them, since moto tells nothing of a cache's groups.
    @Suite(.needsPython) struct ElastiCacheTests {
        private static let clusters = """
            <DescribeCacheClustersResponse xmlns="http://elasticache.amazonaws.com/doc/2015-02-02/">
              <DescribeCacheClustersResult><CacheClusters>
                <CacheCluster><CacheClusterId>prod-redis-001</CacheClusterId>
                  <ReplicationGroupId>prod-redis</ReplicationGroupId>
                  <SecurityGroups>
                    <member><SecurityGroupId>sg-1</SecurityGroupId><Status>active</Status></member>
                    <member><SecurityGroupId>sg-2</SecurityGroupId><Status>removing</Status></member>
                  </SecurityGroups></CacheCluster>
                <CacheCluster><CacheClusterId>memo</CacheClusterId><SecurityGroups/></CacheCluster>
              </CacheClusters></DescribeCacheClustersResult>
            </DescribeCacheClustersResponse>
            """

        @Test("groups of clusters are read, without those on their way out")
        func clusters() async throws {
            let service = try await FakeService(["DescribeCacheClusters": [.init(body: Self.clusters)]])
            let test = try TestSurroundings()
            let settings = try AWSSettings(
                region: "us-east-1", endpoint: service.url, in: test.surroundings(TestSurroundings.keys))
            try await AWSClient.with(settings) { client in
                let found = try await ElastiCache(client: client).clusters()
                #expect(found.map(\.identifier) == ["prod-redis-001", "memo"])
                #expect(found.map(\.replicationGroup) == ["prod-redis", nil])
                #expect(found.map(\.groups) == [["sg-1"], []])
            }
        }

        @Test("groups are replaced through the replication group where there is one, else at the cluster")
        func replace() async throws {
            let service = try await FakeService([
                "ModifyReplicationGroup": [.init(body: "<ModifyReplicationGroupResponse/>")],
                "ModifyCacheCluster": [.init(body: "<ModifyCacheClusterResponse></ModifyCacheClusterResponse>")],
            ])
            let test = try TestSurroundings()
            let settings = try AWSSettings(
                region: "us-east-1", endpoint: service.url, in: test.surroundings(TestSurroundings.keys))
            try await AWSClient.with(settings) { client in
                try await ElastiCache(client: client).setGroups(["sg-1", "sg-2"], ofReplicationGroup: "prod-redis")
                try await ElastiCache(client: client).setGroups(["sg-3"], ofCluster: "memo")
            }
            let requests = try service.requests()
            #expect(requests.map { $0.field("ReplicationGroupId") } == ["prod-redis", nil])
            #expect(requests.map { $0.field("CacheClusterId") } == [nil, "memo"])
            #expect(requests.map { $0.field("SecurityGroupIds.SecurityGroupId.1") } == ["sg-1", "sg-3"])
            #expect(requests.map { $0.field("SecurityGroupIds.SecurityGroupId.2") } == ["sg-2", nil])
            #expect(requests.allSatisfy { $0.field("ApplyImmediately") == "true" })
        }
    }
}
