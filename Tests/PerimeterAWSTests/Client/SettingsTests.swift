import Testing

@testable import PerimeterAWS

extension PerimeterAWSTests {
    @Suite struct SettingsTests {
        private static let config = "[default]\nregion = eu-west-1\nendpoint_url = http://[::1]:9/base/\n"

        @Test(
            "the region comes from the file, then the environment, then the profile",
            arguments: [
                ("us-east-1", ["AWS_REGION": "us-east-2"], "us-east-1"),
                (nil, ["AWS_REGION": "us-east-2", "AWS_DEFAULT_REGION": "us-west-1"], "us-east-2"),
                (nil, ["AWS_DEFAULT_REGION": "us-west-1"], "us-west-1"), (nil, [:], "eu-west-1"),
            ] as [(String?, [String: String], String)])
        func region(_ given: String?, _ environment: [String: String], _ expected: String) throws {
            let test = try TestSurroundings()
            try test.write("config", Self.config)
            let settings = try AWSSettings(region: given, in: test.surroundings(environment))
            #expect(settings.region == expected)
        }

        @Test("without a region nothing is guessed")
        func noRegion() throws {
            let test = try TestSurroundings()
            let error = #expect(throws: AWSError.self) { try AWSSettings(in: test.surroundings()) }
            #expect(error?.description.contains("no region is given") == true)
        }

        @Test("a region can't lead to another host", arguments: ["evil.example/", "us-east-1.evil", "a b", "US", "é"])
        func strangeRegion(_ region: String) throws {
            let test = try TestSurroundings()
            #expect(throws: AWSError.self) { try AWSSettings(region: region, in: test.surroundings()) }
        }

        @Test(
            "an endpoint comes from the file, then from the service's variable, the common one, the profile",
            arguments: [
                ("https://a.example:8443", ["AWS_ENDPOINT_URL_EC2": "http://b"], "https://a.example:8443"),
                (nil, ["AWS_ENDPOINT_URL_EC2": "http://b:81/", "AWS_ENDPOINT_URL": "http://c"], "http://b:81"),
                (nil, ["AWS_ENDPOINT_URL_RDS": "http://b", "AWS_ENDPOINT_URL": "https://c:443"], "https://c"),
                (nil, [:], "http://[::1]:9/base"),
                (nil, ["AWS_IGNORE_CONFIGURED_ENDPOINT_URLS": "true"], "https://ec2.eu-west-1.amazonaws.com"),
            ] as [(String?, [String: String], String)])
        func endpoint(_ given: String?, _ environment: [String: String], _ expected: String) throws {
            let test = try TestSurroundings()
            try test.write("config", Self.config)
            let settings = try AWSSettings(endpoint: given, in: test.surroundings(environment))
            let address = try settings.address(of: .ec2)
            #expect("\(address.scheme)://\(address.host)\(address.path)" == expected)
        }

        @Test(
            "an endpoint that is none is refused at once",
            arguments: ["127.0.0.1:5005", "ftp://x", "http://", "http://u@h", ""])
        func strangeEndpoint(_ endpoint: String) throws {
            let test = try TestSurroundings()
            #expect(throws: AWSError.self) {
                try AWSSettings(region: "us-east-1", endpoint: endpoint, in: test.surroundings())
            }
        }

        @Test("China's services have another domain")
        func china() throws {
            let test = try TestSurroundings()
            let settings = try AWSSettings(region: "cn-north-1", in: test.surroundings())
            #expect(try settings.address(of: .cloudwatch).host == "monitoring.cn-north-1.amazonaws.com.cn")
        }
    }
}
