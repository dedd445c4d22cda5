extension Moto {
    /// The state that the perimeter is all about, made by another hand, boto3's, in a network of its own: two servers share
    /// one group, SSH is open to the world, SIP and RTP stand open on the API server, ESL on the voice server.
    /// - Parameter hasOthers: whether there are things that carry the group, or did so, and have no role.
    /// - Returns: what was made, by what it is: `vpc`, `shared`, `private`, `api`, `voice`, `alone`, `database`, `bucket`;
    ///   and an `alarm` that is missing.
    public func incident(hasOthers: Bool) throws -> [String: String] {
        guard let names = try python(Self.incident + (hasOthers ? Self.others : "")) as? [String: String] else {
            throw Failure("the scene has no names")
        }
        return names
    }

    /// A database in a group of the incident, for a scene that another hand has made the rest of.
    public func database(_ mark: String, group: String, subnets: [String]) throws {
        try python(
            """
            rds, mark, private = client("rds"), "\(mark)", "\(group)"
            subnet, other = \(subnets)
            \(Self.database)
            """)
    }

    private static let incident = """
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

        private = ec2.create_security_group(GroupName="prod-sg-database", Description="database", VpcId=vpc)["GroupId"]
        ec2.authorize_security_group_ingress(GroupId=private, IpPermissions=[
            {"IpProtocol": "tcp", "FromPort": 5432, "ToPort": 5432, "UserIdGroupPairs": [{"GroupId": shared}]},
            {"IpProtocol": "-1", "IpRanges": [{"CidrIp": "10.0.0.0/16"}]}])
        \(database)
        s3.create_bucket(Bucket="recordings-" + mark)
        result = {"vpc": vpc, "shared": shared, "api": api, "voice": voice, "private": private,
                  "bucket": "recordings-" + mark, "database": "db-" + mark, "alarm": "failed-ssh-" + mark}

        """

    private static let database = """
        rds.create_db_subnet_group(
            DBSubnetGroupName="subnets-" + mark, DBSubnetGroupDescription="x", SubnetIds=[subnet, other])
        rds.create_db_instance(
            DBInstanceIdentifier="db-" + mark, DBInstanceClass="db.t3.micro", Engine="postgres", AllocatedStorage=20,
            MasterUsername="u", MasterUserPassword="long enough", VpcSecurityGroupIds=[private],
            DBSubnetGroupName="subnets-" + mark)
        """

    private static let others = """
        ec2.terminate_instances(InstanceIds=[server("api")])
        alone = ec2.create_network_interface(SubnetId=subnet, Groups=[shared], Description="ELB app/x")
        result["alone"] = alone["NetworkInterface"]["NetworkInterfaceId"]
        """
}
