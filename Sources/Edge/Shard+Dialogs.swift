import Telemetry
import CoreTypes
import Defense
import SIPMessage
import SIPProxy
import SIPTransaction
import Transport

/// Requests inside a dialog, ACK and CANCEL.
extension Shard {
    /// A request with a To tag: with a good cookie of a known call it is forwarded to the call's other side, else it
    /// meets layers 1 to 3 and gets 481.
    func receivedInDialog(_ request: Message, key: ServerTransactionKey, on flow: Flow, now: Moment) {
        guard let (call, side, passed) = dialog(of: request) else {
            if let shard = shard(named: request), handsOn(request, on: flow, to: shard) { return }
            refuseStray(request, on: flow, now: now)
            return
        }
        if let failure = RequestCheck.examine(request, branches: branches), failure.status != 416 {
            refuse(request, failure, on: flow, now: now)
            return
        }
        guard let path = path(of: request, side: side, call: call) else {
            refuse(request, .init(403, "Forbidden", cause: .foreignHop), on: flow, now: now)
            return
        }
        if isFull {
            reply(request, .init(503, "Service Unavailable", fields: [("Retry-After", "5")]), on: flow)
            return
        }
        let server = ServerTransaction(key: key, request: request, flow: flow, at: now, timers: settings.timers)
        let context = ProxyContext(
            request, server: server, waiting: .one(path.target), entrance: call.entrance, facts: call.facts)
        context.call = call
        context.callsPassed = passed
        context.inDialog = path.inDialog
        server.context = context
        insert(server)
        if request.method == .invite {
            respond(context, ResponseDraft(100, "Trying"))
        }
        call.learn(side, from: request, source: flow.remote.address)
        context.eachCall { round in
            round.passed(request, from: side)
            round.liveness[side]?.heard(at: now)
        }
        context.hasStarted = true
        startNextGroup(context)
    }

    /// The call whose other side a request wants, the side that it comes from, and the calls that a spiral leads it
    /// through before.
    func dialog(of request: Message) -> (call: Call, side: DialogSide, passed: [Call])? {
        var found: (call: Call, side: DialogSide)?
        var passed: [Call] = []
        cookie.eachMark(of: request) { mark in
            guard mark.side == found?.side ?? mark.side,
                let call = calls.find(
                    request, callerTag: mark.side == .caller ? request.fromTagRange : request.toTagRange,
                    pass: mark.pass)
            else { return false }
            if let before = found { passed.append(before.call) }
            found = (call, mark.side)
            return true
        }
        return found.map { ($0.call, $0.side, passed) }
    }

    /// The shard of the call that a request of a dialog names.
    private func shard(named request: Message) -> Int? {
        var shard: Int?
        cookie.eachMark(of: request) { mark in
            shard = Int(mark.shard)
            return false
        }
        return shard
    }

    func refuseStray(_ request: Message, on flow: Flow, now: Moment) {
        let share = place.share(of: flow.remote.address)
        if share != place.index {
            // What it claims to be has led it past the shard that counts for its source.
            handOver(.stray(request.bytes, flow), to: share)
            return
        }
        guard let entrance = entrance(of: flow) else {
            hot.dropped(.noProfile)
            return
        }
        let report = entrance.passage.examineStray(approach(request, on: flow), now: now)
        if let refusal = report.refusal {
            refuse(request, refusal, facts: report.facts, on: flow, now: now)
            return
        }
        refuse(request, .init(481, "Call/Transaction Does Not Exist", cause: .unknownCall), on: flow, now: now)
    }

    // MARK: The way inside a dialog

    struct DialogPath {
        var target: ProxyContext.Target
        var inDialog: ProxyContext.InDialog
    }

