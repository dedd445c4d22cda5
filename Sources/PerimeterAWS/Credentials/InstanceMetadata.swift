/// Asks an EC2 instance's metadata service for the credentials of its role, by version 2 alone: version 1 answers
/// whoever can make the host fetch a URL.
struct InstanceMetadata: Sendable {
    let endpoint: String
    let exchange: HTTPExchange
    /// For each request; elsewhere than on EC2 nobody answers at that address.
    var patience: Duration = .seconds(1)

    /// - Returns: nil where the environment forbids it.
    init?(_ surroundings: Surroundings, exchange: HTTPExchange) {
        guard surroundings.variable("AWS_EC2_METADATA_DISABLED")?.lowercased() != "true" else { return nil }
        let isIPv6 = surroundings.variable("AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE")?.lowercased() == "ipv6"
        let usual = isIPv6 ? "http://[fd00:ec2::254]" : "http://169.254.169.254"
        let given = surroundings.variable("AWS_EC2_METADATA_SERVICE_ENDPOINT") ?? usual
        endpoint = given.hasSuffix("/") ? String(given.dropLast()) : given
        self.exchange = exchange
    }

    /// The service lets its answers to the first request live for one hop only, so that containers with a network of
    /// their own get none unless the instance is set up for that.
    private static let hopAdvice =
        "on an instance, check its metadata options (a hop limit of 2 for containers); elsewhere set "
        + "AWS_EC2_METADATA_DISABLED=true"

    func credentials() async throws(AWSError) -> Credentials {
        let token = try await ask(
            "PUT", "/latest/api/token", headers: [.init("X-aws-ec2-metadata-token-ttl-seconds", "21600")])
        let headers = [ServiceRequest.Pair("X-aws-ec2-metadata-token", String(decoding: token, as: UTF8.self))]
        let path = "/latest/meta-data/iam/security-credentials/"
        let roles = String(decoding: try await ask("GET", path, headers: headers), as: UTF8.self)
        guard let role = roles.split(whereSeparator: \.isNewline).first else {
            throw AWSError(
                code: AWSError.Code.noCredentials, "the instance has no role", place: endpoint,
                advice: "attach an instance profile, or give credentials in the environment or a profile")
        }
        let body = try await ask("GET", path + PercentEncoding.encode(role), headers: headers)
        return try TemporaryCredentials.read(body, origin: "the instance's role \(role)")
    }

    private func ask(_ method: String, _ path: String, headers: [ServiceRequest.Pair]) async throws(AWSError) -> [UInt8]
    {
        let answer: HTTPExchange.Answer
        do {
            answer = try await exchange.send(
                method, endpoint + path, headers: headers, within: patience, size: 64 << 10)
        } catch {
            throw AWSError(
                code: AWSError.Code.noAnswer, "the instance metadata service: \(error.description)", place: endpoint,
                fault: .network, advice: Self.hopAdvice)
        }
        guard answer.status == 200 else {
            let isWithoutRole = answer.status == 404 && path.hasSuffix("security-credentials/")
            throw AWSError(
                code: AWSError.Code.noCredentials,
                isWithoutRole
                    ? "the instance has no role" : "the instance metadata service answers \(answer.status) to \(path)",
                place: endpoint, status: answer.status, fault: .service)
        }
        return answer.body
    }
}
