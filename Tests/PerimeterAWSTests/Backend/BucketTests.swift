import Perimeter
import Testing
import TestSupport

@testable import PerimeterAWS

extension PerimeterAWSTests {
    /// What a bucket looks like that may not be read, or only in part; said by a real HTTP server.
    @Suite(.needsPython) struct BucketTests {
        private static let namespace = "xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\""

        private static func see(_ routes: [String: [FakeService.Answer]]) async throws -> Result<
            ObservedBucket, AWSError
        > {
            let service = try await FakeService(routes)
            let perimeter = try AWSPerimeter(
                Declaration.AWS(region: "us-east-1", vpc: "vpc-1", endpoint: service.url),
                in: TestSurroundings().surroundings(TestSurroundings.keys))
            let seen: Result<ObservedBucket, AWSError>
            do throws(AWSError) { seen = .success(try await perimeter.bucket("some")) } catch { seen = .failure(error) }
            try await perimeter.close()
            return seen
        }

        private static func s3Error(_ status: Int, _ code: String) -> FakeService.Answer {
            FakeService.Answer(
                status: status, body: "<Error><Code>\(code)</Code><Message>no</Message><RequestId>r</RequestId></Error>"
            )
        }

        @Test("a bucket of another account, or of another region, is there and unreadable", arguments: [403, 301])
        func others(_ status: Int) async throws {
            let answer = FakeService.Answer(status: status, headers: ["x-amz-bucket-region": "eu-west-1"])
            let bucket = try await Self.see(["HEAD /some": [answer]]).get()
            #expect(bucket.exists)
            #expect(bucket.unreadable.count == 4)
            #expect(bucket.unreadable[.encryption]?.contains("the bucket is in eu-west-1, not in us-east-1") == true)
        }

        @Test("a part that may not be read hides no other")
        func partly() async throws {
            let bucket = try await Self.see([
                "HEAD /some": [.init()], "GET /some?encryption=": [Self.s3Error(403, "AccessDenied")],
                "GET /some?publicAccessBlock=": [Self.s3Error(404, "NoSuchPublicAccessBlockConfiguration")],
                "GET /some?lifecycle=": [Self.s3Error(404, "NoSuchLifecycleConfiguration")],
                "GET /some?versioning=": [
                    .init(
                        body:
                            "<VersioningConfiguration \(Self.namespace)><Status>Enabled</Status></VersioningConfiguration>"
                    )
                ],
            ]).get()
            #expect(bucket.versioning == .enabled)
            #expect(bucket.publicAccessBlocked == nil)
            #expect(bucket.unreadable.keys.map(\.rawValue) == ["encryption"])
            #expect(bucket.unreadable[.encryption]?.contains("s3:GetBucketEncryption") == true)
        }

        @Test("trouble of the network, and a portal's page, are no state of a bucket")
        func trouble() async throws {
            for answer in [Self.s3Error(500, "InternalError"), .init(body: "<html><body>Welcome</body></html>")] {
                let seen = try await Self.see([
                    "HEAD /some": [.init()], "GET /some?publicAccessBlock=": [answer],
                ])
                let error = #expect(throws: AWSError.self) { try seen.get() }
                #expect(error?.fault == .service)
            }
        }

        @Test("a setting of the lifecycle that stands beside its rules goes back with them")
        func smallestTransition() async throws {
            let field = "x-amz-transition-default-minimum-object-size"
            let rules = "<LifecycleConfiguration \(Self.namespace)><Rule><ID>a</ID></Rule></LifecycleConfiguration>"
            let service = try await FakeService([
                "GET /some?lifecycle=": [.init(headers: [field: "varies_by_storage_class"], body: rules)],
                "PUT /some?lifecycle=": [.init()],
            ])
            let test = try TestSurroundings()
            let settings = try AWSSettings(
                region: "us-east-1", endpoint: service.url, in: test.surroundings(TestSurroundings.keys))
            try await AWSClient.with(settings) { client in
                let s3 = S3(client: client)
                try await s3.setLifecycle(try await s3.lifecycle("some"), of: "some")
            }
            let put = try service.requests().first { $0.method == "PUT" }
            #expect(put?.headers[field] == "varies_by_storage_class")
            #expect(put?.headers["x-amz-checksum-sha256"]?.count == 44)
            #expect(put?.body.contains("<Rule><ID>a</ID></Rule>") == true)
        }
    }
}
