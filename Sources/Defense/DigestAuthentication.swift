public import CoreTypes
public import SIPMessage

/// Layer 4: who is calling, proven by a digest (RFC 3261 section 22, RFC 7616, RFC 8760).
///
/// - Unknown, disabled and mistaken users take the same path: the same hash over a made-up HA1, the same answer.
/// - A wrong response counts only when its nonce was made for this source address, which proves the address; it counts
///   against the user *from that address*, so that nobody can lock another out.
/// - `stale=true` is said of a nonce's age alone, whatever the response was: else it would tell a guesser that the
///   password was right.
public struct DigestAuthentication: Sendable {
    public struct Policy: Sendable, Hashable {
        public var realm: String
        /// In the order offered.
        public var algorithms: [DigestAlgorithm]
        public var nonceLifetime: Duration
        /// Wrong responses within `failureWindow` that block a user from a source for `blockFor`.
        public var failures: Int
        public var failureWindow: Duration
        public var blockFor: Duration
        /// Users with failures from one source within `failureWindow` that block the source for `blockFor`, for all but
        /// those who have authenticated from there before; 0: never.
        public var failingUsers: Int

        public init(
            realm: String, algorithms: [DigestAlgorithm] = [.sha256, .sha512_256, .md5],
            nonceLifetime: Duration = .seconds(300), failures: Int = 5, failureWindow: Duration = .seconds(300),
            blockFor: Duration = .seconds(300), failingUsers: Int = 10
        ) {
            self.realm = realm
            self.algorithms = algorithms
            self.nonceLifetime = nonceLifetime
            self.failures = failures
            self.failureWindow = failureWindow
            self.blockFor = blockFor
            self.failingUsers = failingUsers
        }
    }

    private let policy: Policy
    private var secret: NodeSecret
    private var mint: NonceMint
    private var counts: NonceCounts
    private var failures: FailureLedger
    private var sprays: SprayLedger
    private var serial: UInt32
    /// What every subscriber of the realm can answer.
    private var offered: [DigestAlgorithm] = []

    /// - Parameters:
    ///   - serial: any number; differs between starts so that two nonces of one millisecond differ.
    ///   - capacity: nonces in use and (user, source) pairs with failures that are remembered.
    public init(_ policy: Policy, secret: NodeSecret, serial: UInt32, capacity: Int = 65_536) {
        self.policy = policy
        self.secret = secret
        self.serial = serial
        mint = NonceMint(
            secret: secret, realm: policy.realm, lifetime: policy.nonceLifetime.nanoseconds / 1_000_000)
        counts = NonceCounts(capacity: capacity)
        failures = FailureLedger(
            limit: policy.failures, window: policy.failureWindow, blockFor: policy.blockFor, capacity: capacity)
        sprays = SprayLedger(
            limit: policy.failingUsers, window: policy.failureWindow, blockFor: policy.blockFor, capacity: capacity)
    }

    /// From now on nonces are made with this.
    mutating func replace(secret: NodeSecret) {
        self.secret = secret
        mint.secret = secret
    }

    /// To be called with each new view of the registry.
    mutating func offer(to subscribers: SubscriberDirectory?) {
        offered = subscribers?.offered(policy.algorithms, realm: policy.realm) ?? policy.algorithms
    }

    mutating func examine(
        _ approach: Approach, subscribers: SubscriberDirectory?, _ facts: inout PassageFacts, now: Moment
    ) -> Verdict {
        guard let subscribers else {
            return .refuse(
                Refusal(
                    .authentication, .registryUnavailable,
                    answer: .init(503, "Service Unavailable", fields: [("Retry-After", "5")]),
                    event: approach.draft(.securityRejected, .alert, .reason(.registryUnavailable))))
        }
        switch credentials(approach) {
        case .none:
            return challenge(approach, .noCredentials, now: now)
        case .unusable:
            return challenge(approach, .unusableCredentials, now: now)
        case .found(let credentials):
            return judge(credentials, approach, subscribers, &facts, now: now)
        }
    }

    // MARK: Credentials

    private enum Found {
        case none
        case unusable
        case found(DigestCredentials)
    }

    /// The first credentials for this realm, from either field: phones answer a 401 and a 407 in different ones.
    private func credentials(_ approach: Approach) -> Found {
        var result = Found.none
        guard approach.message.has(.authorization) || approach.message.has(.proxyAuthorization) else { return result }
        for field in approach.message.fields where field.name == .authorization || field.name == .proxyAuthorization {
            guard let parsed = DigestCredentials(approach.message, field) else {
                result = .unusable
                continue
            }
            if parsed.realm == policy.realm { return .found(parsed) }
        }
        return result
    }

