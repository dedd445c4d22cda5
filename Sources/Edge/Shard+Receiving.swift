import Logging
import SallyportConfiguration
import TransportSecurity
import Telemetry
import CoreTypes
import Defense
import SIPMessage
import SIPProxy
import SIPTransaction
import Transport

/// What comes in: parsed, matched, and sent on its way through the layers.
extension Shard: TransportObserver {
    func received(_ octets: UnsafeRawBufferPointer, on flow: Flow) -> Bool {
        let now = clock()
        if isBanned(flow.remote.address, now: now) { return false }
        if let owner = otherOwner(of: octets, on: flow, now: now) {
            handOver(.message(Array(octets), flow), to: owner)
            return true
        }
        return take(octets, on: flow, now: now)
    }

    /// - Returns: see `TransportObserver`.
    @discardableResult
    func take(_ octets: UnsafeRawBufferPointer, on flow: Flow, now: Moment) -> Bool {
        if isRefusedUnread(octets, flow, now: now) { return false }
        let message: Message
        do {
            message = try reader.read(octets)
        } catch {
            receivedMalformed(error, on: flow, now: now)
            return false
        }
        let strangersBefore = strangersAnswered
        if message.isRequest {
            hot.request(message.method, flow.transport)
            receivedRequest(message, on: flow, now: now)
        } else {
            receivedResponse(message, on: flow, now: now)
        }
        return strangersAnswered == strangersBefore
    }

    /// Whether somebody speaks plain SIP to a TLS listener: layer 3 refuses whatever it is.
    private func isPlainOnTLS(_ flow: Flow) -> Bool {
        flow.security == nil && settings.listeners.indices.contains(flow.listener)
            && settings.listeners[flow.listener].transport == .tls
    }

    private func receivedRequest(_ request: Message, on flow: Flow, now: Moment) {
        if isPlainOnTLS(flow) {
            if request.method != .ack { refuseStray(request, on: flow, now: now) }
            return
        }
        switch request.method {
        case .ack:
            receivedAck(request, on: flow, now: now)
            return
        case .cancel:
            receivedCancel(request, on: flow, now: now)
            return
        default:
            break
        }
        let key = serverKey(request, method: request.method, on: flow)
        if let server = servers[key] {
            carryOut(server.receivedRetransmission(), server)
            return
        }
        if request.isInDialog {
            receivedInDialog(request, key: key, on: flow, now: now)
        } else {
            receivedNew(request, key: key, on: flow, now: now)
        }
    }

    /// Datagrams of one transaction come from one port; over streams a peer may have opened another connection.
    func serverKey(_ request: Message, method: Method, on flow: Flow) -> ServerTransactionKey {
        let source = flow.transport.isReliable ? Endpoint(flow.remote.address, port: 0) : flow.remote
        return ServerTransactionKey(request, method: method, source: source, secret: transactionSecret)
    }

    /// The way that a flow came in by; nil for connections and sockets that the edge opened itself.
    func entrance(of flow: Flow) -> Entrance? {
        entrancesOfListeners.indices.contains(flow.listener) ? entrancesOfListeners[flow.listener] : nil
    }

    // MARK: New requests

    func approach(_ request: Message, on flow: Flow) -> Approach {
        let security = flow.security.map { facts in
            TransportFacts(
                version: facts.version, cipherSuite: facts.cipherSuite,
                peer: facts.peer.map {
                    .init(subject: $0.subject, issuer: $0.issuer, identities: $0.sipIdentities)
                })
        }
        return Approach(
            message: request, source: flow.remote, transport: flow.transport, security: security,
            isOwnDomain: isOwn(request.requestURIShape, of: request, flow))
    }

