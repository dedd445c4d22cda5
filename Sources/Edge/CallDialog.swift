import SIPMessage
import SIPProxy

/// A dialog of a call, as far as the edge has to know it to speak in it itself: to end it, and to ask whether its sides
/// are still there.
final class CallDialog {
    /// How one side is addressed inside the dialog (RFC 3261 section 12.1).
    struct Leg {
        /// The side's From or To value with its tag, as the other side writes it into To.
        var identity: String
        /// The remote target: the side's latest Contact, as a URI.
        var target: String
        /// What stands between the edge and the side, the nearest first.
        var routes: [RouteValue]
        /// The highest CSeq number that the side has seen from the other one; nil before the first.
        var sequence: UInt32?

        var nextHop: String { routes.first?.uri ?? target }
    }

    /// Kept as text: of a thousand calls the edge speaks in one.
    struct RouteValue {
        /// With its angle brackets and parameters.
        var text: String
        var uri: String
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

    private static func contact(of message: Message) -> String? {
        var contact: String?
        let isWell = message.eachAddress(.contact) { address in
            if contact == nil, address.uri.isSIP { contact = message.text(address.uri.range) }
            return contact != nil
        }
        return isWell ? contact : nil
    }

    /// Nil with more than any call needs, or with something that is none.
    private static func recordRoutes(
        of message: Message, until isEnd: (URIShape) -> Bool = { _ in false }
    ) -> [RouteValue]? {
        var routes: [RouteValue] = []
        var count = 0
        var hasEnded = false
        let isWell = message.eachAddress(.recordRoute) { address in
            count += 1
            hasEnded = hasEnded || isEnd(address.uri)
            if !hasEnded, count <= mostRoutes {
                routes.append(RouteValue(text: message.text(address.range), uri: message.text(address.uri.range)))
            }
            return true
        }
        return isWell && count <= mostRoutes ? routes : nil
    }

    /// The caller as the INVITE shows it. Nil without a Contact, or with more Record-Routes than any call needs: such a
    /// call passes, but the edge can say nothing in it.
    static func caller(of invite: Message) -> Leg? {
        guard let identity = invite.text(.from), let target = contact(of: invite), let routes = recordRoutes(of: invite)
        else { return nil }
        return Leg(identity: identity, target: target, routes: routes, sequence: nil)
    }

    /// The callee as its 2xx to the INVITE shows it. What it recorded comes nearest to the callee first, and the edge's
    /// own entry stands behind all that lies between the two.
    static func callee(of ok: Message) -> Leg? {
        guard let identity = ok.text(.to), let target = contact(of: ok),
            let beyond = recordRoutes(of: ok, until: { DialogCookie.isOwn($0, in: ok) })
        else { return nil }
        return Leg(identity: identity, target: target, routes: beyond.reversed(), sequence: ok.cSeq.number)
    }
}
