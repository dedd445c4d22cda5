import SIPMessage
import SIPProxy

/// A dialog of a call, as far as the edge has to know it to speak in it itself: to end it, and to ask whether its sides
/// are still there.
final class CallDialog {
    /// How one side is addressed inside the dialog (RFC 3261 section 12.1).
    struct Leg {
        /// The side's From or To value with its tag, as the other side writes it into To.
        var identity: String
        /// The remote target: the side's latest Contact.
        var target: URI
        /// What stands between the edge and the side, the nearest first.
        var routes: [RouteValue]
        /// The highest CSeq number that the side has seen from the other one; nil before the first.
        var sequence: UInt32?
    }

    struct RouteValue {
        var text: String
        var uri: URI
    }

    /// The callee's.
    let tag: String
    private var legs: Sides<Leg>

    init(tag: String, caller: Leg, callee: Leg) {
        self.tag = tag
        legs = Sides(caller: caller, callee: callee)
    }

    subscript(side: DialogSide) -> Leg { legs[side] }

    /// A request inside the dialog was sent on to a side.
    func passed(_ number: UInt32, towards side: DialogSide) {
        legs[side].sequence = max(number, legs[side].sequence ?? 0)
    }

    /// A side has named a new Contact (RFC 3261 section 12.2: a target refresh).
    func refresh(_ side: DialogSide, from message: Message) {
        guard let contact = Self.contact(of: message) else { return }
        legs[side].target = contact
    }

    private static let mostRoutes = 32

    static func contact(of message: Message) -> URI? {
        guard let uri = message.addresses(.contact)?.first?.uri, uri.isSIP else { return nil }
        return uri
    }

    /// The caller as the INVITE shows it. Nil without a Contact, or with more Record-Routes than any call needs: such a
    /// call passes, but the edge can say nothing in it.
    static func caller(of invite: Message) -> Leg? {
        guard let identity = invite.text(.from), let target = contact(of: invite),
            let recorded = invite.addresses(.recordRoute), recorded.count <= mostRoutes
        else { return nil }
        return Leg(
            identity: identity, target: target,
            routes: recorded.map { RouteValue(text: invite.text($0.range), uri: $0.uri) }, sequence: nil)
    }

    /// The callee as its 2xx to the INVITE shows it. What it recorded comes nearest to the callee first, and the edge's
    /// own entry stands behind all that lies between the two.
    static func callee(of ok: Message, isOwn: (URI) -> Bool) -> Leg? {
        guard let identity = ok.text(.to), let target = contact(of: ok), let recorded = ok.addresses(.recordRoute),
            recorded.count <= mostRoutes
        else { return nil }
        let beyond = recorded.prefix { !isOwn($0.uri) }
        return Leg(
            identity: identity, target: target,
            routes: beyond.reversed().map { RouteValue(text: ok.text($0.range), uri: $0.uri) },
            sequence: ok.cSeq.number)
    }
}