    private func receivedNew(_ request: Message, key: ServerTransactionKey, on flow: Flow, now: Moment) {
        guard let entrance = entrance(of: flow) else {
            // The edge calls out from here and takes no calls.
            hot.dropped(.noProfile)
            return
        }
        if request.method == .options, request.requestURIShape?.user == nil,
            isOwn(request.requestURIShape, of: request, flow)
        {
            answerOptions(request, entrance, on: flow, now: now)
            return
        }
        let approach = approach(request, on: flow)
        let isContinuation = request.has(.authorization) || request.has(.proxyAuthorization)
        var report = entrance.passage.examine(
            approach, now: now, activeCalls: { common.calls(of: $0) },
            hasRoom: { hasRoomForCalls && overload.admits(isContinuation: isContinuation, now: now.monotonic) },
            stopwatch: { clock().monotonic })
        if let guardStep = report.guardStep {
            hot.policy.observe(Double(guardStep.nanoseconds) / 1e9)
        }
        for event in report.facts.events { record(event, now: now) }
        report.facts.events = []
        if let refusal = report.refusal {
            refuse(request, refusal, facts: report.facts, on: flow, now: now)
            return
        }
        if report.isOverloaded {
            refuseForOverload(request, on: flow, now: now)
            return
        }
        if isDraining {
            reply(request, .init(503, "Service Unavailable", fields: [("Retry-After", "10")]), on: flow)
            return
        }
        if let failure = RequestCheck.examine(request, branches: branches) {
            refuse(request, failure, on: flow, now: now)
            return
        }
        if let refusal = foreignness(request, flow) {
            refuseForeign(request, refusal, report.facts, on: flow, now: now)
            return
        }
        guard let pass = pass(of: request) else {
            // RFC 3261 section 8.2.2.2: the call is up already; another INVITE for it took another way here.
            refuse(request, .init(482, "Loop Detected", cause: .merged), on: flow, now: now)
            return
        }
        let admission = Admission(
            request: request, key: key, report: report, approach: approach, entrance: entrance, pass: pass, flow: flow)
        if let question = report.question, let service = entrance.settings.policyService {
            askPolicy(question, service, admission, now: now)
        } else {
            admit(admission, now: now)
        }
    }

    /// Which time this is that the call comes by: the first, or a later one of a spiral, which an own Via of a request
    /// that is still under way shows. Nil for anything else with the identity of a call that is up.
    func pass(of request: Message) -> Int? {
        guard request.method == .invite else { return 1 }
        func isFree(_ pass: Int) -> Bool {
            !calls.isUp(request, callerTag: request.fromTagRange, pass: pass)
        }
        if isFree(1) { return 1 }
        let isSpiral = request.viaShapes.contains { via in
            guard let branch = via.branch.flatMap({ Branch(request, $0) }) else { return false }
            return clients[ClientTransactionKey(branch: branch, method: .invite)] != nil
        }
        return isSpiral ? (2...CallTable.mostPasses).first(where: isFree) : nil
    }

    /// OPTIONS for the edge itself (RFC 3261 section 11.2): layers 1 to 4, then what the edge can do.
    private func answerOptions(_ request: Message, _ entrance: Entrance, on flow: Flow, now: Moment) {
        let approach = approach(request, on: flow)
        let report = entrance.passage.examineOwn(approach, now: now)
        for event in report.facts.events { record(event, now: now) }
        if let refusal = report.refusal {
            refuse(request, refusal, facts: report.facts, on: flow, now: now)
            return
        }
        if let failure = RequestCheck.examine(request, branches: branches) {
            refuse(request, failure, on: flow, now: now)
            return
        }
        reply(
            request,
            .init(
                200, "OK",
                fields: [("Accept", "application/sdp"), ("Allow", "INVITE, ACK, CANCEL, BYE, OPTIONS, UPDATE, INFO")]),
            on: flow)
    }

    // MARK: What can't be parsed

    private func receivedMalformed(_ failure: ParseFailure, on flow: Flow, now: Moment) {
        hot.malformed(failure.kind)
        guard let entrance = entrance(of: flow) else {
            hot.dropped(.malformed)
            return
        }
        let outcome = entrance.passage.arrived(from: flow.remote.address, now: now)
        recordRefusal(
            from: flow.remote.address, .malformedMessage, .warning, cause: failure.kind.rawValue, now: now
        ) {
            SecurityEvent(
                .malformedMessage, .warning, sourceIP: flow.remote.address,
                details: [
                    .init("reason", .string(failure.reason)), .init("source_port", .integer(Int(flow.remote.port))),
                    .init("transport", .string(flow.transport.rawValue)),
                ])
        }
        guard outcome == .within, let reply = failure.reply, !reply.isAck,
            entrance.passage.isAllowlisted(flow.remote, transport: flow.transport)
        else {
            hot.dropped(.malformed)
            return
        }
        sendReply(reply, ResponseDraft(failure.status, failure.reason), on: flow)
    }

    // MARK: Connections

