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

    /// Targets that have not been tried: those of one group at once, the groups one after the other.
    enum Waiting {
        case one(Target)
        case groups([[Target]])
    }

    let request: Message
    let server: ServerTransaction
    var responses: ResponseContext
    private(set) var waiting: Waiting
    /// The latest client transaction of each branch.
    var branches = ByBranch<ClientTransaction>()
    /// The final responses by branch; what was made here counts as one too.
    private(set) var finals = ByBranch<Final>()
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

    /// The targets of a request that has had to wait for them.
    func aim(at waiting: Waiting) {
        self.waiting = waiting
        responses = Self.responses(request, waiting)
    }

    /// The targets of the next group.
    func takeNextGroup() -> Waiting? {
        switch waiting {
        case .one:
            defer { waiting = .groups([]) }
            return waiting
        case .groups(var groups):
            guard !groups.isEmpty else { return nil }
            let next = groups.removeFirst()
            waiting = .groups(groups)
            return .groups([next])
        }
    }

    /// The calls that a request inside a dialog belongs to: the rounds of a spiral, the last one last.
    func eachCall(_ body: (Call) -> Void) {
        for call in callsPassed { body(call) }
        if let call { body(call) }
    }

    func ended(_ branch: Int, _ final: Final) {
        // Behind the end nobody asks which response was the best.
        if !isFinished { finals[branch] = final }
    }

    /// To be called when the caller has got a final response: what was kept to find the best one is not needed any more,
    /// and nothing at all once each branch has its own final response. Only 2xx to an INVITE still come then, again or
    /// from phones behind the next hop (RFC 3261 section 13.2.2.4).
    func letGo() {
        finals = ByBranch()
        waiting = .groups([])
        guard !responses.isPending else { return }
        server.context = nil
        branches.each { client in
            client.context = nil
            if request.method == .invite {
                client.aftermath = .init(server: server, call: inDialog == nil ? call : nil)
            }
        }
        branches = ByBranch()
    }

    /// Whether any target has refused the request itself, rather than being out of reach.
    var hasReceivedFinal: Bool {
        finals.all.contains { if case .received = $0.value { true } else { false } }
    }

    init(
        _ request: Message, server: ServerTransaction, waiting: Waiting, entrance: Entrance, facts: PassageFacts
    ) {
        self.request = request
        self.server = server
        self.waiting = waiting
        self.entrance = entrance
        self.facts = facts
        responses = Self.responses(request, waiting)
    }

    private static func responses(_ request: Message, _ waiting: Waiting) -> ResponseContext {
        switch waiting {
        case .one: ResponseContext(isInvite: request.method == .invite)
        case .groups(let groups):
            ResponseContext(isInvite: request.method == .invite, groups: groups.map(\.count))
        }
    }
}

/// Something of each branch. Most requests have one branch, which takes no room of its own.
struct ByBranch<Value> {
    private var first: Value?
    private var others: [Int: Value] = [:]

    subscript(branch: Int) -> Value? {
        get { branch == 0 ? first : others[branch] }
        set {
            if branch == 0 { first = newValue } else { others[branch] = newValue }
        }
    }

    func each(_ body: (Value) -> Void) {
        if let first { body(first) }
        for value in others.values { body(value) }
    }

    /// In the order of the branches.
    var all: [(branch: Int, value: Value)] {
        (first.map { [(0, $0)] } ?? []) + others.sorted { $0.key < $1.key }.map { ($0.key, $0.value) }
    }
}
