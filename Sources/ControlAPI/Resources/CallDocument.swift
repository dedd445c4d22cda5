/// A call as the control API tells of it. Texts of strangers are cut to 256 characters; times are RFC 3339 in UTC.
public struct CallDocument: Codable, Sendable, Equatable {
    public var id: String
    /// For `before` of a list: later calls have higher numbers.
    public var number: UInt64
    /// `trying`, `ringing`, `connected`, `ended`
    public var state: String
    public var callID: String
    public var traceID: String?
    public var expertID: String?
    public var hazard: String?
    public var from: String
    public var to: String
    public var sourceIP: String
    public var sourcePort: Int
    public var transport: String
    public var organization: String?
    public var tlsVersion: String?
    public var cipherSuite: String?
    public var authenticatedUser: String?
    public var profile: String
    public var route: String
    public var startedAt: String
    public var ringingAt: String?
    public var answeredAt: String?
    public var endedAt: String?
    /// From answer to end; while it lasts, up to now.
    public var durationMilliseconds: Int
    /// How it ended: the `result` of `CALL_ENDED`.
    public var result: String?
    /// The final response of a call that was not answered.
    public var status: Int?
    /// `caller`, `callee` or `operator`
    public var endedBy: String?

    enum CodingKeys: String, CodingKey {
        case id, number, state, hazard, from, to, transport, organization, profile, route, result, status
        case callID = "call_id"
        case traceID = "trace_id"
        case expertID = "expert_id"
        case sourceIP = "source_ip"
        case sourcePort = "source_port"
        case tlsVersion = "tls_version"
        case cipherSuite = "cipher_suite"
        case authenticatedUser = "authenticated_user"
        case startedAt = "started_at"
        case ringingAt = "ringing_at"
        case answeredAt = "answered_at"
        case endedAt = "ended_at"
        case durationMilliseconds = "duration_ms"
        case endedBy = "ended_by"
    }

    public init(
        id: String, number: UInt64, state: String, callID: String, from: String, to: String, sourceIP: String,
        sourcePort: Int, transport: String, profile: String, route: String, startedAt: String,
        durationMilliseconds: Int
    ) {
        self.id = id
        self.number = number
        self.state = state
        self.callID = callID
        self.from = from
        self.to = to
        self.sourceIP = sourceIP
        self.sourcePort = sourcePort
        self.transport = transport
        self.profile = profile
        self.route = route
        self.startedAt = startedAt
        self.durationMilliseconds = durationMilliseconds
    }
}

/// A page of calls, the newest first.
public struct CallPage: Codable, Sendable, Equatable {
    public var calls: [CallDocument]
    /// What to give as `before` for the next page; nil when there is none.
    public var next: UInt64?

    public init(calls: [CallDocument], next: UInt64?) {
        self.calls = calls
        self.next = next
    }
}

/// Which calls are asked for.
public struct CallQuery: Sendable, Equatable {
    /// Only those that have not ended.
    public var isActive: Bool
    /// Only those with a lower number.
    public var before: UInt64?
    /// 1...1000
    public var limit: Int

    public init(isActive: Bool = false, before: UInt64? = nil, limit: Int = 100) {
        self.isActive = isActive
        self.before = before
        self.limit = limit
    }
}

/// What the control API can ask of the edge about its calls.
public struct CallControl: Sendable {
    public enum End: Sendable {
        case ended(CallDocument)
        /// It was over before.
        case hadEnded(CallDocument)
        case unknown
    }

    public let list: @Sendable (CallQuery) async throws -> CallPage
    public let find: @Sendable (_ id: String) async throws -> CallDocument?
    /// - Parameter actor: who asks, for the record.
    public let end: @Sendable (_ id: String, _ actor: String) async throws -> End

    public init(
        list: @escaping @Sendable (CallQuery) async throws -> CallPage,
        find: @escaping @Sendable (String) async throws -> CallDocument?,
        end: @escaping @Sendable (String, String) async throws -> End
    ) {
        self.list = list
        self.find = find
        self.end = end
    }
}
