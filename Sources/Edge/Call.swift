import CoreTypes
import Defense
import SIPMessage
import SIPProxy
import SIPTransaction
import Transport

/// What names a call to the edge: the Call-ID and the caller's tag. Forked answers belong to the same call.
struct CallKey: Hashable {
    var callID: String
    var callerTag: String
    /// Above 1 for a call that a spiral brought back: each time it comes by it is another call to the edge.
    var pass = 1
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
    let facts: PassageFacts
    let profile: String
    let route: String
    let isBridge: Bool
    let isExpert: Bool
    let from: String
    let to: String
    let callerFlow: Flow
    let startedAt: Moment
    var answeredAt: Moment?
    var state = State.trying
    var limit: TimerHandle?
    /// The callee's tags of the dialogs that are up: more than one when several forks answered.
    private(set) var dialogs: Set<String> = []
    /// Hops that a side has named as its own: a request inside the dialog goes to one of these and nowhere else.
    private var hops: [DialogSide: [HopName]] = [:]

    private static let mostHops = 16

    init(
        id: String, key: CallKey, request: Message, facts: PassageFacts, profile: String, decision: RouteDecision,
        flow: Flow, at now: Moment
    ) {
        self.id = id
        self.key = key
        self.facts = facts
        self.profile = profile
        route = decision.route
        isBridge = decision.isBridge
        isExpert = decision.isExpert
        from = request.from.uri.addressOfRecord ?? request.from.uri.text
        to = request.requestURI?.addressOfRecord ?? request.to.uri.text
        callerFlow = flow
        startedAt = now
    }

    /// Who the call is counted against.
    var expertID: String? { facts.expertID }

    func opened(dialog tag: String) {
        if dialogs.count < Self.mostDialogs { dialogs.insert(tag) }
    }

    /// - Returns: whether that was the last one.
    func closed(dialog tag: String?) -> Bool {
        if let tag { dialogs.remove(tag) }
        return dialogs.isEmpty
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
    func learn(_ side: DialogSide, from message: Message, source: IPAddress, isOwn: (URI) -> Bool) {
        for field in [HeaderName.contact, .recordRoute] {
            for address in message.addresses(field) ?? [] where address.uri.isSIP && !isOwn(address.uri) {
                if Self.mayName(address.uri.host, source) { allow(address.uri, for: side) }
            }
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
        guard let name = Self.name(uri), hops[side]?.contains(name) != true else { return }
        var known = hops[side] ?? []
        if known.count >= Self.mostHops { known.removeFirst() }
        known.append(name)
        hops[side] = known
    }

    func isAllowed(_ uri: URI, for side: DialogSide) -> Bool {
        Self.name(uri).map { hops[side]?.contains($0) == true } ?? false
    }

    private static func name(_ uri: URI) -> HopName? {
        guard let hop = Hop(uri) else { return nil }
        return HopName(host: uri.host, port: uri.port ?? hop.transport.defaultPort)
    }
}

/// The calls that are up or being set up.
struct CallTable {
    private var calls: [CallKey: Call] = [:]
    private var perExpert: [String: Int] = [:]

    var count: Int { calls.count }
    var all: some Collection<Call> { calls.values }

    func find(_ key: CallKey) -> Call? { calls[key] }

    func active(of expert: String) -> Int { perExpert[expert] ?? 0 }

    mutating func insert(_ call: Call) {
        calls[call.key] = call
        for expert in Self.counted(call) { perExpert[expert, default: 0] += 1 }
    }

    /// - Returns: whether the call was there.
    mutating func remove(_ call: Call) -> Bool {
        guard calls.removeValue(forKey: call.key) != nil else { return false }
        for expert in Self.counted(call) {
            let left = (perExpert[expert] ?? 1) - 1
            perExpert[expert] = left > 0 ? left : nil
        }
        return true
    }

    /// A call counts for the expert that the guard judged.
    private static func counted(_ call: Call) -> [String] {
        call.facts.expert.map { [$0.id] } ?? []
    }
}
