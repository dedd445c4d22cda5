/// The layers in the order in which a request meets them. Reading this is reading the security policy; `Passage` walks
/// it from top to bottom, and the first refusal ends the walk.
public enum Layer: String, Sendable, CaseIterable {
    case sourceRate = "source_rate"
    case allowlist
    case transportSecurity = "transport_security"
    case authentication
    case callRate = "call_rate"
    case policyGuard = "guard"
    /// Not a judgment on the request: what the others decided is on disk before the call goes on.
    case witness

    static let inOrder = Array(allCases)

    /// Its place in the order, from 0.
    public var index: Int {
        switch self {
        case .sourceRate: 0
        case .allowlist: 1
        case .transportSecurity: 2
        case .authentication: 3
        case .callRate: 4
        case .policyGuard: 5
        case .witness: 6
        }
    }

    /// The `layer` label of `security_rejections_total`.
    public var metricLabel: String {
        switch self {
        case .sourceRate, .callRate: "rate_limit"
        case .allowlist: "ip_allowlist"
        case .transportSecurity: "tls"
        case .authentication: "auth"
        case .policyGuard: "policy"
        case .witness: "witness"
        }
    }
}

/// What one layer says to a request.
public enum Verdict: Sendable {
    case pass
    /// The layer does not apply to this request or is switched off in this profile.
    case notApplicable
    case refuse(Refusal)

    var outcome: PassageReport.Step.Outcome {
        switch self {
        case .pass: .pass
        case .notApplicable: .notApplicable
        case .refuse: .refuse
        }
    }
}

/// A refusal with everything that follows from it: answer, event, metric.
public struct Refusal: Sendable {
    public enum Kind: Sendable, Hashable {
        /// The request is refused for good.
        case refused
        /// The request may come again with credentials; not a rejection in the metrics.
        case challenged
    }

    public var layer: Layer
    public var kind: Kind
    /// Nil: nothing is answered, the request is dropped in silence.
    public var answer: Answer?
    /// Nil where the event would repeat one just written.
    public var event: EventDraft?
    /// What the layer found, from a closed set; for metrics and logs, never for the peer.
    public var cause: Cause

    public struct Answer: Sendable, Equatable {
        public var status: Int
        public var reason: String
        public var fields: [(name: String, value: String)]

        public init(_ status: Int, _ reason: String, fields: [(name: String, value: String)] = []) {
            self.status = status
            self.reason = reason
            self.fields = fields
        }

        public static func == (first: Answer, second: Answer) -> Bool {
            first.status == second.status && first.reason == second.reason
                && first.fields.elementsEqual(second.fields, by: ==)
        }
    }

    public enum Cause: String, Sendable, CaseIterable {
        case rateExceeded = "rate_exceeded"
        case notAllowlisted = "not_allowlisted"
        case plainTransport = "plain_transport"
        case weakTransport = "weak_transport"
        case certificateMissing = "certificate_missing"
        case certificateMismatch = "certificate_mismatch"
        case certificateNotAccepted = "certificate_not_accepted"
        case noCredentials = "no_credentials"
        case staleNonce = "stale_nonce"
        case foreignNonce = "foreign_nonce"
        case replayedNonce = "replayed_nonce"
        case unusableCredentials = "unusable_credentials"
        case wrongCredentials = "wrong_credentials"
        case blocked
        case sourceBlocked = "source_blocked"
        case identityMismatch = "identity_mismatch"
        case registryUnavailable = "registry_unavailable"
        case missingHeader = "missing_header"
        case malformedHeader = "malformed_header"
        case unknownHazard = "unknown_hazard"
        case unknownExpert = "unknown_expert"
        case unverifiedExpert = "unverified_expert"
        case hazardNotCovered = "hazard_not_covered"
        case signatureMissing = "signature_missing"
        case signatureInvalid = "signature_invalid"
        case signatureReplayed = "signature_replayed"
        case tooManyCalls = "too_many_calls"
        case outsideHours = "outside_hours"
        case destinationNotAllowed = "destination_not_allowed"
        case policyDenied = "policy_denied"
        case policyUnavailable = "policy_unavailable"
    }

    public init(
        _ layer: Layer, _ cause: Cause, answer: Answer?, event: EventDraft?, kind: Kind = .refused
    ) {
        self.layer = layer
        self.cause = cause
        self.answer = answer
        self.event = event
        self.event?.layer = layer
        self.kind = kind
    }
}