    private mutating func judge(
        _ credentials: DigestCredentials, _ approach: Approach, _ subscribers: SubscriberDirectory,
        _ facts: inout PassageFacts, now: Moment
    ) -> Verdict {
        let source = approach.source.address
        guard let algorithm = DigestAlgorithm(token: credentials.algorithm ?? "MD5"), offered.contains(algorithm),
            let qop = credentials.qop?.lowercased(), qop == "auth" || qop == "auth-int",
            let cnonce = credentials.cnonce, let nonceCount = credentials.nonceCount,
            let count = UInt32(nonceCount, radix: 16), names(credentials.uri, approach)
        else {
            return challenge(approach, .unusableCredentials, now: now)
        }
        let issued: Int64
        let nonceSerial: UInt32
        switch mint.judge(credentials.nonce, from: source, now: now) {
        case .foreign:
            return challenge(approach, .foreignNonce, now: now)
        case .expired:
            return challenge(approach, .staleNonce, now: now)
        case .fresh(let time, let number):
            issued = time
            nonceSerial = number
        }
        let username = credentials.username
        let candidate = subscribers.candidate(username: username, realm: policy.realm)
        let suspect = FailureLedger.Suspect(user: username, source: source.rateKey)
        if let seconds = failures.blockedSeconds(suspect, now: now) {
            return refuseBlocked(approach, username, candidate, .blocked, retryAfter: seconds)
        }
        if let seconds = sprays.blockedSeconds(suspect, now: now) {
            return refuseBlocked(approach, username, candidate, .sourceBlocked, retryAfter: seconds)
        }
        let subscriber = candidate.subscriber
        let expected = DigestComputation.response(
            algorithm, ha1: ha1(of: candidate, username, algorithm), method: approach.message.method.name,
            uri: credentials.uri, nonce: credentials.nonce, nonceCount: nonceCount, cnonce: cnonce,
            qop: credentials.qop ?? qop, body: approach.message.bytes[approach.message.body])
        let isRight = constantTimeEqual(Array(expected.utf8), Array(credentials.response.lowercased().utf8))
        guard isRight, candidate.isKnown, subscriber.isEnabled else {
            return fail(approach, suspect, candidate, now: now)
        }
        // Only now, so that a stranger who overheard a nonce can't use up its counts.
        switch counts.use(issued: issued, serial: nonceSerial, count: count) {
        case .accepted: break
        case .forgotten: return challenge(approach, .staleNonce, now: now)
        case .replayed:
            let event = failureEvent(approach, candidate, .replayedNonce)
            return challenge(approach, .replayedNonce, event: event, now: now)
        }
        failures.forgive(suspect)
        sprays.succeeded(suspect, now: now)
        facts.authenticatedUser = subscriber.addressOfRecord
        facts.digestAlgorithm = algorithm
        return checkIdentity(approach, subscriber, facts: &facts)
    }

    /// A user who does not exist or is disabled has an HA1 that nobody can know; finding it takes the same work.
    private func ha1(
        of candidate: SubscriberDirectory.Candidate, _ username: String, _ algorithm: DigestAlgorithm
    ) -> String {
        let madeUp = madeUpHA1(username)
        let found = candidate.subscriber.ha1[algorithm]
        guard candidate.isKnown, candidate.subscriber.isEnabled, let found else { return madeUp }
        return found
    }

    private func madeUpHA1(_ username: String) -> String {
        var text: [UInt8] = []
        text.reserveCapacity(64)
        for purpose: StaticString in ["nobody", "nobody else"] {
            var state = secret.begin(purpose)
            state.absorb(username)
            let value = state.finish()
            Hexadecimal.append(value.first, to: &text)
            Hexadecimal.append(value.second, to: &text)
        }
        return String(decoding: text, as: UTF8.self)
    }

    /// The digest must have been made for this request: its `uri` names the same place as the Request-URI
    /// (RFC 7616 section 3.4.6). Parameters are left out, since elements on the way may add some.
    private func names(_ text: String, _ approach: Approach) -> Bool {
        guard let shape = approach.message.requestURIShape else { return false }
        if approach.message.equals(shape.range, text) { return true }
        let target = approach.message.uri(shape)
        guard let uri = URI(text) else { return false }
        return uri.scheme == target.scheme && uri.host == target.host && uri.port == target.port
            && uri.unescapedUser == target.unescapedUser
    }

