import CoreTypes
import SIPMessage
import SIPTransaction
import Transport

/// What the shard's timers are about.
enum Timer {
    case serverRetransmission(ServerTransaction)
    case serverDeadline(ServerTransaction)
    case clientRetransmission(ClientTransaction)
    case clientDeadline(ClientTransaction)
    case timerC(ProxyContext)
    case probe(ProxyContext.PoolMember)
    case probeDeadline(Probe)
    case callLimit(Call)
    case callLiveness(Call)
    case policyDeadline(UInt64)
    case housekeeping
    case load
}

typealias TimerHandle = TimerWheel<Timer>.Handle

/// A server transaction with what the edge keeps beside its machine.
final class ServerTransaction {
    enum Machine {
        case invite(ServerInviteTransaction)
        case nonInvite(ServerNonInviteTransaction)
    }

    let key: ServerTransactionKey
    let method: SIPMessage.Method
    let flow: Flow
    /// Where datagrams with its responses go (RFC 3261 section 18.2.2, RFC 3581 section 4).
    let replyPort: UInt16
    /// The sent-by of the topmost Via: where responses go when the connection is gone. Nil for datagrams.
    let sentBy: (host: Host, port: UInt16?)?
    let receivedAt: Moment
    var machine: Machine
    /// The latest response, for retransmissions.
    var response: [UInt8] = []
    var retransmission: TimerHandle?
    var deadline: TimerHandle?
    /// Nil once nothing more can come of it.
    var context: ProxyContext?
    var hasEnded = false

    init(key: ServerTransactionKey, request: Message, flow: Flow, at now: Moment, timers: TransactionTimers) {
        self.key = key
        method = request.method
        self.flow = flow
        receivedAt = now
        replyPort = flow.replyPort(request.topViaShape)
        let isReliable = flow.transport.isReliable
        sentBy = isReliable ? (request.topVia.host, request.topVia.port) : nil
        machine =
            request.method == .invite
            ? .invite(ServerInviteTransaction(timers: timers, isReliable: isReliable))
            : .nonInvite(ServerNonInviteTransaction(timers: timers, isReliable: isReliable))
    }

    func respond(status: Int) -> TransactionStep {
        advance({ $0.respond(status: status) }, { $0.respond(status: status) })
    }

    func receivedRetransmission() -> TransactionStep {
        advance({ $0.receivedRetransmission() }, { $0.receivedRetransmission() })
    }

    func receivedAck() -> TransactionStep {
        advance({ $0.receivedAck() }, { _ in .nothing })
    }

    func retransmissionFired() -> TransactionStep {
        advance({ $0.retransmissionFired() }, { _ in .nothing })
    }

    func deadlineFired() -> TransactionStep {
        advance({ $0.deadlineFired() }, { $0.deadlineFired() })
    }

    private func advance(
        _ invite: (inout ServerInviteTransaction) -> TransactionStep,
        _ nonInvite: (inout ServerNonInviteTransaction) -> TransactionStep
    ) -> TransactionStep {
        switch machine {
        case .invite(var state):
            defer { machine = .invite(state) }
            return invite(&state)
        case .nonInvite(var state):
            defer { machine = .nonInvite(state) }
            return nonInvite(&state)
        }
    }
}

extension Flow {
    /// The port that a response goes to as a datagram: where the request came from if it asked for that, else where its
    /// Via says.
    func replyPort(_ via: ViaShape) -> UInt16 {
        via.rport != nil ? remote.port : via.port ?? transport.defaultPort
    }
}

/// A client transaction with what the edge keeps beside its machine.
final class ClientTransaction {
    enum Machine {
        case invite(ClientInviteTransaction)
        case nonInvite(ClientNonInviteTransaction)
    }

    let id: UInt64
    let key: ClientTransactionKey
    /// The request as sent, for retransmission, ACK and CANCEL; empty once it can need none of them.
    private(set) var octets: [UInt8]
    let hop: Hop
    var machine: Machine
    /// Nil for what the edge asks itself, and once nothing can come of it any more: each holds the other.
    var context: ProxyContext?
    let branch: Int
    /// Where a forwarded request was to go, with its name unresolved, and further servers of that target.
    var target: ProxyContext.Target?
    var alternates: [Hop] = []
    /// Left by TCP although the hop is a UDP one, since it is large (RFC 3261 section 18.1.1).
    var isLargeOverTCP = false
    /// Where 2xx to an INVITE go once its context is gone.
    struct Aftermath {
        weak var server: ServerTransaction?
        /// Nil for an INVITE inside a dialog.
        weak var call: Call?
    }

    var aftermath: Aftermath?
    /// The probe that this OPTIONS is part of.
    var probe: Probe?
    /// Told once how a request of the edge's own in a dialog ended: with the final status, or nil without one.
    var concluded: ((Int?) -> Void)?
    var retransmission: TimerHandle?
    var deadline: TimerHandle?
    var hasProvisional = false
    var cancelWanted = false
    var cancelSent = false
    var hasEnded = false

    init(
        id: UInt64, key: ClientTransactionKey, octets: [UInt8], hop: Hop, context: ProxyContext?, branch: Int,
        timers: TransactionTimers
    ) {
        self.id = id
        self.key = key
        self.octets = octets
        self.hop = hop
        self.context = context
        self.branch = branch
        let isReliable = hop.transport.isReliable
        machine =
            key.method == .invite
            ? .invite(ClientInviteTransaction(timers: timers, isReliable: isReliable))
            : .nonInvite(ClientNonInviteTransaction(timers: timers, isReliable: isReliable))
    }

    func conclude(_ status: Int?) {
        guard let concluded else { return }
        self.concluded = nil
        concluded(status)
    }

    func start() -> TransactionStep {
        advance({ $0.start() }, { $0.start() })
    }

    func received(status: Int) -> TransactionStep {
        if status >= 200, status < 300 || key.method != .invite { octets = [] }
        return advance({ $0.received(status: status) }, { $0.received(status: status) })
    }

    func retransmissionFired() -> TransactionStep {
        advance({ $0.retransmissionFired() }, { $0.retransmissionFired() })
    }

    func deadlineFired() -> TransactionStep {
        advance({ $0.deadlineFired() }, { $0.deadlineFired() })
    }

    private func advance(
        _ invite: (inout ClientInviteTransaction) -> TransactionStep,
        _ nonInvite: (inout ClientNonInviteTransaction) -> TransactionStep
    ) -> TransactionStep {
        switch machine {
        case .invite(var state):
            defer { machine = .invite(state) }
            return invite(&state)
        case .nonInvite(var state):
            defer { machine = .nonInvite(state) }
            return nonInvite(&state)
        }
    }
}
