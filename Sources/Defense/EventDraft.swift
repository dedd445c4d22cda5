public import CoreTypes

/// An event that has not been made yet: of a flood most are counted only, and making one takes dozens of pieces.
public struct EventDraft: Sendable {
    /// What an event says beside what every event about a request says.
    enum Evidence: Sendable {
        case details([SecurityEvent.Detail])
        /// The group of allowlist entries that was asked for.
        case group(Int)
        /// The limit that was passed.
        case rate(requests: Int, per: Duration)
        case reason(Refusal.Cause)
    }

    public let kind: SecurityEvent.Kind
    public var severity: SecurityEvent.Severity
    private let subject: String?
    /// Whether the subject is somebody. Nobody is carried along like anybody, so that it takes as long.
    private let isKnown: Bool
    /// As the guard has found it; nil before that.
    private let traceID: String?
    private let approach: Approach
    private let evidence: Evidence
    /// The layer that refuses, where it is a layer's refusal.
    var layer: Layer?
    /// Further details, behind the evidence.
    var more: [SecurityEvent.Detail] = []

    init(
        _ kind: SecurityEvent.Kind, _ severity: SecurityEvent.Severity, _ approach: Approach, expertID: String?,
        isKnown: Bool = true, traceID: String?, _ evidence: Evidence
    ) {
        self.kind = kind
        self.severity = severity
        self.approach = approach
        subject = expertID
        self.isKnown = isKnown
        self.traceID = traceID
        self.evidence = evidence
    }

    public var expertID: String? { isKnown ? subject : nil }
    public var sourceIP: IPAddress { approach.source.address }
    public var details: [SecurityEvent.Detail] { approach.details(refuser + evidence.details + more) }

    private var refuser: [SecurityEvent.Detail] { layer.map { [.init("layer", .string($0.rawValue))] } ?? [] }

    public func make() -> SecurityEvent {
        SecurityEvent(
            kind, severity, sourceIP: sourceIP, expertID: expertID, traceID: traceID ?? approach.claimedTraceID,
            details: details)
    }
}

extension EventDraft.Evidence {
    fileprivate var details: [SecurityEvent.Detail] {
        switch self {
        case .details(let details):
            details
        case .group(let group):
            [.init("group", .integer(group))]
        case .rate(let requests, let per):
            [.init("limit", .string("\(requests)/\(per)"))]
        case .reason(let cause):
            [.init("reason", .string(cause.rawValue))]
        }
    }
}

extension Approach {
    func draft(
        _ kind: SecurityEvent.Kind, _ severity: SecurityEvent.Severity, facts: PassageFacts? = nil,
        expertID: String? = nil, isKnown: Bool = true, _ evidence: EventDraft.Evidence
    ) -> EventDraft {
        EventDraft(
            kind, severity, self, expertID: expertID ?? facts?.expertID, isKnown: isKnown, traceID: facts?.traceID,
            evidence)
    }
}
