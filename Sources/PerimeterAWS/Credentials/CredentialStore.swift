/// Keeps credentials and gets new ones before they end.
actor CredentialStore {
    private let chain: CredentialChain
    private var kept: Credentials?

    /// Before their end by so much new ones are looked for; the old ones do until then.
    private static let margin: Int64 = 5 * 60_000

    init(_ chain: CredentialChain) { self.chain = chain }

    func current() async throws(AWSError) -> Credentials {
        let now = chain.settings.surroundings.now()
        guard let kept else { return try await renewed() }
        guard let end = kept.expiresAt, end - now < Self.margin else { return kept }
        do {
            return try await renewed()
        } catch {
            guard end > now else { throw error }
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
        let found = try await chain.find()
        kept = found
        return found
    }
}
