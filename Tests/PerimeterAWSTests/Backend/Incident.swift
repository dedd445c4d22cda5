import Perimeter
import TestSupport

@testable import PerimeterAWS

/// The state that this is all about, made in moto by another hand, boto3's: two servers share one group, SSH is open to the
/// world, SIP and RTP stand open on the API server, ESL on the voice server.
struct Incident {
    let moto: Moto
    let declaration: Declaration
    /// Ids of what was made: `vpc`, `shared`, `api`, `voice`, `bucket` and so on.
    let names: [String: String]

    /// A network of its own in the shared server.
    init() async throws {
        moto = try await Moto.shared()
        guard let names = try moto.python(Self.scene) as? [String: String], let vpc = names["vpc"],
            let bucket = names["bucket"], let database = names["database"], let alarm = names["alarm"]
        else { throw Failure("the scene has no names") }
        self.names = names
        declaration = try Declaration.parse(
            """
            admin: [203.0.113.7/32]
            never_cut_off: [203.0.113.7/32]
            provider:
              aws: {region: us-east-1, vpc: \(vpc), endpoint: "\(moto.url)"}
            roles:
              api:
                group: prod-sg-api
                members: {tag: {Role: api}}
                allow:
                  - {port: 22, protocol: tcp, from: admin, why: SSH}
                  - {port: [80, 443], protocol: tcp, from: anywhere, why: HTTPS}
              freeswitch:
                group: prod-sg-freeswitch
                members: {tag: {Role: freeswitch}}
                allow:
                  - {port: 22, protocol: tcp, from: admin, why: SSH}
                  - {port: 5060, protocol: [tcp, udp], from: anywhere, why: SIP signaling}
                  - {port: 16384-32768, protocol: udp, from: anywhere, why: RTP media}
                  - {port: 8021, protocol: tcp, from: role:api, why: "ESL – both ways?"}
              database:
                group: prod-sg-database
                members: {rds: [\(database)]}
                allow:
                  - {port: 5432, protocol: tcp, from: [role:api, role:freeswitch], why: PostgreSQL}
            private_ports: [8021, 5432]
            admin_ports: [22]
            buckets:
              - name: \(bucket)
                public_access: blocked
                encryption: AES256
                versioning: true
                expire_after: 90d
                expire_old_versions_after: 30d
            alarms:
              - {name: \(alarm), metric: FailedSSH, namespace: Security, threshold: 5, period: 5m}
            """, file: "perimeter.yaml")
    }

    func with<Value>(_ run: (AWSPerimeter) async throws -> Value) async throws -> Value {
        guard let provider = declaration.provider.aws else { throw Failure("no provider") }
        let perimeter = try AWSPerimeter(
            provider,
            in: TestSurroundings().surroundings([
                "AWS_ACCESS_KEY_ID": moto.accessKeyID, "AWS_SECRET_ACCESS_KEY": moto.secretAccessKey,
            ]))
        do {
            let value = try await run(perimeter)
            try await perimeter.close()
            return value
        } catch {
            try await perimeter.close()
            throw error
        }
    }

    private static let scene = """
        import uuid
        mark = uuid.uuid4().hex[:8]
        ec2, rds, s3 = client("ec2"), client("rds"), client("s3")
        vpc = ec2.create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
        subnet = ec2.create_subnet(VpcId=vpc, CidrBlock="10.0.1.0/24", AvailabilityZone="us-east-1a")["Subnet"]["SubnetId"]
        other = ec2.create_subnet(VpcId=vpc, CidrBlock="10.0.2.0/24", AvailabilityZone="us-east-1b")["Subnet"]["SubnetId"]
        shared = ec2.create_security_group(GroupName="prod-sg", Description="both servers", VpcId=vpc)["GroupId"]

        def world(protocol, low, high, why=""):
            return {"IpProtocol": protocol, "FromPort": low, "ToPort": high,
                    "IpRanges": [{"CidrIp": "0.0.0.0/0", "Description": why}]}

        ssh = world("tcp", 22, 22, "SSH")
        ssh["Ipv6Ranges"] = [{"CidrIpv6": "::/0"}]
        ec2.authorize_security_group_ingress(GroupId=shared, IpPermissions=[
            ssh, world("tcp", 80, 80), world("tcp", 443, 443), world("tcp", 5060, 5060), world("udp", 5060, 5060),
            world("udp", 16384, 32768), world("tcp", 8021, 8021)])

        def server(role):
            made = ec2.run_instances(
                ImageId="ami-12c6146b", MinCount=1, MaxCount=1, SubnetId=subnet, SecurityGroupIds=[shared],
                TagSpecifications=[{"ResourceType": "instance", "Tags": [
                    {"Key": "Role", "Value": role}, {"Key": "Name", "Value": "prod-" + role}]}])
            return made["Instances"][0]["InstanceId"]

        api, voice = server("api"), server("freeswitch")
        ec2.terminate_instances(InstanceIds=[server("api")])
        alone = ec2.create_network_interface(SubnetId=subnet, Groups=[shared], Description="ELB app/x")
        alone = alone["NetworkInterface"]["NetworkInterfaceId"]

        private = ec2.create_security_group(GroupName="prod-sg-database", Description="database", VpcId=vpc)["GroupId"]
        ec2.authorize_security_group_ingress(GroupId=private, IpPermissions=[
            {"IpProtocol": "tcp", "FromPort": 5432, "ToPort": 5432, "UserIdGroupPairs": [{"GroupId": shared}]},
            {"IpProtocol": "-1", "IpRanges": [{"CidrIp": "10.0.0.0/16"}]}])
        rds.create_db_subnet_group(
            DBSubnetGroupName="subnets-" + mark, DBSubnetGroupDescription="x", SubnetIds=[subnet, other])
        rds.create_db_instance(
            DBInstanceIdentifier="db-" + mark, DBInstanceClass="db.t3.micro", Engine="postgres", AllocatedStorage=20,
            MasterUsername="u", MasterUserPassword="long enough", VpcSecurityGroupIds=[private],
            DBSubnetGroupName="subnets-" + mark)
        s3.create_bucket(Bucket="recordings-" + mark)
        result = {"vpc": vpc, "shared": shared, "api": api, "voice": voice, "alone": alone, "private": private,
                  "bucket": "recordings-" + mark, "database": "db-" + mark, "alarm": "failed-ssh-" + mark}
        """
}
