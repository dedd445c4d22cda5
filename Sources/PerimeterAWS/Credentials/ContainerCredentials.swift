internal import Foundation

/// Asks the agent of ECS or EKS for a task's credentials, where the environment names one.
struct ContainerCredentials: Sendable {
    private let url: String
    private let token: String?
    private let exchange: HTTPExchange
    private static let agent = "http://169.254.170.2"

    /// - Returns: nil where the environment names no agent.
    /// - Throws: when it names one that credentials may not be taken from.
    init?(_ surroundings: Surroundings, exchange: HTTPExchange) throws(AWSError) {
        if let path = surroundings.variable("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI") {
            url = Self.agent + path
        } else if let whole = surroundings.variable("AWS_CONTAINER_CREDENTIALS_FULL_URI") {
            guard Self.mayBeAsked(whole) else {
                throw AWSError(
                    code: AWSError.Code.badSettings,
                    "'\(whole)' is neither https nor on loopback nor an agent of ECS or EKS",
                    place: "AWS_CONTAINER_CREDENTIALS_FULL_URI")
            }
            url = whole
        } else {
            return nil
        }
        if let file = surroundings.variable("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE") {
            guard let text = try? String(contentsOfFile: file, encoding: .utf8) else {
                throw AWSError(
                    code: AWSError.Code.badSettings, "\(file) can't be read",
                    place: "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE")
            }
            token = text.trimmingCharacters(in: .whitespacesAndNewlines)
        } else {
            token = surroundings.variable("AWS_CONTAINER_AUTHORIZATION_TOKEN")
        }
        self.exchange = exchange
    }

    private static func mayBeAsked(_ url: String) -> Bool {
        guard let components = URLComponents(string: url), let host = components.host else { return false }
        if components.scheme == "https" { return true }
        let trusted = ["localhost", "127.0.0.1", "[::1]", "::1", "169.254.170.2", "169.254.170.23"]
        return components.scheme == "http" && (trusted + ["[fd00:ec2::23]", "fd00:ec2::23"]).contains(host)
    }

    func credentials() async throws(AWSError) -> Credentials {
        let headers = token.map { [ServiceRequest.Pair("Authorization", $0)] } ?? []
        let answer: HTTPExchange.Answer
        do {
            answer = try await exchange.send("GET", url, headers: headers, within: .seconds(2), size: 64 << 10)
        } catch {
            throw AWSError(
                code: AWSError.Code.noAnswer, "the container's credentials: \(error.description)", place: url,
                fault: .network)
        }
        guard answer.status == 200 else {
            throw AWSError(
                code: AWSError.Code.noCredentials, "the container's credentials: the agent answers \(answer.status)",
                place: url, status: answer.status, fault: .service)
        }
        return try TemporaryCredentials.read(answer.body, origin: "the container's role")
    }
}
