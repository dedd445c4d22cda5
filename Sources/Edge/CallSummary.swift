public import CoreTypes
import Defense
import Transport
import TransportSecurity

/// How a call ended; the `result` of `CALL_ENDED` and of `sip_calls_total`.
public enum CallResult: String, Sendable, CaseIterable {
    /// It was answered, and somebody hung up.
    case answered
    /// It was not answered.
    case refused
    /// It reached the longest duration of its profile.
    case maximumDuration = "max_duration"
    /// One of its sides was no longer there.
    case vanished
    case edgeStopped = "edge_stopped"
}

/// What the edge knows of a call, as a value. What strangers wrote is cut to 256 characters.
public struct CallSummary: Sendable, Equatable {
    public var id: String
    /// Later calls have higher numbers.
    public var number: UInt64
    /// `trying`, `ringing`, `connected`, `ended`
    public var state: String
    public var callID: String
    public var traceID: String?
    /// Who the call is counted against.
    public var expertID: String?
    public var hazard: String?
    /// The parties as the INVITE names them.
    public var from: String
    public var to: String
    public var source: Endpoint
    public var transport: TransportKind
    /// The allowlist's tag for the source.
    public var organization: String?
    public var tlsVersion: String?
    public var cipherSuite: String?
    public var authenticatedUser: String?
    public var profile: String
    public var route: String
    /// Milliseconds since 1970, like all times here.
    public var startedAt: Int64
    public var ringingAt: Int64?
    public var answeredAt: Int64?
    public var endedAt: Int64?
    /// From answer to end, by a clock that never steps; nil while it lasts, 0 when it was not answered.
    public var milliseconds: Int?
    public var result: CallResult?
    /// The final response of a call that was not answered.
    public var status: Int?
    /// `caller`, `callee` or `operator`
    public var endedBy: String?
}

/// What became of the wish to end a call.
public enum CallEndOutcome: Sendable {
    case ended(CallSummary)
    /// It was over before; only the latest 1,000 are known.
    case hadEnded(CallSummary)
    case unknown
}

extension Call {
    var summary: CallSummary {
        CallSummary(
            id: id, number: number, state: state.rawValue, callID: callID.cut(to: 256),
            traceID: facts.traceID, expertID: expertID, hazard: facts.hazard, from: from.cut(to: 256),
            to: to.cut(to: 256), source: callerFlow.remote, transport: callerFlow.transport,
            organization: facts.organization?.tag, tlsVersion: callerFlow.security?.version,
            cipherSuite: callerFlow.security?.cipherSuite, authenticatedUser: facts.authenticatedUser,
            profile: entrance.name, route: route, startedAt: startedAt.wall, ringingAt: ringingAt?.wall,
            answeredAt: answeredAt?.wall, endedAt: ending?.at.wall, milliseconds: ending.map(talked),
            result: ending?.result, status: ending?.status, endedBy: ending?.by?.rawValue)
    }

    private func talked(until ending: Ending) -> Int {
        guard let answeredAt else { return 0 }
        return Int((ending.at.monotonic - min(answeredAt.monotonic, ending.at.monotonic)) / 1_000_000)
    }
}
