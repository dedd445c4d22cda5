import CoreTypes
import Defense
import SIPMessage
import SIPProxy
import SIPTransaction
import Transport

/// What names a call to the edge. Forked answers belong to the same call.
struct CallKey: Hashable, Sendable {
    /// A keyed hash of the Call-ID and the caller's tag.
    let identity: KeyedHash.Value
    /// Above 1 for a call that a spiral brought back: each time it comes by it is another call to the edge.
    let pass: Int
}

/// Something of each side of a call.
struct Sides<Value> {
    var caller: Value
    var callee: Value

    subscript(side: DialogSide) -> Value {
        get { side == .caller ? caller : callee }
        _modify {
            switch side {
            case .caller: yield &caller
            case .callee: yield &callee
            }
        }
    }
}

/// A call that the edge let in.
final class Call {
    enum State: String {
        case trying
        case ringing
        case connected
        case ended
    }

    let id: String
    let key: CallKey
    let callID: String
    let facts: PassageFacts
    let entrance: Entrance
    let route: String
    let isBridge: Bool
    let isExpert: Bool
    let from: String
    let to: String
    let callerFlow: Flow
    /// Counts the calls of this edge: a later call has a higher number.
    let number: UInt64
    let startedAt: Moment
    var ringingAt: Moment?
    var answeredAt: Moment?
    private(set) var state = State.trying
    /// How it ended; nil before that.
    private(set) var ending: Ending?
    var limit: TimerHandle?
    var probing: TimerHandle?
    /// The INVITE that sets it up.
    weak var setup: ProxyContext?
    /// The dialogs that are up: more than one when several forks answered.
    private(set) var dialogs: [CallDialog] = []
    /// Dialogs that are up and in which the edge can't speak, since a side does not say how.
    private var silentDialogs: Set<String> = []
    /// The highest CSeq numbers in dialogs that are not up yet, such as of PRACK (RFC 3262).
    private var early: [String: Sides<UInt32?>] = [:]
    private let callerLeg: CallDialog.Leg?
    /// Whether each side is still there.
    var liveness = Sides<CallLiveness?>(caller: nil, callee: nil)
    /// Hops that a side has named as its own: a request inside the dialog goes to one of these and nowhere else.
    private var hops = Sides<[HopName]>(caller: [], callee: [])

    private static let mostHops = 16

    init(
        id: String, number: UInt64, key: CallKey, request: Message, facts: PassageFacts, entrance: Entrance,
        decision: RouteDecision, flow: Flow, at now: Moment
    ) {
        self.id = id
        self.number = number
        self.key = key
        callID = request.callID
        self.facts = facts
        self.entrance = entrance
        route = decision.route
        isBridge = decision.isBridge
        isExpert = decision.isExpert
        from = request.fromURI.addressOfRecord(in: request) ?? request.text(request.fromURI.range)
        to = request.requestURIShape?.addressOfRecord(in: request) ?? request.text(request.toURI.range)
        callerFlow = flow
        startedAt = now
        callerLeg = CallDialog.caller(of: request)
    }

    /// How a call ended.
    struct Ending {
        var at: Moment
        var result: CallResult
        var by: Party?
        /// The final response of a call that was not answered.
        var status: Int?
    }

    /// Who ended a call.
    enum Party: String {
        case caller
        case callee
        /// Of the edge, by `calls end`.
        case `operator`

        init(_ side: DialogSide) { self = side == .caller ? .caller : .callee }
    }

    func rings(at now: Moment) {
        guard state == .trying else { return }
        state = .ringing
        ringingAt = now
    }

    /// - Returns: whether this is the first answer.
    func answered(at now: Moment) -> Bool {
        guard answeredAt == nil, state != .ended else { return false }
        answeredAt = now
        state = .connected
        return true
    }

    func ended(_ ending: Ending) {
        state = .ended
        self.ending = ending
        setup = nil
        dialogs = []
        silentDialogs = []
        early = [:]
        liveness = Sides(caller: nil, callee: nil)
    }

    /// Who the call is counted against.
    var expertID: String? { facts.expertID }

    /// A fork has answered.
    func opened(dialog tag: String, by ok: Message) {
        guard dialog(tag) == nil, dialogs.count + silentDialogs.count < Self.mostDialogs else { return }
        if let callerLeg, let callee = CallDialog.callee(of: ok) {
            let dialog = CallDialog(tag: tag, caller: callerLeg, callee: callee)
            if let numbers = early.removeValue(forKey: tag) {
                for side in [DialogSide.caller, .callee] {
                    if let number = numbers[side] { dialog.passed(number, towards: side) }
                }
            }
            dialogs.append(dialog)
        } else {
            silentDialogs.insert(tag)
        }
    }

