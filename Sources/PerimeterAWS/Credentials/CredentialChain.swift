/// Where credentials are looked for, and in which order: the environment, the shared files, the container's agent, the
/// instance's role. What is there but wrong is an error, and what stands behind it is not tried: another identity than
/// the operator means would be worse than none.
struct CredentialChain: Sendable {
    let settings: AWSSettings
    let exchange: HTTPExchange

    private var surroundings: Surroundings { settings.surroundings }

    func find() async throws(AWSError) -> Credentials {
        // As in AWS's own tools: a profile that is named for us beats the environment's keys, AWS_PROFILE does not.
        if settings.namedProfile == nil, let found = try fromEnvironment() { return found }
        if let found = try fromProfile() { return found }
        if let container = try ContainerCredentials(surroundings, exchange: exchange) {
            return try await container.credentials()
        }
        var tried = "AWS_ACCESS_KEY_ID is not set, profile \(settings.profile) has no keys in \(settings.files)"
        if let metadata = InstanceMetadata(surroundings, exchange: exchange) {
            do {
                return try await metadata.credentials()
            } catch {
                tried += ", \(error.message)"
            }
        }
        throw AWSError(
            code: AWSError.Code.noCredentials, "no credentials for AWS: \(tried)", place: "credentials",
            advice: "set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or AWS_PROFILE, or name a profile in the file")
    }

    private func fromEnvironment() throws(AWSError) -> Credentials? {
        guard let key = surroundings.variable("AWS_ACCESS_KEY_ID") else { return nil }
        guard let secret = surroundings.variable("AWS_SECRET_ACCESS_KEY") else {
            throw AWSError(
                code: AWSError.Code.badSettings, "AWS_ACCESS_KEY_ID is set, AWS_SECRET_ACCESS_KEY is not",
                place: "the environment", advice: "set both or none")
        }
        return Credentials(
            accessKeyID: key, secretAccessKey: secret, sessionToken: surroundings.variable("AWS_SESSION_TOKEN"),
            origin: "the environment")
    }

    private func fromProfile() throws(AWSError) -> Credentials? {
        let profile = settings.profile
        let origin = "profile \(profile) of \(settings.files)"
        if let key = settings.profiles.value("aws_access_key_id", of: profile) {
            guard let secret = settings.profiles.value("aws_secret_access_key", of: profile) else {
                throw AWSError(
                    code: AWSError.Code.badSettings, "aws_access_key_id is there, aws_secret_access_key is not",
                    place: origin, advice: "give both")
            }
            return Credentials(
                accessKeyID: key, secretAccessKey: secret,
                sessionToken: settings.profiles.value("aws_session_token", of: profile), origin: origin)
        }
        for (name, way) in Self.unsupported where settings.profiles.value(name, of: profile) != nil {
            throw AWSError(
                code: AWSError.Code.badSettings, "\(name): Sallyport doesn't get credentials by \(way)", place: origin,
                advice:
                    "run 'aws configure export-credentials --profile \(profile) --format env' and set what it prints")
        }
        return nil
    }

    private static let unsupported = [
        ("role_arn", "taking on another role"), ("source_profile", "taking on another role"),
        ("credential_process", "running a program"), ("sso_session", "single sign-on"),
        ("sso_start_url", "single sign-on"), ("web_identity_token_file", "a web identity"),
        ("login_session", "a login of the console"),
    ]
}
