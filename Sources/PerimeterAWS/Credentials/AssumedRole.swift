internal import CoreTypes

/// A role that a profile takes on with another's credentials, by STS.
struct AssumedRole {
    let arn: String
    let profile: String
    let settings: AWSSettings
    let exchange: HTTPExchange

    private var place: String { "profile \(profile) of \(settings.files)" }

    private func value(_ name: String) -> String? { settings.profiles.value(name, of: profile) }

    private struct Answer: Decodable {
        struct Result: Decodable {
            let credentials: Given
            enum CodingKeys: String, CodingKey { case credentials = "Credentials" }
        }
        struct Given: Decodable {
            let accessKeyID: String
            let secretAccessKey: String
            let sessionToken: String
            let expiration: String

            enum CodingKeys: String, CodingKey {
                case accessKeyID = "AccessKeyId"
                case secretAccessKey = "SecretAccessKey"
                case sessionToken = "SessionToken"
                case expiration = "Expiration"
            }
        }
        let result: Result
        enum CodingKeys: String, CodingKey { case result = "AssumeRoleResult" }
    }

    /// - Parameter source: whose right it is to take on the role.
    func credentials(by source: Credentials) async throws(AWSError) -> Credentials {
        if value("mfa_serial") != nil {
            throw AWSError(
                code: AWSError.Code.badSettings, "mfa_serial: Sallyport asks for no codes", place: place,
                advice: CredentialChain.exportAdvice(profile))
        }
        let client = AWSClient(settings, exchange: exchange, store: CredentialStore(only: source, settings))
        let answer = try await client.query(.sts, "AssumeRole", as: Answer.self) {
            $0.set("RoleArn", arn)
            $0.set(
                "RoleSessionName", value("role_session_name") ?? "sallyport-\(settings.surroundings.now() / 1000)")
            $0.set("ExternalId", value("external_id"))
            $0.set("DurationSeconds", value("duration_seconds"))
        }
        let given = answer.result.credentials
        guard let expiresAt = CivilTime.parse(rfc3339: given.expiration) else {
            throw AWSError(
                code: AWSError.Code.badAnswer,
                "the credentials expire at '\(given.expiration.prefix(40))', which is no date",
                place: "sts AssumeRole", fault: .service)
        }
        return Credentials(
            accessKeyID: given.accessKeyID, secretAccessKey: given.secretAccessKey, sessionToken: given.sessionToken,
            expiresAt: expiresAt, origin: "role \(arn) of profile \(profile)")
    }
}
