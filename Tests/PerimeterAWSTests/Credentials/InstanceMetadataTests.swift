import Foundation
import Testing
import TestSupport

@testable import PerimeterAWS

extension PerimeterAWSTests {
    /// The instance metadata service, played by a real HTTP server.
    @Suite(.needsPython) struct InstanceMetadataTests {
        private static let roles = "GET /latest/meta-data/iam/security-credentials/"
        private static func routes(_ credentials: [String]) -> [String: [FakeService.Answer]] {
            [
                "PUT /latest/api/token": [.init(body: "session-token")], roles: [.init(body: "edge-role\n")],
                roles + "edge-role": credentials.map { .init(body: $0) },
            ]
        }

        private static func settings(_ service: FakeService, _ test: TestSurroundings, clock: Int64 = 0) throws
            -> AWSSettings
        {
            try AWSSettings(
                region: "us-east-1",
                in: test.surroundings(
                    ["AWS_EC2_METADATA_SERVICE_ENDPOINT": service.url + "/", "AWS_EC2_METADATA_DISABLED": "false"],
                    clock: clock))
        }

        private static func find(_ routes: [String: [FakeService.Answer]]) async throws -> (
            Credentials, [FakeService.Request]
        ) {
            let service = try await FakeService(routes)
            let settings = try settings(service, TestSurroundings())
            let exchange = HTTPExchange()
            let found = await Result { try await CredentialChain(settings: settings, exchange: exchange).find() }
            try await exchange.close()
            return (try found.get(), try service.requests())
        }

        @Test("an instance's role is asked for by version 2")
        func role() async throws {
            let (found, requests) = try await Self.find(
                Self.routes([CredentialTests.temporary("ASIAROLE", "2099-01-01T00:00:00Z")]))
            #expect(found.accessKeyID == "ASIAROLE")
            #expect(found.sessionToken == "t")
            #expect(found.origin == "the instance's role edge-role")
            #expect(requests.map(\.method) == ["PUT", "GET", "GET"])
            #expect(requests.first?.headers["x-aws-ec2-metadata-token-ttl-seconds"] == "21600")
            #expect(requests.dropFirst().allSatisfy { $0.headers["x-aws-ec2-metadata-token"] == "session-token" })
        }

        @Test("a service that gives no token is not asked by version 1", arguments: [403, 404, 405])
        func noToken(_ status: Int) async throws {
            let service = try await FakeService([
                "PUT /latest/api/token": [.init(status: status)], Self.roles: [.init(body: "edge-role")],
                Self.roles + "edge-role": [.init(body: CredentialTests.temporary("ASIAROLE", "2099-01-01T00:00:00Z"))],
            ])
            let test = try TestSurroundings()
            let settings = try Self.settings(service, test)
            let exchange = HTTPExchange()
            let found = await Result { try await CredentialChain(settings: settings, exchange: exchange).find() }
            try await exchange.close()
            let error = #expect(throws: AWSError.self) { try found.get() }
            #expect(error?.message.contains("answers \(status) to /latest/api/token") == true)
            #expect(try service.requests().map(\.method) == ["PUT"])
        }

        @Test(
            "an instance without a role, or with a strange answer, has no credentials",
            arguments: [
                ([Self.roles: [.init(status: 404)]], "the instance has no role"),
                ([Self.roles: [.init(body: "")]], "the instance has no role"),
                (
                    Self.routes(["{\"Code\": \"AssumeRoleUnauthorizedAccess\"}"]),
                    "its code is AssumeRoleUnauthorizedAccess"
                ),
                (Self.routes(["<html>"]), "not JSON"),
                (Self.routes([CredentialTests.temporary("A", "tomorrow")]), "which is no date"),
            ])
        func without(_ routes: [String: [FakeService.Answer]], _ words: String) async throws {
            let token = ["PUT /latest/api/token": [FakeService.Answer(body: "session-token")]]
            let error = await #expect(throws: AWSError.self) { try await Self.find(routes.merging(token) { $1 }) }
            #expect(error?.description.contains(words) == true, "\(error?.description ?? "")")
        }

        @Test("a service that never answers costs a second")
        func mute() async throws {
            let error = await #expect(throws: AWSError.self) {
                try await Self.find(["PUT /latest/api/token": [.init(isMute: true)]])
            }
            #expect(error?.description.contains("no answer within 1.0 seconds") == true, "\(error?.description ?? "")")
        }

        @Test("credentials are kept while they last, and renewed before they end")
        func renewal() async throws {
            func expiry(_ minutes: Double) -> String {
                ISO8601DateFormatter().string(from: Date(timeIntervalSinceNow: minutes * 60))
            }
            let service = try await FakeService(
                Self.routes([
                    CredentialTests.temporary("ASIAONE", expiry(3)), CredentialTests.temporary("ASIATWO", expiry(60)),
                    CredentialTests.temporary("ASIATHREE", expiry(120)),
                ]))
            let test = try TestSurroundings()
            let settings = try Self.settings(service, test)
            let exchange = HTTPExchange()
            let store = CredentialStore(CredentialChain(settings: settings, exchange: exchange))
            var keys: [String] = []
            for _ in 0..<3 { keys.append(try await store.current().accessKeyID) }
            // The first is near its end, the second is not.
            #expect(keys == ["ASIAONE", "ASIATWO", "ASIATWO"])
            let replaced = try await store.replacement(of: try await store.current())
            #expect(replaced?.accessKeyID == "ASIATHREE")
            try await exchange.close()
        }
    }
}

extension Result where Failure == any Error {
    /// What an asynchronous step gives or throws.
    init(_ run: () async throws -> Success) async {
        do { self = .success(try await run()) } catch { self = .failure(error) }
    }
}
