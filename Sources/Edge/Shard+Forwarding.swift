import Logging
import Witness
import Telemetry
import CoreTypes
import Defense
import SIPMessage
import SIPProxy
import SIPTransaction
import Transport

/// An admitted request on its way: route, witness, targets one after the other.
extension Shard {
    /// All layers have passed it. The call is entered, answered 100, and held until its record is on disk.
    func admit(
        _ request: Message, key: ServerTransactionKey, report: PassageReport, approach: Approach, profile: String,
        on flow: Flow, now: Moment
    ) {
        let experts = experts
        let outcome = settings.routes.decide(
            request, profile: profile, tag: report.facts.organization?.tag, contact: { experts.find($0)?.contact })
        let decision: RouteDecision
        switch outcome {
        case .forward(let found):
            decision = found
        case .noRoute:
            refuseUnroutable(request, approach, report.facts, 404, "Not Found", on: flow, now: now)
            return
        case .noContact:
            refuseUnroutable(request, approach, report.facts, 480, "Temporarily Unavailable", on: flow, now: now)
            return
        }
        let targets = decision.targets.compactMap { uri in
            Hop(uri).map { ProxyContext.Target(requestURI: uri.text, hop: $0) }
        }
        guard !targets.isEmpty else {
            refuseUnroutable(request, approach, report.facts, 500, "Server Internal Error", on: flow, now: now)
            return
        }
        let server = ServerTransaction(key: key, request: request, flow: flow, at: now, timers: settings.timers)
        let context = ProxyContext(server: server, targets: targets, profile: profile, facts: report.facts)
        context.isBridge = decision.isBridge
        context.isExpert = decision.isExpert
        server.context = context
        insert(server)
        if request.method == .invite {
            // RFC 3261 section 16.2: 100 within 200 ms; at once, since the witness may take its time.
            respond(server, ResponseDraft(100, "Trying"))
            context.call = begin(request, report.facts, decision, profile: profile, on: flow, now: now)
        }
        if report.steps.contains(where: { $0.layer == .policyGuard && $0.isApplicable }) {
            metrics.increment(EdgeMetrics.policyDecisions, ["approved"])
        }
        askWitness(context, report: report, approach: approach, decision: decision, now: now)
    }

    private func refuseUnroutable(
        _ request: Message, _ approach: Approach, _ facts: PassageFacts, _ status: Int, _ reason: String,
        on flow: Flow, now: Moment
    ) {
        let event = SecurityEvent(
            .securityRejected, .notice, sourceIP: flow.remote.address, expertID: facts.expertID,
            traceID: facts.traceID,
            details: [
                .init("reason", "no_route"), .init("status", .integer(status)),
                .init("request_uri", .string(String((request.requestURI?.text ?? "").prefix(256)))),
            ])
        recordRefusal(event, cause: "no_route", now: now)
        reply(request, .init(status, reason), on: flow)
    }

    /// Layer 7: the record of the admission, on disk before anything is forwarded.
    private func askWitness(
        _ context: ProxyContext, report: PassageReport, approach: Approach, decision: RouteDecision, now: Moment
    ) {
        let event = AdmissionRecord.event(
            report, approach: approach, route: decision.route, call: context.call?.id)
        let token = nextID()
        awaitingWitness[token] = context
        context.askedWitnessAt = now.monotonic
        if !witness.append(event, at: now.wall, token: token) {
            awaitingWitness[token] = nil
            witnessFailed(context)
        }
    }

    /// The record is on disk.
    func proceed(_ context: ProxyContext) {
        guard !context.isFinished else { return }
        if context.responses.isCancelled {
            finish(context, local: 487, "Request Terminated")
            return
        }
        context.hasStarted = true
        if context.isBridge, let call = context.call { recordBridge(call) }
        tryNextTarget(context)
    }

    /// Takes the next target; its name is resolved first.
    func tryNextTarget(_ context: ProxyContext) {
        guard !context.isFinished, !context.targets.isEmpty else { return }
        let target = context.targets.removeFirst()
        guard case .name(let name, let port) = target.hop.address else {
            send(context, to: target)
            return
        }
        resolver?.resolve(name) { [weak self, weak context] result in
            guard let self, let context, !context.isFinished else { return }
            if context.responses.isCancelled {
                self.finish(context, local: 487, "Request Terminated")
                return
            }
            let addresses: [IPAddress] = if case .success(let found) = result { found } else { [] }
            var found = addresses.map { address in
                var resolved = target
                resolved.hop.address = .endpoint(Endpoint(address, port: port))
                return resolved
            }
            guard !found.isEmpty else {
                self.unresolvable(context, name)
                return
            }
            let first = found.removeFirst()
            context.targets.insert(contentsOf: found, at: 0)
            context.responses.add(targets: found.count)
            self.send(context, to: first)
        }
    }

