import Testing
import TestSupport

@testable import PerimeterAWS

extension PerimeterAWSTests {
    @Suite(.needsPython) struct CredentialTests {
        private static func find(
            _ environment: [String: String], profile: String? = nil, files: [String: String] = [:], clock: Int64 = 0
        ) async throws -> Credentials {
            let test = try TestSurroundings()
            for (name, text) in files { try test.write(name, text) }
            let settings = try AWSSettings(
                region: "us-east-1", profile: profile, endpoint: "http://127.0.0.1:1",
                in: test.surroundings(environment, clock: clock))
            let exchange = HTTPExchange()
            let found = await Result { try await CredentialChain(settings: settings, exchange: exchange).find() }
            try await exchange.close()
            return try found.get()
        }

        private static let files = [
            "credentials": """
            # the usual one
            [default]
            aws_access_key_id = AKIDDEFAULT
            aws_secret_access_key=abc/def+=

            [production]
            aws_access_key_id = AKIDPRODUCTION
            aws_secret_access_key = ghi
            AWS_SESSION_TOKEN = tok=en
            """,
            "config": """
            [default]
            region = eu-west-1
            s3 =
                addressing_style = path
            [profile production]
            region = us-west-2
            [profile other]
            role_arn = arn:aws:iam::123456789012:role/x
            [profile around]
            role_arn = arn:aws:iam::123456789012:role/x
            source_profile = back
            [profile back]
            role_arn = arn:aws:iam::123456789012:role/y
            source_profile = around
            [profile lost]
            role_arn = arn:aws:iam::123456789012:role/x
            source_profile = nowhere
            [profile coded]
            role_arn = arn:aws:iam::123456789012:role/x
            source_profile = default
            mfa_serial = arn:aws:iam::123456789012:mfa/me
            [profile fromhere]
            role_arn = arn:aws:iam::123456789012:role/x
            credential_source = Environment
            [profile program]
            credential_process = /bin/true
            [profile half]
            aws_access_key_id = AKIDHALF
            [profile inconfig]
            aws_access_key_id = AKIDCONFIG
            aws_secret_access_key = jkl
            """,
        ]

        @Test(
            "the first place that has credentials wins",
            arguments: [
                (TestSurroundings.keys, nil, "AKIDTEST"), ([:], nil, "AKIDDEFAULT"),
                (["AWS_PROFILE": "production"], nil, "AKIDPRODUCTION"), ([:], "production", "AKIDPRODUCTION"),
                (TestSurroundings.keys, "production", "AKIDPRODUCTION"),
                (TestSurroundings.keys.merging(["AWS_PROFILE": "production"]) { $1 }, nil, "AKIDTEST"),
                ([:], "inconfig", "AKIDCONFIG"), (["AWS_ACCESS_KEY_ID": ""], nil, "AKIDDEFAULT"),
            ] as [([String: String], String?, String)])
        func order(_ environment: [String: String], _ profile: String?, _ key: String) async throws {
            let found = try await Self.find(environment, profile: profile, files: Self.files)
            #expect(found.accessKeyID == key)
        }

        @Test("values may have equals signs, and names any case")
        func values() async throws {
            let usual = try await Self.find([:], files: Self.files)
            #expect(usual.secretAccessKey == "abc/def+=")
            #expect(usual.sessionToken == nil)
            let production = try await Self.find([:], profile: "production", files: Self.files)
            #expect(production.sessionToken == "tok=en")
        }

        @Test(
            "what is there but wrong is said, and nothing behind it is tried",
            arguments: [
                (["AWS_ACCESS_KEY_ID": "AKID"], nil, "AWS_SECRET_ACCESS_KEY is not"),
                ([:], "other", "neither source_profile nor credential_source"), ([:], "around", "in circles"),
                ([:], "lost", "no profile 'nowhere'"), ([:], "coded", "asks for no codes"),
                ([:], "program", "credential_process"),
                ([:], "half", "aws_secret_access_key is not"),
                ([:], "nobody", "there is no profile 'nobody'"),
                (["AWS_PROFILE": "nobody"], nil, "only around, back, coded, default"),
                (["AWS_CONTAINER_CREDENTIALS_FULL_URI": "http://example.com/"], "empty", "there is no profile"),
            ] as [([String: String], String?, String)])
        func wrong(_ environment: [String: String], _ profile: String?, _ words: String) async throws {
            let error = await #expect(throws: AWSError.self) {
                try await Self.find(environment, profile: profile, files: Self.files)
            }
            #expect(error?.description.contains(words) == true, "\(error?.description ?? "")")
            #expect(error?.code == "BadSettings")
        }

        @Test("a role that is to be taken on with the environment's keys needs some there")
        func noSource() async throws {
            let error = await #expect(throws: AWSError.self) {
                try await Self.find([:], profile: "fromhere", files: Self.files)
            }
            #expect(error?.message == "credential_source has no credentials")
        }

        @Test("where there are none, every place that was tried is told")
        func none() async throws {
            let error = await #expect(throws: AWSError.self) { try await Self.find([:]) }
            let text = error?.description ?? ""
            #expect(error?.code == "NoCredentials")
            #expect(text.contains("AWS_ACCESS_KEY_ID is not set, profile default has no keys"))
        }

        @Test(
            "credentials of a container are taken from nobody on the network",
            arguments: ["http://example.com/x", "http://10.0.0.1/", "ftp://localhost/", "nonsense"])
        func strangers(_ url: String) async throws {
            let error = await #expect(throws: AWSError.self) {
                try await Self.find(["AWS_CONTAINER_CREDENTIALS_FULL_URI": url])
            }
            #expect(error?.code == "BadSettings")
        }

        @Test("a container's agent is asked with its token")
        func container() async throws {
            let agent = try await FakeService([
                "GET /credentials": [.init(body: Self.temporary("ASIATASK", "2099-01-01T00:00:00Z"))]
            ])
            let found = try await Self.find([
                "AWS_CONTAINER_CREDENTIALS_FULL_URI": "\(agent.url)/credentials",
                "AWS_CONTAINER_AUTHORIZATION_TOKEN": "tok",
            ])
            #expect(found.accessKeyID == "ASIATASK")
            #expect(found.expiresAt == 4_070_908_800_000)
            #expect(try agent.requests().first?.headers["authorization"] == "tok")
        }

        static func temporary(_ key: String, _ expiration: String) -> String {
            """
            {"Code": "Success", "Type": "AWS-HMAC", "AccessKeyId": "\(key)", "SecretAccessKey": "s", "Token": "t",
             "Expiration": "\(expiration)"}
            """
        }
    }
}
