import CoreTypes
public import SIPMessage

/// Asking the layers what they would say.
extension Passage {
    /// A copy that remembers what this one does, and that this one never hears of.
    public func rehearsal() -> Passage { Passage(self, ledger: ledger.copy()) }

    /// Whether there is such a subscriber of the realm that this profile authenticates; nil where it does not.
    /// - Parameter user: the user part.
    public func knows(user: String) -> Bool? {
        guard let realm = policy.authentication?.realm else { return nil }
        return directory.subscribers?.candidate(username: user, realm: realm).isKnown
    }

    /// The field with which a subscriber who knows the password would answer a challenge; for one that is not there, the
    /// field that somebody with a wrong password would send.
    /// - Parameters:
    ///   - refusal: as layer 4 has made it; nil is returned for any other.
    ///   - uri: the Request-URI.
    public func credentials(
        of user: String, answering refusal: Refusal, method: Method, uri: String
    ) -> (name: String, value: String)? {
        guard refusal.kind == .challenged else { return nil }
        for field in refusal.answer?.fields ?? [] {
            guard let challenge = DigestChallenge(field.value) else { continue }
            let candidate = directory.subscribers?.candidate(username: user, realm: challenge.realm)
            let ha1 = candidate?.isKnown == true ? candidate?.subscriber.ha1[challenge.algorithm] : nil
            let response = DigestComputation.response(
                challenge.algorithm, ha1: ha1 ?? "", method: method.name, uri: uri, nonce: challenge.nonce,
                nonceCount: "00000001", cnonce: "rehearsal", qop: "auth")
            let isProxy = field.name.lowercased() == "proxy-authenticate"
            return (
                isProxy ? "Proxy-Authorization" : "Authorization",
                """
                Digest username="\(user)", realm="\(challenge.realm)", nonce="\(challenge.nonce)", uri="\(uri)", \
                response="\(response)", algorithm=\(challenge.algorithm.rawValue), cnonce="rehearsal", qop=auth, \
                nc=00000001
                """
            )
        }
        return nil
    }
}
