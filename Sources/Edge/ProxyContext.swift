import CoreTypes
import Defense
import SIPMessage
import SIPProxy
import SIPTransaction

/// One request on its way through: the server transaction, the branches it was sent on, and what came back.
final class ProxyContext {
    struct Target {
        /// Nil: the Request-URI stays.
        var requestURI: String?
        var hop: Hop
        /// Whose state its fate tells about.
        var member: PoolMember?
    }

    struct PoolMember {
        var pool: String
        var index: Int
    }

    /// What a request inside a dialog needs beyond its target.
    struct InDialog {
        var side: DialogSide
        var routesToDrop: Int
        var appendedRoute: String?
        var dropsLastRoute: Bool
    }

    let server: ServerTransaction
    var responses: ResponseContext
    /// Targets that have not been tried: those of one group at once, the groups one after the other.
    var groups: [[Target]]
    /// The latest client transaction of each branch.
    var branches: [Int: ClientTransaction] = [:]
    /// The final responses by branch; what was made here counts as one too.
    var finals: [Int: Final] = [:]
    var call: Call?
    /// Calls that this request inside a dialog passes on its way to `call`: earlier rounds of a spiral.
    var callsPassed: [Call] = []
    var inDialog: InDialog?
    var timerC: TimerHandle?
    let entrance: Entrance
    var facts: PassageFacts
    var isBridge = false
    var isExpert = false
    /// When the witness was asked to record the admission.
    var askedWitnessAt: UInt64 = 0
    var hasStarted = false
    var isFinished = false
    /// The edge has answered the caller itself while phones were ringing: who picks up late is hung up on.
    var isTornDown = false
    /// To values of those who were.
    var hungUp: Set<String> = []

    enum Final {
        case received(Message)
        /// Made here: nothing was received.
        case local(status: Int, reason: String, retryAfter: Int?)
    }

    var request: Message { server.request }

    /// The targets of a request that has had to wait for them.
    func aim(at groups: [[Target]]) {
        self.groups = groups
        responses = ResponseContext(isInvite: server.request.method == .invite, groups: groups.map(\.count))
    }

    /// Whether any target has refused the request itself, rather than being out of reach.
    var hasReceivedFinal: Bool {
        finals.values.contains { if case .received = $0 { true } else { false } }
    }

    init(
        server: ServerTransaction, groups: [[Target]], entrance: Entrance, facts: PassageFacts
    ) {
        self.server = server
        self.groups = groups
        self.entrance = entrance
        self.facts = facts
        responses = ResponseContext(isInvite: server.request.method == .invite, groups: groups.map(\.count))
    }
}
