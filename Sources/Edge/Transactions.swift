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
    case callLimit(Call)
    case housekeeping
}

typealias TimerHandle = TimerWheel<Timer>.Handle

/// A server transaction with what the edge keeps beside its machine.
final class ServerTransaction {
    enum Machine {
        case invite(ServerInviteTransaction)
        case nonInvite(ServerNonInviteTransaction)
    }

    let key: ServerTransactionKey
    let request: Message
    let flow: Flow
    let receivedAt: Moment
    var machine: Machine
    /// The latest response, for retransmissions.
    var response: [UInt8] = []
    var retransmission: TimerHandle?
    var deadline: TimerHandle?
    /// Broken when the transaction ends.
    var context: ProxyContext?
    var hasEnded = false

    init(key: ServerTransactionKey, request: Message, flow: Flow, at now: Moment, timers: TransactionTimers) {
        self.key = key
        self.request = request
        self.flow = flow
        self.receivedAt = now
        let isReliable = flow.transport.isReliable
        machine =
            request.method == .invite
            ? .invite(ServerInviteTransaction(timers: timers, isReliable: isReliable))
            : .nonInvite(ServerNonInviteTransaction(timers: timers, isReliable: isReliable))
    }

    func respond(status: Int) -> TransactionStep {
        switch machine {
        case .invite(var invite):
            defer { machine = .invite(invite) }
            return invite.respond(status: status)
        case .nonInvite(var nonInvite):
            defer { machine = .nonInvite(nonInvite) }
            return nonInvite.respond(status: status)
        }
    }

    func receivedRetransmission() -> TransactionStep {
        switch machine {
        case .invite(var invite):
            defer { machine = .invite(invite) }
            return invite.receivedRetransmission()
        case .nonInvite(var nonInvite):
            defer { machine = .nonInvite(nonInvite) }
            return nonInvite.receivedRetransmission()
        }
    }

    func receivedAck() -> TransactionStep {
        guard case .invite(var invite) = machine else { return .nothing }
        defer { machine = .invite(invite) }
        return invite.receivedAck()
    }

    func retransmissionFired() -> TransactionStep {
        guard case .invite(var invite) = machine else { return .nothing }
        defer { machine = .invite(invite) }
        return invite.retransmissionFired()
    }

    func deadlineFired() -> TransactionStep {
        switch machine {
        case .invite(var invite):
            defer { machine = .invite(invite) }
            return invite.deadlineFired()
        case .nonInvite(var nonInvite):
            defer { machine = .nonInvite(nonInvite) }
            return nonInvite.deadlineFired()
        }
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
    /// The request as sent, for retransmission, ACK and CANCEL.
    let octets: [UInt8]
    let hop: Hop
    var machine: Machine
    /// Nil for a CANCEL, whose answer is nobody's.
    weak var context: ProxyContext?
    let branch: Int
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

    func start() -> TransactionStep {
        switch machine {
        case .invite(var invite):
            defer { machine = .invite(invite) }
            return invite.start()
        case .nonInvite(var nonInvite):
            defer { machine = .nonInvite(nonInvite) }
            return nonInvite.start()
        }
    }

    func received(status: Int) -> TransactionStep {
        switch machine {
        case .invite(var invite):
            defer { machine = .invite(invite) }
            return invite.received(status: status)
        case .nonInvite(var nonInvite):
            defer { machine = .nonInvite(nonInvite) }
            return nonInvite.received(status: status)
        }
    }

    func retransmissionFired() -> TransactionStep {
        switch machine {
        case .invite(var invite):
            defer { machine = .invite(invite) }
            return invite.retransmissionFired()
        case .nonInvite(var nonInvite):
            defer { machine = .nonInvite(nonInvite) }
            return nonInvite.retransmissionFired()
        }
    }

    func deadlineFired() -> TransactionStep {
        switch machine {
        case .invite(var invite):
            defer { machine = .invite(invite) }
            return invite.deadlineFired()
        case .nonInvite(var nonInvite):
            defer { machine = .nonInvite(nonInvite) }
            return nonInvite.deadlineFired()
        }
    }
}
