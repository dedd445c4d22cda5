/// RDS's operations on the groups of databases.
struct RDS: Sendable {
    let client: AWSClient

    struct Database: Decodable, Sendable {
        struct Membership: Decodable, Sendable {
            let group: String
            /// `active`, `adding` or `removing`.
            let status: String?

            enum CodingKeys: String, CodingKey {
                case group = "VpcSecurityGroupId"
                case status = "Status"
            }
        }
        enum MembershipName: EntryName { static let name = "VpcSecurityGroupMembership" }
        struct SubnetGroup: Decodable, Sendable {
            let vpc: String?
            enum CodingKeys: String, CodingKey { case vpc = "VpcId" }
        }
        let identifier: String
        let memberships: Entries<Membership, MembershipName>?
        let subnetGroup: SubnetGroup?
        /// Its groups are the cluster's, where it is of one.
        let cluster: String?

        enum CodingKeys: String, CodingKey {
            case identifier = "DBInstanceIdentifier"
            case memberships = "VpcSecurityGroups"
            case subnetGroup = "DBSubnetGroup"
            case cluster = "DBClusterIdentifier"
        }

        /// Without those that are on their way out.
        var groups: [String] { (memberships?.all ?? []).filter { $0.status != "removing" }.map(\.group) }
    }

    private enum DatabaseName: EntryName { static let name = "DBInstance" }
    private struct Answer: Decodable {
        struct Listing: Decodable {
            let databases: Entries<Database, DatabaseName>?
            let marker: String?

            enum CodingKeys: String, CodingKey {
                case databases = "DBInstances"
                case marker = "Marker"
            }
        }
        let listing: Listing

        enum CodingKeys: String, CodingKey { case listing = "DescribeDBInstancesResult" }
    }

    /// - Parameter identifier: of one database; nil: all of the region.
    func databases(_ identifier: String? = nil) async throws(AWSError) -> [Database] {
        try await AWSClient.pages("rds DescribeDBInstances") { token throws(AWSError) in
            let page = try await client.query(.rds, "DescribeDBInstances", as: Answer.self) {
                $0.set("DBInstanceIdentifier", identifier)
                $0.set("MaxRecords", 100)
                $0.set("Marker", token)
            }
            return (page.listing.databases?.all ?? [], page.listing.marker)
        }
    }

    /// Replaces all groups of a database, at once rather than in its maintenance window.
    func setGroups(_ groups: [String], ofDatabase identifier: String) async throws(AWSError) {
        _ = try await client.query(.rds, "ModifyDBInstance", as: Acknowledgement.self) {
            $0.set("DBInstanceIdentifier", identifier)
            $0.list("VpcSecurityGroupIds.VpcSecurityGroupId", groups)
            $0.set("ApplyImmediately", true)
        }
    }

    /// Replaces all groups of a cluster of databases (Aurora).
    func setGroups(_ groups: [String], ofCluster identifier: String) async throws(AWSError) {
        _ = try await client.query(.rds, "ModifyDBCluster", as: Acknowledgement.self) {
            $0.set("DBClusterIdentifier", identifier)
            $0.list("VpcSecurityGroupIds.VpcSecurityGroupId", groups)
            $0.set("ApplyImmediately", true)
        }
    }
}