    /// RFC 3261 section 22 says who you are; PRODUCT 1.2 says From must agree.
    private func checkIdentity(
        _ approach: Approach, _ subscriber: Subscriber, facts: inout PassageFacts
    ) -> Verdict {
        let message = approach.message
        var claims = 0
        func isTheirs(_ uri: URIShape) -> Bool {
            guard uri.isSIP else { return true }
            claims += 1
            return Self.names(subscriber, uri, message)
        }
        var areTheirs = isTheirs(message.fromURI)
        let isWell = message.eachAddress(.pPreferredIdentity) { identity in
            areTheirs = areTheirs && isTheirs(identity.uri)
            return areTheirs
        }
        guard isWell, areTheirs, claims > 0 else { return refuseIdentity(approach, subscriber) }
        facts.events.append(
            approach.event(
                .authSuccess, .info, facts: facts,
                [
                    .init("authenticated", true), .init("user", .string(subscriber.addressOfRecord)),
                    .init("algorithm", .string(facts.digestAlgorithm?.rawValue ?? "")),
                ]))
        return .pass
    }

    private static func names(_ subscriber: Subscriber, _ uri: URIShape, _ message: Message) -> Bool {
        guard let user = uri.user, message.hostName(of: uri) == subscriber.domain else { return false }
        let isAsWritten =
            message.equals(user, subscriber.username) && !subscriber.username.utf8.contains(UInt8(ascii: "%"))
        return isAsWritten || message.uri(uri).unescapedUser == subscriber.username
    }

    // MARK: Refusals

    private func refuseIdentity(_ approach: Approach, _ subscriber: Subscriber) -> Verdict {
        .refuse(
            Refusal(
                .authentication, .identityMismatch, answer: .init(403, "Forbidden"),
                event: failureEvent(approach, .init(subscriber: subscriber, isKnown: true), .identityMismatch)))
    }

    private func refuseBlocked(
        _ approach: Approach, _ username: String, _ candidate: SubscriberDirectory.Candidate, _ cause: Refusal.Cause,
        retryAfter: Int
    ) -> Verdict {
        .refuse(
            Refusal(
                .authentication, cause,
                answer: .init(403, "Forbidden", fields: [("Retry-After", String(retryAfter))]),
                event: failureEvent(approach, candidate, cause, user: username)))
    }

    private mutating func fail(
        _ approach: Approach, _ suspect: FailureLedger.Suspect, _ candidate: SubscriberDirectory.Candidate, now: Moment
    ) -> Verdict {
        failures.record(suspect, now: now)
        var event = failureEvent(approach, candidate, .wrongCredentials, user: suspect.user)
        if let users = sprays.failed(suspect, now: now) {
            event.severity = .alert
            event.more.append(.init("users_failed", .integer(users)))
        }
        return challenge(approach, .wrongCredentials, event: event, now: now)
    }

    private func failureEvent(
        _ approach: Approach, _ candidate: SubscriberDirectory.Candidate, _ cause: Refusal.Cause, user: String? = nil
    ) -> EventDraft {
        var more: [SecurityEvent.Detail] = [
            .init("authenticated", false), .init("reason", .string(cause.rawValue)),
        ]
        if let user { more.append(.init("user", .string(user.bounded))) }
        return approach.draft(
            .authFailed, .warning, expertID: candidate.subscriber.addressOfRecord, isKnown: candidate.isKnown,
            .details(more))
    }

    /// One challenge for each algorithm, strongest first (RFC 8760 section 2.3).
    private mutating func challenge(
        _ approach: Approach, _ cause: Refusal.Cause, event: EventDraft? = nil,
        now: Moment
    ) -> Verdict {
        serial &+= 1
        let nonce = mint.mint(for: approach.source.address, serial: serial, now: now)
        let field: HeaderName = approach.isOwnDomain ? .wwwAuthenticate : .proxyAuthenticate
        let fields = offered.map { algorithm in
            let challenge = DigestChallenge(
                realm: policy.realm, nonce: nonce, algorithm: algorithm, stale: cause == .staleNonce)
            return (field.canonical, challenge.fieldValue)
        }
        let answer: Refusal.Answer =
            approach.isOwnDomain
            ? .init(401, "Unauthorized", fields: fields)
            : .init(407, "Proxy Authentication Required", fields: fields)
        let isFailure = cause == .wrongCredentials || cause == .replayedNonce
        return .refuse(
            Refusal(
                .authentication, cause, answer: answer,
                event: event
                    ?? approach.draft(.authChallenge, .info, .reason(cause)),
                kind: isFailure ? .refused : .challenged))
    }
}
