import Testing
import TestSupport

@testable import PerimeterAWS

extension PerimeterAWSTests {
    /// What services do that are in trouble, said by a real server.
    @Suite(.needsPython) struct ClientTests {
        private static let vpcs = """
            <DescribeVpcsResponse><vpcSet><item><vpcId>vpc-1</vpcId><cidrBlock>10.0.0.0/16</cidrBlock></item></vpcSet>
            </DescribeVpcsResponse>
            """
        private static let answer = FakeService.Answer(body: vpcs)

        /// Asks for the networks.
        private static func ask(
            _ answers: [FakeService.Answer], clock: Int64 = 0, random: Double = 0.5, patience: Duration = .seconds(30),
            largest: Int = 32 << 20, environment: [String: String] = TestSurroundings.keys
        ) async throws -> (outcome: Result<[String], AWSError>, requests: [FakeService.Request], pauses: [Duration]) {
            let service = try await FakeService(["DescribeVpcs": answers])
            let test = try TestSurroundings()
            let settings = try AWSSettings(
                region: "us-east-1", endpoint: service.url,
                in: test.surroundings(environment, clock: clock, random: random))
            let outcome = try await AWSClient.with(settings, patience: patience, largest: largest) {
                client -> Result<[String], AWSError> in
                do throws(AWSError) {
                    return .success(try await EC2(client: client).vpcs([]).map(\.vpcId))
                } catch {
                    return .failure(error)
                }
            }
            return (outcome, try service.requests(), test.pauses)
        }

        private static func error(_ outcome: Result<[String], AWSError>) throws -> AWSError {
            guard case .failure(let error) = outcome else { throw Failure("it did not fail: \(outcome)") }
            return error
        }

        @Test(
            "what passes is tried again, after longer and longer pauses",
            arguments: [
                (503, "Unavailable", 0.1), (500, "InternalError", 0.1), (503, "RequestLimitExceeded", 0.5),
                (400, "Throttling", 0.5), (429, "Whatever", 0.5),
            ])
        func passing(_ status: Int, _ code: String, _ first: Double) async throws {
            let trouble = FakeService.Answer.error(status, code)
            let seen = try await Self.ask([trouble, trouble, trouble, Self.answer])
            #expect(try seen.outcome.get() == ["vpc-1"])
            #expect(seen.requests.count == 4)
            #expect(seen.pauses == [1, 2, 4].map { .seconds($0 * first) })
        }

        @Test("a service that stays in trouble is given up after five tries, with its own words")
        func lasting() async throws {
            let seen = try await Self.ask([.error(503, "RequestLimitExceeded", "Request limit exceeded.")])
            let error = try Self.error(seen.outcome)
            #expect(seen.requests.count == 5)
            #expect(error.code == "RequestLimitExceeded")
            #expect(error.fault == .service)
            #expect(error.requestID == "r-1")
            #expect(
                error.description
                    == "ec2 DescribeVpcs: Request limit exceeded. (RequestLimitExceeded, request r-1)")
        }

        @Test(
            "Retry-After is waited for, but not for ever",
            arguments: [
                ("7", Duration.seconds(7)), ("100000", .seconds(60)), ("-1", .seconds(0.5)), ("soon", .seconds(0.5)),
            ])
        func retryAfter(_ value: String, _ pause: Duration) async throws {
            let seen = try await Self.ask([.error(503, "SlowDown", "no", ["Retry-After": value]), Self.answer])
            #expect(try seen.outcome.get() == ["vpc-1"])
            #expect(seen.pauses == [pause])
        }

        @Test(
            "what is the caller's fault is not tried again",
            arguments: ["UnauthorizedOperation", "InvalidParameterValue"])
        func callers(_ code: String) async throws {
            let seen = try await Self.ask([.error(400, code), Self.answer])
            let error = try Self.error(seen.outcome)
            #expect(error.code == code)
            #expect(error.fault == .caller)
            #expect(seen.requests.count == 1)
        }

        @Test("a service that never answers is given up in time")
        func mute() async throws {
            let seen = try await Self.ask([FakeService.Answer(isMute: true)], patience: .milliseconds(200))
            let error = try Self.error(seen.outcome)
            #expect(error.code == "NoAnswer")
            #expect(error.fault == .network)
            #expect(seen.pauses.count == 4)
        }

