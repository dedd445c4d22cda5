import Testing
import TestSupport

@testable import PerimeterAWS

extension PerimeterAWSTests {
    @Suite("Roles that profiles take on, against moto", .needsMoto) struct AssumedRoleTests {
        /// Asks for networks as a profile of these files; the user's keys are those of profile `base`.
        private static func ask(_ profile: String, secret: String? = nil, _ config: String) async throws -> [String] {
            let moto = try await Moto.shared()
            try moto.python(
                """
                iam = client("iam")
                for name, actions in (("looker", "ec2:Describe*"), ("nobody", "s3:*")):
                    if name in [role["RoleName"] for role in iam.list_roles()["Roles"]]:
                        continue
                    iam.create_role(RoleName=name, AssumeRolePolicyDocument=json.dumps({
                        "Version": "2012-10-17", "Statement": [{
                            "Effect": "Allow", "Principal": {"AWS": "*"}, "Action": "sts:AssumeRole"}]}))
                    iam.put_role_policy(RoleName=name, PolicyName="p", PolicyDocument=json.dumps({
                        "Version": "2012-10-17",
                        "Statement": [{"Effect": "Allow", "Action": actions, "Resource": "*"}]}))
                """)
            let test = try TestSurroundings()
            try test.write(
                "credentials",
                "[base]\naws_access_key_id = \(moto.accessKeyID)\naws_secret_access_key = \(secret ?? moto.secretAccessKey)\n"
            )
            try test.write("config", config)
            let settings = try AWSSettings(
                region: "us-east-1", profile: profile, endpoint: moto.url, in: test.surroundings())
            return try await AWSClient.with(settings) { client in
                let found = try await EC2(client: client).vpcs([])
                return found.map(\.vpcId)
            }
        }

        private static func role(_ name: String) -> String { "role_arn = arn:aws:iam::123456789012:role/\(name)" }

        @Test("a role is taken on with another profile's keys")
        func assumed() async throws {
            let one = "[profile one]\n\(Self.role("looker"))\nsource_profile = base\nexternal_id = x\n"
            let direct = try await Self.ask("one", one)
            #expect(!direct.isEmpty)
        }

        @Test("what the role may not do is refused, and the role is named where its keys are doubted")
        func refused() async throws {
            let config = "[profile one]\n\(Self.role("nobody"))\nsource_profile = base\n"
            let error = await #expect(throws: AWSError.self) { try await Self.ask("one", config) }
            #expect(error?.place == "ec2 DescribeVpcs")
            #expect(error?.fault == .caller)
            #expect(error?.status == 403 || error?.status == 401)
        }

        @Test("a wrong secret of the source is told as that of the source")
        func wrongSecret() async throws {
            let config = "[profile one]\n\(Self.role("looker"))\nsource_profile = base\n"
            let error = await #expect(throws: AWSError.self) { try await Self.ask("one", secret: "wrong", config) }
            #expect(error?.place == "sts AssumeRole")
            #expect(error?.advice?.contains("profile base") == true, "\(error?.description ?? "")")
        }
    }
}
