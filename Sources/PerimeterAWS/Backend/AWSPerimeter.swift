public import Perimeter

/// The perimeter in AWS: sees what is there, and carries out the changes of a plan one by one.
///
/// Made for one run of a command; `close` must be called once at its end.
public final class AWSPerimeter: Sendable {
    let client: AWSClient
    /// The network that groups are looked up and made in.
    let vpc: String

    var ec2: EC2 { EC2(client: client) }
    var rds: RDS { RDS(client: client) }
    var elastiCache: ElastiCache { ElastiCache(client: client) }
    var s3: S3 { S3(client: client) }
    var cloudWatch: CloudWatch { CloudWatch(client: client) }

    /// - Parameter provider: region, network, profile and endpoint of the perimeter file.
    /// - Throws: when the settings or the shared files of AWS make no sense; nothing is asked yet.
    public init(
        _ provider: Declaration.AWS, in surroundings: Surroundings = .ofThisProcess
    ) throws(AWSError) {
        client = AWSClient(
            try AWSSettings(
                region: provider.region, profile: provider.profile, endpoint: provider.endpoint, in: surroundings))
        vpc = provider.vpc
    }

    public func close() async throws { try await client.close() }

    func pause(_ duration: Duration) async throws(AWSError) {
        do {
            try await client.settings.surroundings.pause(duration)
        } catch {
            throw AWSError(code: AWSError.Code.notDone, "interrupted while waiting for AWS", place: "aws")
        }
    }
}

extension AWSPerimeter: PerimeterBackend {
    public var isAtomic: Bool { false }

    public func carryOut(_ changes: [Change], _ declared: Declaration) async throws {
        for change in changes { try await carryOut(change) }
    }
}
