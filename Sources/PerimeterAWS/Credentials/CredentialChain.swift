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
        if let found = try await fromProfile(settings.profile, after: []) { return found }
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

    /// - Parameter earlier: the profiles whose roles are to be taken on with what is found here.
    private func fromProfile(_ profile: String, after earlier: [String]) async throws(AWSError) -> Credentials? {
        let origin = "profile \(profile) of \(settings.files)"
        if let role = settings.profiles.value("role_arn", of: profile), earlier.last != profile,
            settings.profiles.value("web_identity_token_file", of: profile) == nil
        {
            let source = try await source(of: profile, after: earlier)
            let assumed = AssumedRole(arn: role, profile: profile, settings: settings, exchange: exchange)
            return try await assumed.credentials(by: source)
        }
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
                advice: Self.exportAdvice(profile))
        }
        return nil
    }

    static func exportAdvice(_ profile: String) -> String {
        "run 'aws configure export-credentials --profile \(profile) --format env' and set what it prints"
    }

    /// Whose right it is to take on a profile's role: another profile, which may be itself, or a place by name.
    private func source(of profile: String, after earlier: [String]) async throws(AWSError) -> Credentials {
        let origin = "profile \(profile) of \(settings.files)"
        if let name = settings.profiles.value("source_profile", of: profile) {
            guard settings.profiles.contains(name) else {
                throw AWSError(
                    code: AWSError.Code.badSettings, "source_profile: there is no profile '\(name)'", place: origin,
                    advice: "name one of \(settings.profiles.names.joined(separator: ", "))")
            }
            guard !earlier.contains(name) else {
                throw AWSError(
                    code: AWSError.Code.badSettings, "source_profile leads in circles, back to '\(name)'",
                    place: origin,
                    advice: "let the last of them have keys")
            }
            if let found = try await fromProfile(name, after: earlier + [profile]) { return found }
            throw AWSError(
                code: AWSError.Code.noCredentials, "source_profile '\(name)' has no credentials", place: origin,
                advice: "give it keys")
        }
        switch settings.profiles.value("credential_source", of: profile) {
        case "Environment":
            if let found = try fromEnvironment() { return found }
        case "EcsContainer":
            if let container = try ContainerCredentials(surroundings, exchange: exchange) {
                return try await container.credentials()
            }
        case "Ec2InstanceMetadata":
            if let metadata = InstanceMetadata(surroundings, exchange: exchange) {
                return try await metadata.credentials()
            }
        default:
            throw AWSError(
                code: AWSError.Code.badSettings, "role_arn is there, neither source_profile nor credential_source is",
                place: origin, advice: "say whose credentials take on the role")
        }
        throw AWSError(
            code: AWSError.Code.noCredentials, "credential_source has no credentials", place: origin,
            advice: "set them there, or name a source_profile")
    }

    private static let unsupported = [
        ("credential_process", "running a program"), ("sso_session", "single sign-on"),
        ("sso_start_url", "single sign-on"), ("web_identity_token_file", "a web identity"),
        ("login_session", "a login of the console"),
    ]
}