    /// RFC 3261 sections 16.4 and 16.6 steps 2 to 6, with one addition: the next hop must be one that the other side
    /// has named, so that a good cookie opens the way to that side only.
    func path(of request: Message, side: DialogSide, call: Call) -> DialogPath? {
        guard let received = request.requestURIShape else { return nil }
        var count = 0
        var own = 0
        var firstForeign: URIShape?
        var last: URIShape?
        let isWell = request.eachAddress(.route) { route in
            count += 1
            last = route.uri
            if firstForeign == nil {
                if DialogCookie.isOwn(route.uri, in: request) { own += 1 } else { firstForeign = route.uri }
            }
            return true
        }
        guard isWell else { return nil }
        let isStrict = DialogCookie.isOwn(received, in: request)
        var target = received
        if isStrict {
            // The element before is a strict router: what it should have left in the Request-URI came last.
            guard let last else { return nil }
            count -= 1
            target = last
        }
        var requestURI = isStrict ? request.text(target.range) : nil
        let dropped = min(own, count)
        var inDialog = ProxyContext.InDialog(
            side: side, routesToDrop: dropped, appendedRoute: nil, dropsLastRoute: isStrict)
        var next = target
        if dropped < count, let firstForeign {
            next = firstForeign
            if request.parameter("lr", of: next) == nil {
                // The next element is a strict router: it wants itself in the Request-URI and the target last.
                requestURI = request.text(next.range)
                inDialog.appendedRoute = request.text(target.range)
                inDialog.routesToDrop += 1
            }
        }
        guard let hop = hop(towards: side.other, next: next, of: request, call: call) else { return nil }
        return DialogPath(target: .init(requestURI: requestURI, hop: hop), inDialog: inDialog)
    }

    private func hop(towards side: DialogSide, next: URIShape, of request: Message, call: Call) -> Hop? {
        let named = Hop(next, in: request)
        switch side {
        case .callee:
            guard let named, call.isAllowed(next, of: request, named, for: .callee) else { return nil }
            return named
        case .caller:
            return hopTowardsCaller(of: call, named: named)
        }
    }

    func hop(towards side: DialogSide, next: String, call: Call) -> Hop? {
        let uri = URI(next)
        switch side {
        case .callee: return uri.flatMap { call.isAllowed($0, for: .callee) ? Hop($0) : nil }
        case .caller: return hopTowardsCaller(of: call, named: uri.flatMap { Hop($0) })
        }
    }

    /// The caller is reached where the call came from: behind a NAT nothing else works, and nothing else is needed. Over
    /// UDP another port of the same address may be named.
    private func hopTowardsCaller(of call: Call, named: Hop?) -> Hop {
        let flow = call.callerFlow
        if flow.transport == .udp, let named, named.transport == .udp, case .endpoint(let endpoint) = named.address,
            endpoint.address == flow.remote.address
        {
            return named
        }
        return Hop(flow: flow)
    }

    // MARK: ACK

    func receivedAck(_ ack: Message, on flow: Flow, now: Moment) {
        let key = serverKey(ack, method: .invite, on: flow)
        if let server = servers[key] {
            let step = server.receivedAck()
            carryOut(step, server)
            if !step.deliver { return }
        }
        // The ACK to a 2xx is a request of its own, relayed without a transaction (section 16.10's neighbor, 13.2.2.4).
        guard ack.maxForwards != 0, let (call, side, _) = dialog(of: ack),
            let path = path(of: ack, side: side, call: call)
        else {
            hot.dropped(.strayAck)
            return
        }
        guard case .named = path.target.hop.address else {
            relayAck(ack, path, path.target.hop, call, from: flow)
            return
        }
        locate(path.target.hop) { [weak self] servers in
            guard let self, let server = servers.first else { return }
            self.relayAck(ack, path, server, call, from: flow)
        }
    }

    private func relayAck(_ ack: Message, _ path: DialogPath, _ hop: Hop, _ call: Call, from flow: Flow) {
        let branch = branches.mint(for: ack)
        let local = localAddress(for: hop)
        var forwarded = ForwardedRequest(source: flow.remote)
        forwarded.realm = call.entrance.realm
        forwarded.requestURI = path.target.requestURI
        forwarded.routesToDrop = path.inDialog.routesToDrop
        forwarded.appendedRoute = path.inDialog.appendedRoute
        forwarded.dropsLastRoute = path.inDialog.dropsLastRoute
        let octets = forwarded.octets(of: ack) { Self.appendVia(of: branch, at: hop, local: local, to: &$0) }
        send(octets, to: hop, ticket: 0)
    }

    // MARK: CANCEL

    /// RFC 3261 sections 9.2 and 16.10: 200 at once, then the branches are cancelled. A CANCEL that matches nothing
    /// touches nothing.
    func receivedCancel(_ cancel: Message, on flow: Flow, now: Moment) {
        let key = serverKey(cancel, method: .invite, on: flow)
        guard let server = servers[key] else {
            refuseStray(cancel, on: flow, now: now)
            return
        }
        reply(cancel, .init(200, "OK"), on: flow)
        guard let context = server.context, !context.isFinished else { return }
        let actions = context.responses.cancel()
        if context.hasStarted {
            perform(actions, context, latest: nil)
            if !context.responses.isPending { finish(context, local: 487, "Request Terminated") }
        } else {
            finish(context, local: 487, "Request Terminated")
        }
    }
}
