import Testing
import TestSupport

@testable import PerimeterAWS

extension PerimeterAWSTests {
    @Suite("S3 against moto", .needsMoto) struct S3Tests {
        private static func with<Value>(
            _ name: String, _ lines: String = "", _ run: (S3, String) async throws -> Value
        ) async throws -> Value {
            let moto = try await Moto.shared()
            try moto.python("s3 = client('s3')\ns3.create_bucket(Bucket='\(name)')\n\(lines)")
            return try await AWSClient.with(try moto.settings(TestSurroundings())) {
                try await run(S3(client: $0), name)
            }
        }

        @Test("a bucket without settings has none, and takes them")
        func settings() async throws {
            try await Self.with("plain-bucket") { s3, bucket in
                #expect(try await s3.isThere(bucket))
                #expect(try await s3.isThere("no-such-bucket") == false)
                #expect(try await s3.publicAccessBlock(bucket) == .none)
                #expect(try await s3.encryption(bucket) == nil)
                #expect(try await s3.isVersioned(bucket) == false)
                #expect(try await s3.lifecycle(bucket).rules.isEmpty)

                try await s3.setPublicAccessBlock(.all, of: bucket)
                try await s3.setEncryption("AES256", of: bucket)
                try await s3.setVersioning(true, of: bucket)
                #expect(try await s3.publicAccessBlock(bucket) == .all)
                #expect(try await s3.encryption(bucket) == "AES256")
                #expect(try await s3.isVersioned(bucket))
            }
        }

        @Test("a bucket that is not there is an error where its settings are asked for")
        func missing() async throws {
            try await Self.with("some-bucket") { s3, _ in
                let error = await #expect(throws: AWSError.self) { try await s3.encryption("no-such-bucket") }
                #expect(error?.code == "NoSuchBucket")
            }
        }

        @Test("our rule comes and goes, and those of others stay as they are")
        func lifecycle() async throws {
            let others = """
                s3.put_bucket_lifecycle_configuration(Bucket="kept-rules", LifecycleConfiguration={"Rules": [
                    {"ID": "theirs", "Status": "Enabled",
                     "Filter": {"And": {"Prefix": "logs/", "Tags": [{"Key": "a", "Value": "b & <c>"}]}},
                     "Transitions": [{"Days": 30, "StorageClass": "GLACIER"}], "Expiration": {"Days": 400},
                     "AbortIncompleteMultipartUpload": {"DaysAfterInitiation": 3}},
                    {"ID": "off", "Status": "Disabled", "Filter": {"Prefix": ""}, "Expiration": {"Days": 1}}]})
                """
            let moto = try await Moto.shared()
            try await Self.with("kept-rules", others) { s3, bucket in
                let before = try await s3.lifecycle(bucket)
                #expect(before.expiry.current == nil)
                try await s3.setLifecycle(before.expiring(after: 90, oldVersionsAfter: 30), of: bucket)
                let after = try await s3.lifecycle(bucket)
                #expect(after.expiry.current == 90)
                #expect(after.expiry.old == 30)
                #expect(after.rules.filter { $0.text("ID") != Lifecycle.ruleID } == before.rules)

                let seen = try moto.python(
                    "result = {'rules': client('s3').get_bucket_lifecycle_configuration(Bucket='kept-rules')['Rules']}")
                let rules = try #require(seen["rules"] as? [[String: Any]])
                let theirs = try #require(rules.first { $0["ID"] as? String == "theirs" })
                #expect("\(theirs)".contains("b & <c>"))
                #expect("\(theirs)".contains("GLACIER"))
                #expect("\(theirs)".contains("DaysAfterInitiation"))

                try await s3.setLifecycle(after.expiring(after: nil, oldVersionsAfter: nil), of: bucket)
                #expect(try await s3.lifecycle(bucket) == before)
            }
        }

        @Test(
            "names that are none of a bucket's go nowhere",
            arguments: ["", "a", "A-bucket", "a/b", "a?b", ".abc", "a b c"])
        func names(_ name: String) async throws {
            try await Self.with("any-bucket") { s3, _ in
                let error = await #expect(throws: AWSError.self) { try await s3.isThere(name) }
                #expect(error?.code == "BadSettings")
            }
        }
    }
}