    private func unresolvable(_ context: ProxyContext, _ name: String) {
        logger.warning("a next hop can't be resolved", metadata: ["name": "\(name)"])
        metrics.increment(EdgeMetrics.transportFailures, [SendFailure.unreachable.rawValue])
        let branch = context.responses.begin()
        branchFailed(branch, of: context, status: 503, "Service Unavailable")
    }

    private func send(_ context: ProxyContext, to target: ProxyContext.Target) {
        let request = context.request
        let number = context.responses.begin()
        let branch = branches.mint(for: request)
        let local = localAddress(for: target.hop)
        var forwarded = ForwardedRequest(
            source: context.server.flow.remote,
            via: "SIP/2.0/\(target.hop.transport.viaToken) \(local);rport;branch=\(branch)")
        forwarded.realm = passages[context.profile]?.policy.authentication?.realm
        forwarded.requestURI = target.requestURI
        if let inDialog = context.inDialog {
            forwarded.routesToDrop = inDialog.routesToDrop
            forwarded.appendedRoute = inDialog.appendedRoute
            forwarded.dropsLastRoute = inDialog.dropsLastRoute
        } else {
            forwarded.dropsAllRoutes = true
            forwarded.added = addedFields(context)
            if request.method == .invite {
                forwarded.recordRoutes = recordRoutes(request, hop: target.hop, local: local, from: context.server.flow)
            }
        }
        let client = ClientTransaction(
            id: nextID(), key: ClientTransactionKey(branch: branch, method: request.method),
            octets: forwarded.octets(of: request), hop: target.hop, context: context, branch: number,
            timers: settings.timers)
        context.branches.append(client)
        if let call = context.call, context.inDialog == nil, let uri = target.requestURI.flatMap({ URI($0) }) {
            call.allow(uri, for: .callee)
        }
        insert(client)
        if request.method == .invite {
            disarm(&context.timerC)
            context.timerC = arm(after: UInt64(settings.timerC.nanoseconds), .timerC(context))
        }
        carryOut(client.start(), client, response: nil)
    }

    /// What the edge says about the call to the next hop; what the caller said of the kind has been removed.
    private func addedFields(_ context: ProxyContext) -> [(name: String, value: String)] {
        var fields: [(name: String, value: String)] = []
        // RFC 3325: to the elements of this system, not to an expert's own telephone.
        if let user = context.facts.authenticatedUser, !context.isExpert {
            fields.append(("X-IF-Authenticated-User", user))
            fields.append((HeaderName.pAssertedIdentity.canonical, "<sip:\(user)>"))
        }
        if context.isBridge {
            fields.append(("X-IF-Source", "SIP-External-Expert"))
            fields.append(("X-IF-Bridge-Mode", "SIP-to-H323"))
        }
        return fields
    }

    /// `host:port` under which the edge can be reached over a hop's transport.
    func localAddress(for hop: Hop) -> String {
        if let advertised = settings.advertised[hop.transport] { return advertised }
        let remote: Endpoint
        switch hop.address {
        case .endpoint(let endpoint), .flow(_, let endpoint): remote = endpoint
        case .name: return "invalid.invalid"
        }
        return transport?.localEndpoint(facing: remote, transport: hop.transport)?.description ?? "invalid.invalid"
    }

    /// The Record-Route values: one, or two where the call changes transport or address on its way through
    /// (RFC 5658 section 4); the one towards the next hop on top.
    private func recordRoutes(_ request: Message, hop: Hop, local: String, from flow: Flow) -> [String] {
        let user = cookie.issue(callID: request.callID, callerTag: request.fromTag ?? "")
        let outward = "<sip:\(user)@\(local);transport=\(hop.transport.rawValue);lr>"
        let near =
            settings.advertised[flow.transport]
            ?? transport?.localEndpoint(facing: flow.remote, transport: flow.transport)?.description ?? local
        let inward = "<sip:\(user)@\(near);transport=\(flow.transport.rawValue);lr>"
        return outward == inward ? [outward] : [outward, inward]
    }
}
