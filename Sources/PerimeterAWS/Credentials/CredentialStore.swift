/// Keeps credentials and gets new ones before they end.
actor CredentialStore {
    private let now: @Sendable () -> Int64
    /// Nil: the kept ones are all there are.
    private let chain: CredentialChain?
    private var kept: Credentials?

    /// Before their end by so much, in milliseconds, new ones are looked for; the old ones do until then.
    private static let margin: Int64 = 5 * 60_000

    init(_ chain: CredentialChain) {
        self.chain = chain
        now = chain.settings.surroundings.now
    }

    /// For a single request by these.
    init(only credentials: Credentials, _ settings: AWSSettings) {
        chain = nil
        kept = credentials
        now = settings.surroundings.now
    }

    func current() async throws(AWSError) -> Credentials {
        guard let kept else { return try await renewed() }
        guard let end = kept.expiresAt, end - now() < Self.margin else { return kept }
        do {
            return try await renewed()
        } catch {
            guard end > now() else { throw error }
            return kept
        }
    }

    /// For when the service says that they have ended.
    /// - Returns: nil when there are no others.
    func replacement(of old: Credentials) async throws(AWSError) -> Credentials? {
        let found = try await renewed()
        return found.accessKeyID == old.accessKeyID && found.sessionToken == old.sessionToken ? nil : found
    }

    private func renewed() async throws(AWSError) -> Credentials {
        guard let chain else {
            guard let kept else {
                throw AWSError(code: AWSError.Code.noCredentials, "there are none to renew", place: "credentials")
            }
            return kept
        }
        let found = try await chain.find()
        kept = found
        return found
    }
}
