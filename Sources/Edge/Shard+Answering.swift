import Telemetry
import CoreTypes
import Defense
import SIPMessage
import SIPProxy
import SIPTransaction
import Transport

/// Answers that the edge makes itself.
extension Shard {
    /// Carries out a refusal of the layers: without a transaction, so that nothing is repeated towards an address that
    /// has proven nothing, and nothing is kept.
    func refuse(_ request: Message, _ refusal: Refusal, facts: PassageFacts, on flow: Flow, now: Moment) {
        count(refusal, from: flow.remote.address, expertID: refusal.event?.expertID)
        if let event = refusal.event {
            if refusal.kind == .challenged {
                record(event.make(), now: now)
            } else {
                recordRefusal(event, cause: refusal.cause, now: now)
            }
        }
        guard let answer = refusal.answer else {
            hot.dropped(refusal.cause)
            return
        }
        reply(request, answer, on: flow)
    }

    /// Carries out a refusal that no layer has made: SIP itself asks for it. It is in the witness like theirs.
    func refuse(_ request: Message, _ failure: RequestCheck.Failure, on flow: Flow, now: Moment) {
        let event = SecurityEvent(
            .securityRejected, .notice, sourceIP: flow.remote.address,
            details: [
                .init("reason", .string(failure.cause.rawValue)), .init("status", .integer(failure.status)),
                .init("method", .string(request.method.name.cut(to: 256))),
                .init("request_uri", .string(request.requestURIText.cut(to: 256))),
                .init("call_id", .string(request.callID.cut(to: 256))),
                .init("source_port", .integer(Int(flow.remote.port))),
                .init("transport", .string(flow.transport.rawValue)),
            ])
        recordRefusal(event, cause: failure.cause.rawValue, now: now)
        let fields = failure.unsupported.isEmpty ? [] : [("Unsupported", failure.unsupported.joined(separator: ", "))]
        reply(request, .init(failure.status, failure.reason, fields: fields), on: flow)
    }

    /// Answers without a transaction.
    func reply(_ request: Message, _ answer: Refusal.Answer, on flow: Flow) {
        let draft = ResponseDraft(
            answer.status, answer.reason, toTag: localTag(request), fields: answer.fields)
        sendReply(request.replyFields, draft, on: flow)
    }

    func sendReply(_ fields: ReplyFields, _ draft: ResponseDraft, on flow: Flow) {
        guard write(draft, fields, flow) else {
            hot.dropped(.amplification)
            return
        }
        hot.response(draft.status)
        send(replyOctets, to: flow.replyPort(fields.topVia), on: flow)
    }

    /// An address that has proven nothing is sent at most three times what it sent (RFC 9000 section 8.1): fields are left
    /// out from the last, which of several challenges is the weakest; false when even that is too long.
    private func write(_ draft: ResponseDraft, _ fields: ReplyFields, _ flow: Flow) -> Bool {
        var draft = draft
        let most = flow.transport.isReliable ? Int.max : 3 * fields.requestLength
        while true {
            replyOctets.removeAll(keepingCapacity: true)
            fields.write(draft, source: flow.remote, to: &replyOctets)
            if replyOctets.count <= most { return true }
            guard draft.fields.popLast() != nil else { return false }
        }
    }

    /// The same for each retransmission of a request (RFC 3261 section 8.2.7), and unlike any other.
    func localTag(_ request: Message) -> UInt64 {
        let bytes = request.bytes
        var state = secret.begin("tag")
        state.absorb(bytes, request.callIDRange)
        state.absorb(bytes, request.fromTagRange ?? 0..<0)
        state.absorb(bytes, request.topViaShape.branch ?? 0..<0)
        return state.finish().first
    }

    /// Sends a response to where its request came from (RFC 3261 section 18.2.2, RFC 3581 section 4): back over the
    /// connection, or to the source address, at the source port if rport asked for it. maddr is not honored.
    private func send(_ octets: [UInt8], to port: UInt16, on flow: Flow) {
        guard !flow.transport.isReliable else {
            if !transmit(octets, on: flow.id) {
                metrics.increment(EdgeMetrics.transportFailures, ["connection_closed"])
            }
            return
        }
        transport?.send(octets, on: flow.id.facing(Endpoint(flow.remote.address, port: port)))
    }

    /// Sends the latest response of a transaction; over a stream that is gone, by another connection.
    func send(_ octets: [UInt8], of server: ServerTransaction) {
        guard server.flow.transport.isReliable else {
            send(octets, to: server.replyPort, on: server.flow)
            return
        }
        if !transmit(octets, on: server.flow.id) { sendOverNewConnection(octets, of: server) }
    }

    /// Answers through the request's server transaction, and ends its context.
    func finish(
        _ context: ProxyContext, local status: Int, _ reason: String, fields: [(String, String)] = []
    ) {
        guard !context.isFinished else { return }
        context.isFinished = true
        disarm(&context.timerC)
        respond(
            context,
            ResponseDraft(
                status, reason, toTag: localTag(context.request), fields: fields.map { (name: $0.0, value: $0.1) }))
        defer { context.letGo() }
        guard let call = context.call else { return }
        if let inDialog = context.inDialog {
            if context.request.method == .bye { hungUp(context, inDialog.side) }
        } else {
            end(call, result: .refused, status: status)
        }
    }

    func respond(_ context: ProxyContext, _ draft: ResponseDraft) {
        let octets = context.request.replyFields.response(draft, source: context.server.flow.remote)
        respond(context.server, octets, status: draft.status)
    }

    /// Hands a response to the server transaction, which sends it if its state allows.
    func respond(_ server: ServerTransaction, _ octets: [UInt8], status: Int) {
        let step = server.respond(status: status)
        guard step.transmit else { return }
        server.response = octets
        hot.response(status)
        if status >= 200 {
            let now = clock().monotonic
            hot.answered(server.method, seconds: Double(now - min(server.receivedAt.monotonic, now)) / 1e9)
        }
        carryOut(step, server)
        // The far end repeats a 2xx itself.
        if server.method == .invite, (200..<300).contains(status) { server.response = [] }
    }
}
