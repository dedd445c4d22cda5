/// Something that the witness has to know: what happened, to whom, and how grave it is.
///
/// The names of `Kind` and `Severity` are contracts with dashboards and SIEM rules.
public struct SecurityEvent: Sendable, Equatable {
    public enum Kind: String, Sendable, CaseIterable {
        case securityEvent = "SECURITY_EVENT"
        case authChallenge = "AUTH_CHALLENGE"
        case authSuccess = "AUTH_SUCCESS"
        case authFailed = "AUTH_FAILED"
        case policyApproved = "POLICY_APPROVED"
        case policyRejected = "POLICY_REJECTED"
        case securityRejected = "SECURITY_REJECTED"
        case tlsConnection = "TLS_CONNECTION"
        case ipNotAllowlisted = "IP_NOT_ALLOWLISTED"
        case rateLimitExceeded = "RATE_LIMIT_EXCEEDED"
        case externalCall = "EXTERNAL_CALL"
        case h323Bridge = "H323_BRIDGE"
        case callEnded = "CALL_ENDED"
        case malformedMessage = "MALFORMED_MESSAGE"
        case banAdded = "BAN_ADDED"
        case banLifted = "BAN_LIFTED"
        case adminChange = "ADMIN_CHANGE"
        case configReloaded = "CONFIG_RELOADED"
        case certificateExpiring = "CERTIFICATE_EXPIRING"
        case degraded = "DEGRADED"
        case recovered = "RECOVERED"
        case started = "STARTED"
        case stopped = "STOPPED"
        case checkpoint = "CHECKPOINT"
    }

    public enum Severity: String, Sendable, CaseIterable {
        case debug = "DEBUG"
        case info = "INFO"
        case notice = "NOTICE"
        case warning = "WARNING"
        case alert = "ALERT"
    }

    /// A value in `details`: what JSON can say without loss.
    public enum Value: Sendable, Equatable {
        case string(String)
        case integer(Int)
        case number(Double)
        case boolean(Bool)
        case strings([String])
    }

    /// One named detail; the order of details is kept in the log.
    public struct Detail: Sendable, Equatable {
        public var name: String
        public var value: Value

        public init(_ name: String, _ value: Value) {
            self.name = name
            self.value = value
        }
    }

    public var kind: Kind
    public var severity: Severity
    public var sourceIP: IPAddress?
    /// The address of record of the expert or authenticated user that it concerns.
    public var expertID: String?
    public var traceID: String?
    public var details: [Detail]

    public init(
        _ kind: Kind, _ severity: Severity, sourceIP: IPAddress? = nil, expertID: String? = nil,
        traceID: String? = nil, details: [Detail] = []
    ) {
        self.kind = kind
        self.severity = severity
        self.sourceIP = sourceIP
        self.expertID = expertID
        self.traceID = traceID
        self.details = details
    }
}

extension SecurityEvent.Value: ExpressibleByStringLiteral, ExpressibleByIntegerLiteral, ExpressibleByBooleanLiteral {
    public init(stringLiteral value: String) { self = .string(value) }
    public init(integerLiteral value: Int) { self = .integer(value) }
    public init(booleanLiteral value: Bool) { self = .boolean(value) }
}
