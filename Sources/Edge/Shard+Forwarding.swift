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
    func admit(_ admission: Admission, now: Moment) {
        let request = admission.request
        let report = admission.report
        let experts = experts
        let outcome = settings.routes.decide(
            request, profile: admission.entrance.name, tag: report.facts.organization?.tag,
            destination: report.facts.destination, contact: { experts.find($0)?.contact })
        let decision: RouteDecision
        switch outcome {
        case .forward(let found):
            decision = found
        case .noRoute:
            refuseUnroutable(admission, 404, "Not Found", now: now)
            return
        case .noContact:
            refuseUnroutable(admission, 480, "Temporarily Unavailable", now: now)
            return
        }
        let waiting: ProxyContext.Waiting
        switch targets(of: decision, for: report.facts.destination ?? request.requestURI) {
        case .found(let found):
            waiting = found
        case .noneInService(let retryAfter):
            refuseUnroutable(
                admission, 503, "Service Unavailable", fields: [("Retry-After", String(retryAfter))],
                cause: "no_target_in_service", now: now)
            return
        case .noneSecure:
            // RFC 5630 section 5.3: no way on to a sips URI but over TLS.
            refuseUnroutable(
                admission, 480, "Temporarily Unavailable",
                fields: [("Warning", "380 \(settings.node) \"SIPS Not Allowed\"")], cause: "no_secure_target", now: now)
            return
        }
        let context = context(of: admission, waiting, now: now)
        reuse(admission.flow, for: request)
        context.isBridge = decision.isBridge
        context.isExpert = decision.isExpert
        if request.method == .invite {
            context.call = begin(
                request, report.facts, decision, admission.entrance, pass: admission.pass, on: admission.flow,
                now: now)
            context.call?.setup = context
        }
        if report.guardStep != nil {
            metrics.increment(EdgeMetrics.policyDecisions, ["approved"])
        }
        askWitness(context, report: report, approach: admission.approach, decision: decision, now: now)
    }

    /// A request that has waited for its admission has a server transaction already, and has been answered 100.
    private func context(of admission: Admission, _ waiting: ProxyContext.Waiting, now: Moment) -> ProxyContext {
        if let context = admission.context {
            context.aim(at: waiting)
            return context
        }
        let server = ServerTransaction(
            key: admission.key, request: admission.request, flow: admission.flow, at: now, timers: settings.timers)
        let context = ProxyContext(
            admission.request, server: server, waiting: waiting, entrance: admission.entrance,
            facts: admission.report.facts)
        server.context = context
        insert(server)
        // RFC 3261 section 16.2: 100 within 200 ms; at once, since the witness may take its time.
        if admission.request.method == .invite { respond(context, ResponseDraft(100, "Trying")) }
        return context
    }

    /// RFC 5923: a peer that has been let in may ask for requests to come back over its connection.
    private func reuse(_ flow: Flow, for request: Message) {
        guard flow.transport.isReliable else { return }
        let via = request.topVia
        guard via.parameters.contains(where: { request.text($0.name).lowercased() == "alias" })
        else { return }
        let endpoint = Endpoint(flow.remote.address, port: via.port ?? flow.transport.defaultPort)
        if case .name(let name) = via.host {
            transport?.alias(flow.id, endpoint: endpoint, name: name)
        } else {
            transport?.alias(flow.id, endpoint: endpoint)
        }
    }

    private func refuseUnroutable(
        _ admission: Admission, _ status: Int, _ reason: String, fields: [(String, String)] = [],
        cause: String = "no_route", now: Moment
    ) {
        let request = admission.request
        let flow = admission.flow
        let facts = admission.report.facts
        let event = SecurityEvent(
            .securityRejected, .notice, sourceIP: flow.remote.address, expertID: facts.expertID,
            traceID: facts.traceID,
            details: [
                .init("reason", .string(cause)), .init("status", .integer(status)),
                .init("method", .string(request.method.name.cut(to: 256))),
                .init("request_uri", .string(request.requestURIText.cut(to: 256))),
                .init("source_port", .integer(Int(flow.remote.port))),
                .init("transport", .string(flow.transport.rawValue)),
            ])
        recordRefusal(event, cause: cause, now: now)
        if let context = admission.context {
            finish(context, local: status, reason, fields: fields)
        } else {
            reply(request, .init(status, reason, fields: fields), on: flow)
        }
    }

    /// Layer 7: the record of the admission, on disk before anything is forwarded.
    private func askWitness(
        _ context: ProxyContext, report: PassageReport, approach: Approach, decision: RouteDecision, now: Moment
    ) {
        let event = AdmissionRecord.event(
            report, approach: approach, route: decision.route, call: context.call?.id)
        let token = nextID()
        awaitingWitness[token] = context
        witnessWaitsSince = witnessWaitsSince ?? now.monotonic
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
        if let call = context.call {
            begun.calls += 1
            if context.isBridge { recordBridge(call) }
        }
        startNextGroup(context)
    }

    // MARK: Targets

    private enum Targets {
        case found(ProxyContext.Waiting)
        case noneInService(retryAfter: Int64)
        case noneSecure
    }

    /// Where the decision leads, in groups that are tried at once.
    private func targets(of decision: RouteDecision, for asked: URI?) -> Targets {
        let isSecure = asked?.scheme == .sips
        func target(_ uri: URI, _ member: ProxyContext.PoolMember? = nil) -> ProxyContext.Target? {
            guard let hop = Hop(uri) else { return nil }
            // A sips URI stays one all the way (RFC 3261 section 26.2.2).
            let text = isSecure && uri.scheme == .sip ? "sips" + uri.text.dropFirst(3) : uri.text
            return ProxyContext.Target(requestURI: text, hop: hop, member: member)
        }
        var groups: [[ProxyContext.Target]] = []
        switch decision.destination {
        case .uri(let uri):
            guard let target = target(uri) else { return .noneSecure }
            return isSecure && target.hop.transport != .tls ? .noneSecure : .found(.one(target))
        case .pool(let name):
            guard let pool = pools[name], let asked else { return .noneInService(retryAfter: 10) }
            groups = pool.selection(now: clock().monotonic, random: &random).map { group in
                group.compactMap { index in
                    target(
                        RouteTable.retarget(asked, at: pool.targets[index].uri),
                        ProxyContext.PoolMember(pool: name, index: index))
                }
            }
            guard !groups.isEmpty else {
                return .noneInService(retryAfter: Int64((settings.probes[name]?.every ?? 0) / 1_000_000_000) + 1)
            }
        }
        if isSecure {
            groups = groups.map { $0.filter { $0.hop.transport == .tls } }
        }
        groups.removeAll(where: \.isEmpty)
        return groups.isEmpty ? .noneSecure : .found(.groups(groups))
    }

    /// Tries the targets of the next group, all at once.
    func startNextGroup(_ context: ProxyContext) {
        guard !context.isFinished, let group = context.takeNextGroup() else { return }
        let branches = context.responses.startGroup()
        switch group {
        case .one(let target):
            start(target, branches.lowerBound, context)
        case .groups(let groups):
            for (branch, target) in zip(branches, groups.joined()) { start(target, branch, context) }
        }
    }

    private func start(_ target: ProxyContext.Target, _ branch: Int, _ context: ProxyContext) {
        guard case .named = target.hop.address else {
            located(target.hop, alternates: [], target, branch, context)
            return
        }
        locate(target.hop) { [weak self, weak context] servers in
            guard let self, let context else { return }
            self.located(servers.first, alternates: Array(servers.dropFirst()), target, branch, context)
        }
    }

    private func located(
        _ first: Hop?, alternates: [Hop], _ target: ProxyContext.Target, _ branch: Int, _ context: ProxyContext
    ) {
        guard !context.isFinished else { return }
        if context.responses.isCancelled(branch: branch) {
            branchFailed(branch, of: context, status: 487, "Request Terminated")
            return
        }
        guard let first else {
            metrics.increment(EdgeMetrics.transportFailures, [SendFailure.unreachable.rawValue])
            served(target, .failed, "its name can't be resolved")
            branchFailed(branch, of: context, status: 503, "Service Unavailable")
            return
        }
        start(context, target, branch, at: first, alternates: alternates)
    }

    /// RFC 3263 section 4.3: the next server of a target that is out of reach, silent or overloaded, with a new branch.
    /// - Returns: whether there was one.
    func tryNextServer(_ client: ClientTransaction, _ context: ProxyContext) -> Bool {
        guard !context.isFinished, let target = client.target, let next = client.alternates.first,
            !context.responses.isCancelled(branch: client.branch)
        else { return false }
        start(context, target, client.branch, at: next, alternates: Array(client.alternates.dropFirst()))
        return true
    }

    private func start(
        _ context: ProxyContext, _ target: ProxyContext.Target, _ branch: Int, at server: Hop, alternates: [Hop]
    ) {
        let request = context.request
        let id = branches.mint(for: request)
        var hop = server
        var octets = forwarded(context, target, at: hop, branch: id)
        var alternates = alternates
        let isLargeOverTCP = octets.count > Self.largestDatagram && takesTCP(hop, context)
        if isLargeOverTCP {
            // Section 18.1.1: too large to be sure of its way by UDP. A hop without TCP gets it by UDP after all.
            alternates.insert(hop, at: 0)
            hop.transport = .tcp
            octets = forwarded(context, target, at: hop, branch: id)
        }
        let client = ClientTransaction(
            id: nextID(), key: ClientTransactionKey(branch: id, method: request.method), octets: octets, hop: hop,
            context: context, branch: branch, timers: settings.timers)
        client.target = target
        client.alternates = alternates
        client.isLargeOverTCP = isLargeOverTCP
        context.branches[branch] = client
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

    /// RFC 3261 section 18.1.1, for a path whose MTU is not known.
    static let largestDatagram = 1300
    /// How long a hop that refused TCP is not asked for it again: 5 minutes.
    static let withoutTCPFor: UInt64 = 300_000_000_000

    private func takesTCP(_ hop: Hop, _ context: ProxyContext) -> Bool {
        // The caller is reached where its UDP comes from; behind a NAT nothing else gets there.
        guard hop.transport == .udp, context.inDialog?.side != .callee, case .endpoint(let endpoint) = hop.address
        else { return false }
        guard let until = withoutTCP.withEntry(endpoint, { $0 }).result else { return true }
        return until <= clock().monotonic
    }

    /// The request as it goes to a server.
    private func forwarded(
        _ context: ProxyContext, _ target: ProxyContext.Target, at hop: Hop, branch: Branch
    ) -> [UInt8] {
        let request = context.request
        let local = localAddress(for: hop)
        var forwarded = ForwardedRequest(source: context.server.flow.remote)
        forwarded.realm = context.entrance.realm
        forwarded.requestURI = target.requestURI
        if let inDialog = context.inDialog {
            forwarded.routesToDrop = inDialog.routesToDrop
            forwarded.appendedRoute = inDialog.appendedRoute
            forwarded.dropsLastRoute = inDialog.dropsLastRoute
        } else {
            forwarded.dropsAllRoutes = true
            forwarded.added = addedFields(context)
            if request.method == .invite {
                forwarded.recordRoutes = recordRoutes(context, hop: hop, local: local)
            }
        }
        return forwarded.octets(of: request) { output in
            Self.appendVia(of: branch, at: hop, local: local, to: &output)
            // RFC 5923 section 5: the next hop may send its requests back over this connection.
            if hop.transport == .tls { output.append(";alias") }
        }
    }

    /// The edge's Via value, without parameters that only some hops get.
    static func appendVia(of branch: Branch, at hop: Hop, local: String, to output: inout [UInt8]) {
        output.append("SIP/2.0/")
        output.appendText(hop.transport.viaToken)
        output.append(UInt8(ascii: " "))
        output.appendText(local)
        output.append(";rport;branch=")
        branch.append(to: &output)
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
        case .named: return "invalid.invalid"
        }
        return transport?.localEndpoint(facing: remote, transport: hop.transport)?.description ?? "invalid.invalid"
    }

    /// The Record-Route values: one, or two where the call changes transport or address on its way through
    /// (RFC 5658 section 4); the one towards the next hop on top.
    private func recordRoutes(_ context: ProxyContext, hop: Hop, local: String) -> [String] {
        let request = context.request
        let flow = context.server.flow
        let user = cookie.issue(
            callID: request.callID, callerTag: request.fromTag ?? "", pass: context.call?.key.pass ?? 1)
        let outward = "<sip:\(user)@\(local);transport=\(hop.transport.rawValue);lr>"
        let near =
            settings.advertised[flow.transport]
            ?? transport?.localEndpoint(facing: flow.remote, transport: flow.transport)?.description ?? local
        let inward = "<sip:\(user)@\(near);transport=\(flow.transport.rawValue);lr>"
        return outward == inward ? [outward] : [outward, inward]
    }
}
