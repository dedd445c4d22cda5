/// ElastiCache's operations on the groups of caches.
struct ElastiCache: Sendable {
    let client: AWSClient

    struct Cluster: Decodable, Sendable {
        struct Membership: Decodable, Sendable {
            let group: String
            /// `active`, `adding` or `removing`.
            let status: String?

            enum CodingKeys: String, CodingKey {
                case group = "SecurityGroupId"
                case status = "Status"
            }
        }

        let identifier: String
        let memberships: Members<Membership>?
        /// Its groups are changed through this, where it is of one.
        let replicationGroup: String?

        enum CodingKeys: String, CodingKey {
            case identifier = "CacheClusterId"
            case memberships = "SecurityGroups"
            case replicationGroup = "ReplicationGroupId"
        }

        /// Without those that are on their way out; nil when the answer tells nothing of groups.
        var groups: [String]? { memberships.map { $0.all.filter { $0.status != "removing" }.map(\.group) } }
    }

    private enum ClusterName: EntryName { static let name = "CacheCluster" }
    private struct ClustersAnswer: Decodable {
        struct Listing: Decodable {
            let clusters: Entries<Cluster, ClusterName>?
            let marker: String?

            enum CodingKeys: String, CodingKey {
                case clusters = "CacheClusters"
                case marker = "Marker"
            }
        }
        let listing: Listing

        enum CodingKeys: String, CodingKey { case listing = "DescribeCacheClustersResult" }
    }

    func clusters() async throws(AWSError) -> [Cluster] {
        try await AWSClient.pages("elasticache DescribeCacheClusters") { token throws(AWSError) in
            let page = try await client.query(.elasticache, "DescribeCacheClusters", as: ClustersAnswer.self) {
                $0.set("MaxRecords", 100)
                $0.set("Marker", token)
            }
            return (page.listing.clusters?.all ?? [], page.listing.marker)
        }
    }

    /// Replaces all groups of a cluster that is of no replication group.
    func setGroups(_ groups: [String], ofCluster identifier: String) async throws(AWSError) {
        _ = try await client.query(.elasticache, "ModifyCacheCluster", as: Acknowledgement.self) {
            $0.set("CacheClusterId", identifier)
            $0.list("SecurityGroupIds.SecurityGroupId", groups)
            $0.set("ApplyImmediately", true)
        }
    }

    /// Replaces all groups of a replication group's clusters.
    func setGroups(_ groups: [String], ofReplicationGroup identifier: String) async throws(AWSError) {
        _ = try await client.query(.elasticache, "ModifyReplicationGroup", as: Acknowledgement.self) {
            $0.set("ReplicationGroupId", identifier)
            $0.list("SecurityGroupIds.SecurityGroupId", groups)
            $0.set("ApplyImmediately", true)
        }
    }
}