    func dialog(_ tag: String) -> CallDialog? { dialogs.first { $0.tag == tag } }

    /// The dialog that a request of a side is in.
    private func dialog(of request: Message, from side: DialogSide) -> CallDialog? {
        guard let tag = side == .caller ? request.toTagRange : request.fromTagRange else { return nil }
        return dialogs.first { request.equals(tag, $0.tag) }
    }

    /// - Returns: whether that was the last one.
    func closed(dialog tag: String?) -> Bool {
        if let tag {
            dialogs.removeAll { $0.tag == tag }
            silentDialogs.remove(tag)
        }
        return dialogs.isEmpty && silentDialogs.isEmpty
    }

    /// A request of a side inside a dialog goes on to the other one.
    func passed(_ request: Message, from asker: DialogSide) {
        guard request.method != .ack else { return }
        let side = asker.other
        if let dialog = dialog(of: request, from: asker) {
            dialog.passed(request.cSeq.number, towards: side)
            return
        }
        guard let tag = asker == .caller ? request.toTag : request.fromTag else { return }
        if early[tag] != nil || early.count < Self.mostDialogs {
            early[tag, default: Sides(caller: nil, callee: nil)][side] = max(
                request.cSeq.number, early[tag]?[side] ?? 0)
        }
    }

    /// A request that renews the remote target was accepted (RFC 3261 section 12.2, RFC 3311).
    func refreshed(by request: Message, of side: DialogSide, answer: Message) {
        guard request.method == .invite || request.method == .update, let dialog = dialog(of: request, from: side)
        else { return }
        dialog.refresh(side, from: request)
        dialog.refresh(side.other, from: answer)
    }

    private static let mostDialogs = 64

    /// What a hop is known by: names compare as written, addresses by value.
    struct HopName: Hashable {
        var host: Host
        var port: UInt16
    }

    /// Notes where a side may be reached: its Contact, and the Record-Routes that stand between it and the edge.
    /// - Parameter source: where the message came from. Only somebody on this machine or link may name an address that
    ///   means something else on every machine or link.
    func learn(_ side: DialogSide, from message: Message, source: IPAddress) {
        learn(.contact, side, message, source)
        learn(.recordRoute, side, message, source)
    }

    private func learn(_ field: HeaderName, _ side: DialogSide, _ message: Message, _ source: IPAddress) {
        // All or none: where one is malformed, nobody knows what the others mean.
        guard message.has(field), message.eachAddress(field, { _ in true }) else { return }
        message.eachAddress(field) { address in
            guard address.uri.isSIP, !DialogCookie.isOwn(address.uri, in: message) else { return true }
            let host = message.host(of: address.uri)
            if Self.mayName(host, source), let hop = Hop(address.uri, in: message) {
                allow(HopName(host: host, port: address.uri.port ?? hop.transport.defaultPort), for: side)
            }
            return true
        }
    }

    private static func mayName(_ host: Host, _ source: IPAddress) -> Bool {
        switch host {
        case .name(let name):
            return source.isLoopback || !(name == "localhost" || name.hasSuffix(".localhost"))
        case .address(let address):
            if address.isLoopback { return source.isLoopback }
            if address.isLinkLocal { return source.isLinkLocal }
            return !address.isUnspecified && !address.isMulticast && !address.isBroadcast
        }
    }

    func allow(_ uri: URI, for side: DialogSide) {
        if let name = Self.name(uri) { allow(name, for: side) }
    }

    private func allow(_ name: HopName, for side: DialogSide) {
        guard !hops[side].contains(name) else { return }
        if hops[side].count >= Self.mostHops { hops[side].removeFirst() }
        hops[side].append(name)
    }

    /// - Parameter hop: what the URI names as a hop.
    func isAllowed(_ uri: URIShape, of message: Message, _ hop: Hop, for side: DialogSide) -> Bool {
        hops[side].contains(HopName(host: message.host(of: uri), port: uri.port ?? hop.transport.defaultPort))
    }

    func isAllowed(_ uri: URI, for side: DialogSide) -> Bool {
        Self.name(uri).map(hops[side].contains) ?? false
    }

    private static func name(_ uri: URI) -> HopName? {
        guard let hop = Hop(uri) else { return nil }
        return HopName(host: uri.host, port: uri.port ?? hop.transport.defaultPort)
    }
}
