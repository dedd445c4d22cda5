import Testing
import TestSupport

@testable import PerimeterAWS

extension PerimeterAWSTests {
    @Suite struct SignerTests {
        private static let credentials = Credentials(
            accessKeyID: "AKIDEXAMPLE", secretAccessKey: "s3cret/+", origin: "a test")

        @Test("ten thousand random requests are signed as botocore signs them", .needsMoto, arguments: [1, 2, 3, 4])
        func random(_ seed: UInt64) throws {
            var random = Seeded(seed)
            let requests = (0..<2500).map { _ in RandomRequest(&random) }
            let theirs = try Botocore.sign(requests.map(\.forBotocore))
            #expect(theirs.count == requests.count)
            for (request, theirs) in zip(requests, theirs) {
                let ours = request.signer.sign(request.request, with: request.credentials, now: request.now)
                let authorization = ours.headers.first { $0.name == "Authorization" }?.value
                try #require(ours.canonicalRequest == theirs.canonical, "seed \(seed), \(request)")
                try #require(authorization == theirs.authorization, "seed \(seed), \(request)")
            }
        }

        @Test("every part of a request is under the signature")
        func everyPart() throws {
            let signer = Signer(region: "us-east-1", service: "ec2")
            let plain = ServiceRequest(
                method: "POST", host: "ec2.us-east-1.amazonaws.com", query: [.init("a", "b")],
                headers: [.init("Content-Type", "text/plain")], body: Array("body".utf8))
            var others: [ServiceRequest] = []
            func other(_ change: (inout ServiceRequest) -> Void) {
                var request = plain
                change(&request)
                others.append(request)
            }
            other { $0.method = "GET" }
            other { $0.host = "ec2.us-east-2.amazonaws.com" }
            other { $0.path = "/x" }
            other { $0.query = [.init("a", "c")] }
            other { $0.headers = [.init("Content-Type", "text/html")] }
            other { $0.headers.append(.init("X-Amz-Target", "x")) }
            other { $0.body = Array("bodx".utf8) }
            func signature(_ request: ServiceRequest, _ signer: Signer, _ credentials: Credentials, _ now: Int64)
                -> String?
            {
                signer.sign(request, with: credentials, now: now).headers.first { $0.name == "Authorization" }?.value
            }
            var all = others.map { signature($0, signer, Self.credentials, 0) }
            all.append(signature(plain, signer, Self.credentials, 0))
            all.append(signature(plain, signer, Self.credentials, 1000))
            all.append(signature(plain, Signer(region: "eu-west-1", service: "ec2"), Self.credentials, 0))
            all.append(signature(plain, Signer(region: "us-east-1", service: "rds"), Self.credentials, 0))
            let session = Credentials(
                accessKeyID: "AKIDEXAMPLE", secretAccessKey: "s3cret/+", sessionToken: "t", origin: "a test")
            all.append(signature(plain, signer, session, 0))
            let secret = Credentials(accessKeyID: "AKIDEXAMPLE", secretAccessKey: "s3cret/-", origin: "a test")
            all.append(signature(plain, signer, secret, 0))
            #expect(Set(all).count == all.count)
            #expect(!all.contains(nil))
        }

        @Test("what proxies change is not signed, and is told to nobody as signed")
        func unsigned() {
            let request = ServiceRequest(
                method: "GET", host: "h",
                headers: [.init("User-Agent", "x"), .init("Expect", "y"), .init("X-Own", "z")])
            let signature = Signer(region: "r", service: "s").sign(request, with: Self.credentials, now: 0)
            #expect(signature.canonicalRequest.contains("\nhost;x-amz-date;x-own\n"))
            #expect(!signature.canonicalRequest.contains("user-agent"))
        }

        @Test("the query is sent in the order in which it is signed")
        func order() {
            let request = ServiceRequest(
                method: "GET", host: "h",
                query: [.init("b", ""), .init("a", "ü"), .init("a", "~"), .init("B", "1 2"), .init("a", "+")])
            #expect(request.target == "/?B=1%202&a=%2B&a=%C3%BC&a=~&b=")
        }

        @Test(
            "S3's paths are taken as they are",
            arguments: [
                ("/a//b/../c", true, "/a//b/../c"), ("/a//b/../c", false, "/a/c"), ("/a b", true, "/a%20b"),
                ("/a b", false, "/a%2520b"), ("/", false, "/"), ("/..", false, "/"), ("/a/", false, "/a/"),
            ])
        func paths(_ path: String, _ isS3: Bool, _ canonical: String) {
            let request = ServiceRequest(method: "GET", host: "h", path: path)
            let signature = Signer(region: "r", service: "s", isS3: isS3).sign(request, with: Self.credentials, now: 0)
            #expect(signature.canonicalRequest.split(separator: "\n")[1] == canonical)
        }

        @Test("secrets are not printed")
        func secrets() {
            let credentials = Credentials(
                accessKeyID: "AKID", secretAccessKey: "hush", sessionToken: "quiet", origin: "a test")
            var dumped = "\(credentials) \(String(reflecting: credentials))"
            dump(credentials, to: &dumped)
            #expect(dumped.contains("AKID"))
            #expect(!dumped.contains("hush"))
            #expect(!dumped.contains("quiet"))
        }
    }
}