        @Test("nobody at the address is said as that")
        func nobody() async throws {
            let test = try TestSurroundings()
            let port = try FreePort.next()
            let settings = try AWSSettings(
                region: "us-east-1", endpoint: "http://127.0.0.1:\(port)", in: test.surroundings(TestSurroundings.keys))
            let error = await #expect(throws: AWSError.self) {
                try await AWSClient.with(settings) { try await EC2(client: $0).vpcs([]).count }
            }
            #expect(error?.code == "NoAnswer")
            #expect(error?.isWorthRetrying == true)
        }

        @Test(
            "a broken answer is an error, not an empty list",
            arguments: [
                "<DescribeVpcsResponse><vpcSet><item><vpcId>vpc-1</vpcId>", "", "no XML", "{}",
                "<DescribeVpcsResponse><vpcSet><item><cidrBlock>10.0.0.0/16</cidrBlock></item></vpcSet></DescribeVpcsResponse>",
                "<html><body>Welcome</body></html>",
            ])
        func broken(_ body: String) async throws {
            let seen = try await Self.ask([FakeService.Answer(body: body)])
            let error = try Self.error(seen.outcome)
            #expect(error.code == "BadAnswer", "\(error)")
        }

        @Test("an answer that is cut off is asked for again")
        func cutOff() async throws {
            let seen = try await Self.ask([FakeService.Answer(body: "<Describe", length: 400), Self.answer])
            #expect(try seen.outcome.get() == ["vpc-1"])
        }

        @Test("an answer has a largest size")
        func large() async throws {
            let seen = try await Self.ask([Self.answer], largest: 50)
            #expect(try Self.error(seen.outcome).message == "the answer is larger than 50 octets")
        }

        @Test("a page that leads in circles ends in an error")
        func circles() async throws {
            func page(_ next: String) -> FakeService.Answer {
                FakeService.Answer(
                    body: "<DescribeVpcsResponse><vpcSet/><nextToken>\(next)</nextToken></DescribeVpcsResponse>")
            }
            let seen = try await Self.ask([page("a"), page("b"), page("a")])
            #expect(try Self.error(seen.outcome).message.contains("circles"))
            #expect(seen.requests.map { $0.field("NextToken") } == [nil, "a", "b"])
        }

        @Test("all pages are read")
        func pages() async throws {
            func page(_ id: String, _ next: String?) -> FakeService.Answer {
                FakeService.Answer(
                    body: "<DescribeVpcsResponse><vpcSet><item><vpcId>\(id)</vpcId></item></vpcSet>"
                        + (next.map { "<nextToken>\($0)</nextToken>" } ?? "") + "</DescribeVpcsResponse>")
            }
            let seen = try await Self.ask([page("vpc-1", "a+b/c="), page("vpc-2", "d"), page("vpc-3", nil)])
            #expect(try seen.outcome.get() == ["vpc-1", "vpc-2", "vpc-3"])
            #expect(seen.requests.map { $0.field("NextToken") } == [nil, "a+b/c=", "d"])
        }

        @Test("a clock that is wrong is corrected by the service's date", arguments: [-7200, 7200])
        func skew(_ seconds: Int64) async throws {
            let seen = try await Self.ask(
                [.error(403, "RequestTimeTooSkewed"), Self.answer], clock: seconds * 1000)
            #expect(try seen.outcome.get() == ["vpc-1"])
            let stamps = seen.requests.compactMap { $0.headers["x-amz-date"] }
            #expect(stamps.count == 2)
            #expect(stamps.first != stamps.last)
            #expect(seen.pauses.isEmpty)
        }

        @Test("a clock that stays wrong is said with both dates")
        func lastingSkew() async throws {
            let seen = try await Self.ask([
                FakeService.Answer(
                    status: 403, body: "<Error><Code>RequestTimeTooSkewed</Code><Message>no</Message></Error>",
                    ahead: 7200),
                FakeService.Answer(
                    status: 403, body: "<Error><Code>RequestTimeTooSkewed</Code><Message>no</Message></Error>",
                    ahead: 70_000),
            ])
            let error = try Self.error(seen.outcome)
            #expect(seen.requests.count == 2)
            #expect(error.advice?.contains("this host's clock says") == true)
        }

        @Test("an expired token is said with where it came from")
        func expired() async throws {
            let seen = try await Self.ask(
                [.error(400, "ExpiredToken", "The security token included in the request is expired")],
                environment: TestSurroundings.keys.merging(["AWS_SESSION_TOKEN": "old"]) { $1 })
            let error = try Self.error(seen.outcome)
            #expect(error.advice == "get new temporary credentials (the environment)")
            #expect(seen.requests.count == 1)
            #expect(seen.requests.first?.headers["x-amz-security-token"] == "old")
        }

        @Test("redirects are not followed: a signature is for one host")
        func redirect() async throws {
            let seen = try await Self.ask([
                FakeService.Answer(status: 301, headers: ["Location": "/elsewhere"]), Self.answer,
            ])
            let error = try Self.error(seen.outcome)
            #expect(error.code == "HTTP 301")
            #expect(seen.requests.count == 1)
        }
    }
}
