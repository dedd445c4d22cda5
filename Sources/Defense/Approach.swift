public import CoreTypes
public import SIPMessage

/// What is known of the TLS connection that a request came over.
public struct TransportFacts: Sendable, Equatable {
    /// `TLSv1.2` or `TLSv1.3`
    public var version: String
    /// The IANA name, such as `TLS_AES_256_GCM_SHA384`.
    public var cipherSuite: String
    public var peer: Peer?

    /// What a client certificate said, after its chain was verified.
    public struct Peer: Sendable, Equatable {
        public var subject: String
        public var issuer: String
        /// Domains that the certificate speaks for (RFC 5922 section 7.1), in lower case.
        public var identities: [String]

        public init(subject: String, issuer: String, identities: [String]) {
            self.subject = subject
            self.issuer = issuer
            self.identities = identities
        }
    }

    public init(version: String, cipherSuite: String, peer: Peer? = nil) {
        self.version = version
        self.cipherSuite = cipherSuite
        self.peer = peer
    }
}

/// A new out-of-dialog request as the layers see it: the message, and what its transport says about it.
public struct Approach: Sendable {
    public let message: Message
    public let source: Endpoint
    public let transport: TransportKind
    public let security: TransportFacts?
    /// Whether the Request-URI names one of the edge's own domains: decides between 401 and 407.
    public let isOwnDomain: Bool
    /// The trace that the request says it belongs to, before the guard has judged it: so that a call's whole story can
    /// be found under it, its refusals too.
    var claimedTraceID: String? { traceHeader.flatMap { Guard.traceID(of: message, $0) } }
    /// The field that traces are in; nil where no guard looks for one.
    var traceHeader: CaselessName?

    public init(
        message: Message, source: Endpoint, transport: TransportKind, security: TransportFacts?, isOwnDomain: Bool
    ) {
        self.message = message
        self.source = source
        self.transport = transport
        self.security = security
        self.isOwnDomain = isOwnDomain
    }

    /// RFC 3261 section 13: a new INVITE is a call.
    public var isCall: Bool { message.method == .invite }
}

/// What the layers found out on the way; each adds its part, later ones and the edge read it.
public struct PassageFacts: Sendable {
    public struct Organization: Sendable, Hashable {
        public var tag: String
        public var group: Int
    }

    public struct Expert: Sendable, Hashable {
        public var id: String
        public var name: String
        public var organization: String
        /// Whether the Request-URI named the expert; false when the expert is the caller.
        public var isCallee: Bool
    }

    public var organization: Organization?
    /// `user@realm`, proven by a digest.
    public var authenticatedUser: String?
    public var digestAlgorithm: DigestAlgorithm?
    public var traceID: String?
    public var hazard: String?
    public var expert: Expert?
    public var signingKey: String?
    /// Whom the request is for, where that is not what its Request-URI says: the expert chosen for a hazard.
    public var destination: URI?
    /// What a policy service said: `allow`, or `unavailable` where the request went on all the same; nil: it was not asked.
    public var policyService: String?
    /// `5/10`: calls in the window against the limit.
    public var rateStatus: String?
    /// Events that a passed layer wants written, such as AUTH_SUCCESS.
    public var events: [SecurityEvent] = []

    public init() {}

    /// Who the call is counted against and shown under.
    public var expertID: String? { authenticatedUser ?? expert?.id }
}

extension Approach {
    /// The details that every event about this request carries. Text from the peer is cut to a bounded length.
    func details(_ more: [SecurityEvent.Detail] = []) -> [SecurityEvent.Detail] {
        var details: [SecurityEvent.Detail] = [
            .init("method", .string(message.method.name.bounded)),
            .init("request_uri", .string(message.requestURIText.bounded)),
            .init("from", .string(message.text(message.fromURI.range).bounded)),
            .init("to", .string(message.text(message.toURI.range).bounded)),
            .init("call_id", .string(message.callID.bounded)),
            .init("source_port", .integer(Int(source.port))),
            .init("transport", .string(transport.rawValue)),
        ]
        if let security {
            details.append(.init("tls_version", .string(security.version)))
            details.append(.init("cipher_suite", .string(security.cipherSuite)))
        }
        return details + more
    }

    func event(
        _ kind: SecurityEvent.Kind, _ severity: SecurityEvent.Severity, facts: PassageFacts? = nil,
        expertID: String? = nil, _ more: [SecurityEvent.Detail] = []
    ) -> SecurityEvent {
        SecurityEvent(
            kind, severity, sourceIP: source.address, expertID: expertID ?? facts?.expertID,
            traceID: facts?.traceID ?? claimedTraceID, details: details(more))
    }
}

extension String {
    /// At most 256 characters of what a stranger wrote.
    var bounded: String { utf8.count <= 256 ? self : String(prefix(256)) + "…" }
}
