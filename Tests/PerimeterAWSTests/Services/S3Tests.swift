import Perimeter
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

        @Test("a bucket without settings has none, takes them, and loses them again")
        func settings() async throws {
            try await Self.with("plain-bucket") { s3, bucket in
                #expect(try await s3.isThere(bucket))
                #expect(try await s3.isThere("no-such-bucket") == false)
                #expect(try await s3.publicAccessBlock(bucket) == nil)
                #expect(try await s3.encryption(bucket) == nil)
                #expect(try await s3.versioning(bucket) == .off)
                #expect(try await s3.lifecycle(bucket).rules.isEmpty)

                var partly = PublicAccessBlock.everything
                partly.ignorePublicACLs = false
                try await s3.setPublicAccessBlock(partly, of: bucket)
                #expect(try await s3.publicAccessBlock(bucket) == partly)
                try await s3.setPublicAccessBlock(.everything, of: bucket)
                try await s3.setEncryption("AES256", of: bucket)
                try await s3.setVersioning(true, of: bucket)
                #expect(try await s3.publicAccessBlock(bucket) == .everything)
                #expect(try await s3.encryption(bucket) == "AES256")
                #expect(try await s3.versioning(bucket) == .enabled)

                try await s3.setPublicAccessBlock(nil, of: bucket)
                try await s3.setEncryption(nil, of: bucket)
                try await s3.setVersioning(false, of: bucket)
                #expect(try await s3.publicAccessBlock(bucket) == nil)
                #expect(try await s3.encryption(bucket) == nil)
                #expect(try await s3.versioning(bucket) == .suspended)
            }
        }

        @Test("a bucket that is not there is an error where its settings are asked for")
        func missing() async throws {
            try await Self.with("some-bucket") { s3, _ in
                let error = await #expect(throws: AWSError.self) { try await s3.encryption("no-such-bucket") }
                #expect(error?.code == "NoSuchBucket")
            }
        }

        @Test("a rule is added, and those of others stay as they are")
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
                let read = before.rules.map(LifecycleRule.init)
                #expect(read.map(\.id) == ["theirs", "off"])
                #expect(read.map(\.isForWholeBucket) == [false, true])
                #expect(read.map(\.isEnabled) == [true, false])
                #expect(read.map(\.expireAfterDays) == [400, 1])

                let own = LifecycleRule(id: LifecycleRule.ownID, expireAfterDays: 90, expireOldVersionsAfterDays: 30)
                let wanted = try (read + [own]).map { try $0.tree() }
                try await s3.setLifecycle(Lifecycle(rules: wanted), of: bucket)
                let after = try await s3.lifecycle(bucket)
                #expect(Array(after.rules.prefix(2)) == before.rules)
                let made = try #require(after.rules.last.map(LifecycleRule.init))
                #expect(made.isEnabled && made.isForWholeBucket)
                #expect(made.expireAfterDays == 90)
                #expect(made.expireOldVersionsAfterDays == 30)

                let seen = try moto.python(
                    "result = {'rules': client('s3').get_bucket_lifecycle_configuration(Bucket='kept-rules')['Rules']}")
                let rules = try #require(seen["rules"] as? [[String: Any]])
                let theirs = try #require(rules.first { $0["ID"] as? String == "theirs" })
                #expect("\(theirs)".contains("b & <c>"))
                #expect("\(theirs)".contains("GLACIER"))
                #expect("\(theirs)".contains("DaysAfterInitiation"))

                try await s3.setLifecycle(Lifecycle(rules: []), of: bucket)
                #expect(try await s3.lifecycle(bucket).rules.isEmpty)
            }
        }

        @Test(
            "what of a lifecycle rule counts is seen",
            arguments: [
                ("<Rule><Prefix/><Status>Enabled</Status><Expiration><Days>9</Days></Expiration></Rule>", true, 9, nil),
                ("<Rule><Prefix>a</Prefix><Status>Enabled</Status></Rule>", false, nil, nil),
                (
                    "<Rule><Status>Enabled</Status><Expiration><Date>2030-01-01T00:00:00Z</Date></Expiration></Rule>",
                    true, nil, nil
                ),
                ("<Rule><Filter><Tag><Key>a</Key><Value>b</Value></Tag></Filter></Rule>", false, nil, nil),
                ("<Rule><Filter><ObjectSizeGreaterThan>1</ObjectSizeGreaterThan></Filter></Rule>", false, nil, nil),
                (
                    "<Rule><Filter/><NoncurrentVersionExpiration><NoncurrentDays>3</NoncurrentDays>"
                        + "</NoncurrentVersionExpiration></Rule>", true, nil, 3
                ),
                (
                    "<Rule><Filter/><NoncurrentVersionExpiration><NoncurrentDays>3</NoncurrentDays>"
                        + "<NewerNoncurrentVersions>5</NewerNoncurrentVersions></NoncurrentVersionExpiration></Rule>",
                    true, nil,
                    nil
                ),
            ] as [(String, Bool, Int?, Int?)])
        func parts(_ text: String, _ isWhole: Bool, _ days: Int?, _ oldDays: Int?) throws {
            let tree = try #require(XMLTree.read(Array(text.utf8)))
            let rule = LifecycleRule(tree)
            #expect(rule.isForWholeBucket == isWhole)
            #expect(rule.expireAfterDays == days)
            #expect(rule.expireOldVersionsAfterDays == oldDays)
            #expect(try rule.tree() == tree)
        }

        @Test(
            "what is no whole document is none",
            arguments: [
                "", "<a>", "<a></b>", "text", "<a/><b/>",
                String(repeating: "<a>", count: 65) + String(repeating: "</a>", count: 65),
            ])
        func noTree(_ text: String) {
            #expect(XMLTree.read(Array(text.utf8)) == nil)
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