    func admit(connectionFrom remote: Endpoint, listener: Int) -> Bool {
        guard settings.listeners.indices.contains(listener) else { return false }
        let listening = settings.listeners[listener]
        let now = clock()
        if isBanned(remote.address, now: now) { return false }
        switch entrancesOfListeners[listener]?.passage.arrived(from: remote.address, now: now) {
        case .within?:
            metrics.increment(EdgeMetrics.connectionsTotal, [listening.transport.rawValue])
            return true
        case .exceeded?, .exceededAgain?:
            hot.rejection(.sourceRate)
            let event = SecurityEvent(
                .rateLimitExceeded, .warning, sourceIP: remote.address,
                details: [
                    .init("layer", .string(Layer.sourceRate.rawValue)),
                    .init("transport", .string(listening.transport.rawValue)), .init("connection", true),
                ])
            recordRefusal(event, cause: "connection", now: now)
            return false
        case nil:
            return false
        }
    }

    func opened(_ flow: Flow) {
        guard let security = flow.security else { return }
        let direction = flow.listener >= 0 ? "inbound" : "outbound"
        metrics.increment(EdgeMetrics.tlsConnections, [direction, security.version, security.cipherSuite])
        var details: [SecurityEvent.Detail] = [
            .init("tls_version", .string(security.version)), .init("cipher_suite", .string(security.cipherSuite)),
            .init("source_port", .integer(Int(flow.remote.port))), .init("direction", .string(direction)),
        ]
        let now = clock()
        if let peer = security.peer {
            details.append(.init("subject", .string(peer.subject)))
            details.append(.init("issuer", .string(peer.issuer)))
            details.append(.init("serial", .string(peer.serialNumber)))
            if let warning = certificates.met(peer, at: flow.remote.address, now: now) { record(warning, now: now) }
        }
        record(SecurityEvent(.tlsConnection, .info, sourceIP: flow.remote.address, details: details), now: now)
    }

    func closed(_ id: FlowID, reason: CloseReason) {
        metrics.increment(EdgeMetrics.connectionsClosed, [reason.rawValue])
    }

    func refused(connectionFrom remote: Endpoint, listener: Int, reason: AdmissionRefusal) {
        // What the observer refused has been counted where it was refused.
        guard reason != .observer else { return }
        metrics.increment(EdgeMetrics.dropped, [reason.rawValue])
        let event = SecurityEvent(
            .securityRejected, .warning, sourceIP: remote.address, details: [.init("reason", .string(reason.rawValue))])
        recordRefusal(event, cause: reason.rawValue, now: clock())
    }

    func socketChanged(listener: Int, isUp: Bool) {
        let name = settings.listeners.indices.contains(listener) ? "udp \(settings.listeners[listener].address)" : "udp"
        logger.log(
            level: isUp ? .notice : .error, "\(name) \(isUp ? "works again" : "failed and is being bound again")")
        let details: [SecurityEvent.Detail] = [.init("component", .string(name))]
        record(SecurityEvent(isUp ? .recovered : .degraded, isUp ? .notice : .alert, details: details), now: clock())
    }

    func handshakeFailed(from remote: Endpoint, listener: Int, reason: HandshakeFailure) {
        metrics.increment(EdgeMetrics.tlsFailures, [reason.rawValue])
        hot.rejection(.transportSecurity)
        let event = SecurityEvent(
            .securityEvent, .warning, sourceIP: remote.address,
            details: [
                .init("reason", "handshake_failed"), .init("failure", .string(reason.rawValue)),
                .init("source_port", .integer(Int(remote.port))),
            ])
        recordRefusal(event, cause: reason.rawValue, now: clock())
    }

    func unframeable(_ reason: StreamFramer.Failure, on flow: Flow, head: [UInt8]) {
        metrics.increment(EdgeMetrics.malformed, [reason.rawValue])
        let event = SecurityEvent(
            .malformedMessage, .warning, sourceIP: flow.remote.address,
            details: [
                .init("reason", .string(reason.rawValue)), .init("source_port", .integer(Int(flow.remote.port))),
                .init("transport", .string(flow.transport.rawValue)),
            ])
        recordRefusal(event, cause: reason.rawValue, now: clock())
        guard let entrance = entrance(of: flow),
            entrance.passage.arrived(from: flow.remote.address, now: clock()) == .within,
            entrance.passage.isAllowlisted(flow.remote, transport: flow.transport)
        else { return }
        // The header may be whole although its length is in doubt: then the peer is told.
        do {
            let message = try Message(parsing: head, limits: settings.limits)
            // In a datagram it would do; in a stream nobody knows where it ends (RFC 3261 section 18.3).
            guard message.isRequest, message.method != .ack else { return }
            reply(message, .init(400, "Bad or Missing Content-Length"), on: flow)
        } catch {
            if let fields = error.reply, !fields.isAck {
                sendReply(fields, ResponseDraft(error.status, error.reason), on: flow)
            }
        }
    }
}
