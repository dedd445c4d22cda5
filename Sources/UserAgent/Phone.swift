internal import CoreTypes
internal import NIOCore
internal import TransportSecurity
internal import SIPMessage
internal import Transport

/// The answering phone on its loop.
final class Phone: TransportObserver {
    private struct Call {
        let invite: Message
        let flow: Flow
        let tag: UInt64
        /// The last response, sent again when the INVITE comes again.
        var response: [UInt8]
        /// Until a final response is sent.
        var isRinging = true
        /// Until the ACK, over UDP.
        var repeatsAfter: Duration?
    }

    private let loop: any EventLoop
    var manner: AnsweringPhone.Manner
    private let log: PhoneLog
    private var layer: TransportLayer?
    /// By Call-ID.
    private var calls: [String: Call] = [:]

    private static let mostCalls = 10_000

    init(loop: any EventLoop, manner: AnsweringPhone.Manner, tls: TLSContext?, log: PhoneLog) {
        self.loop = loop
        self.manner = manner
        self.log = log
        layer = TransportLayer(loop: loop, observer: self, serverTLS: tls)
    }

    func listen(_ transport: TransportKind, _ endpoint: Endpoint) -> EventLoopFuture<Endpoint> {
        layer?.listen(transport, on: endpoint, index: 0) ?? loop.makeFailedFuture(SendFailure.closed)
    }

    func shutdown() {
        layer?.shutdown()
        layer = nil
        calls = [:]
    }

    // MARK: TransportObserver

    func admit(connectionFrom remote: Endpoint, listener: Int) -> Bool { true }
    func opened(_ flow: Flow) {}
    func unframeable(_ reason: FramingFailure, on flow: Flow, head: [UInt8]) {}
    func handshakeFailed(from remote: Endpoint, listener: Int, reason: HandshakeFailure) {}
    func closed(_ id: FlowID, reason: CloseReason) {}
    func sendFailed(_ ticket: UInt64, reason: SendFailure) {}

    func received(_ octets: UnsafeRawBufferPointer, on flow: Flow) -> Bool {
        let bytes = Array(octets)
        guard let message = try? Message(parsing: bytes) else { return true }
        log.append(.init(message: message, source: flow.remote, transport: flow.transport))
        guard message.isRequest else { return true }
        switch message.method {
        case .invite: receivedInvite(message, flow)
        case .ack: calls[message.callID]?.repeatsAfter = nil
        case .cancel: receivedCancel(message, flow)
        case .bye:
            let known = calls.removeValue(forKey: message.callID) != nil
            answer(message, flow, known ? 200 : 481, known ? "OK" : "Call/Transaction Does Not Exist")
        case .options: answer(message, flow, 200, "OK")
        default: answer(message, flow, 501, "Not Implemented")
        }
        return true
    }

    // MARK: Calls

    private func receivedInvite(_ invite: Message, _ flow: Flow) {
        if let call = calls[invite.callID] {
            if call.invite.topVia.branch == invite.topVia.branch {
                layer?.send(call.response, on: flow.id)
            } else {
                answer(invite, flow, 200, "OK", tag: call.tag, describing: flow.local.address)
            }
            return
        }
        guard calls.count < Self.mostCalls else { return answer(invite, flow, 486, "Busy Here") }
        let tag = UInt64.random(in: 1...UInt64.max)
        calls[invite.callID] = Call(invite: invite, flow: flow, tag: tag, response: [])
        guard let ringsFor = manner.ringsFor else { return pickUp(invite.callID) }
        respond(invite.callID, 180, "Ringing")
        loop.assumeIsolated().scheduleTask(in: .nanoseconds(ringsFor.nanoseconds)) { self.pickUp(invite.callID) }
    }

    private func pickUp(_ callID: String) {
        guard let call = calls[callID], call.isRinging else { return }
        calls[callID]?.isRinging = false
        respond(callID, manner.status, manner.reason)
        guard manner.status < 300 else {
            // The ACK for a refusal needs nothing from us, and the Call-ID may come again with credentials.
            calls[callID] = nil
            return
        }
        if call.flow.transport == .udp { repeatAnswer(callID, after: manner.t1) }
    }

    /// A 2xx over UDP is sent again until the ACK comes (RFC 3261 section 13.3.1.4), for 64 times T1.
    private func repeatAnswer(_ callID: String, after delay: Duration) {
        guard delay <= manner.t1 * 64 else { return }
        calls[callID]?.repeatsAfter = delay
        loop.assumeIsolated().scheduleTask(in: .nanoseconds(delay.nanoseconds)) {
            guard let call = self.calls[callID], call.repeatsAfter == delay else { return }
            self.layer?.send(call.response, on: call.flow.id)
            self.repeatAnswer(callID, after: delay * 2)
        }
    }

    private func receivedCancel(_ cancel: Message, _ flow: Flow) {
        guard let call = calls[cancel.callID], call.invite.topVia.branch == cancel.topVia.branch else {
            return answer(cancel, flow, 481, "Call/Transaction Does Not Exist")
        }
        answer(cancel, flow, 200, "OK", tag: call.tag)
        guard call.isRinging else { return }
        calls[cancel.callID]?.isRinging = false
        respond(cancel.callID, 487, "Request Terminated")
        calls[cancel.callID] = nil
    }

    // MARK: Responses

    private func respond(_ callID: String, _ status: Int, _ reason: String) {
        guard let call = calls[callID] else { return }
        let bytes = response(
            to: call.invite, call.flow, status, reason, tag: call.tag,
            body: (200..<300).contains(status) ? SessionDescription.text(local(call.flow)) : "")
        calls[callID]?.response = bytes
        layer?.send(bytes, on: call.flow.id)
    }

    private func answer(
        _ request: Message, _ flow: Flow, _ status: Int, _ reason: String, tag: UInt64 = .random(in: 1...UInt64.max),
        describing address: IPAddress? = nil
    ) {
        let body = address.map { _ in SessionDescription.text(local(flow)) } ?? ""
        layer?.send(response(to: request, flow, status, reason, tag: tag, body: body), on: flow.id)
    }

    /// The address that the peer reaches us by, also where the socket is bound to all.
    private func local(_ flow: Flow) -> IPAddress {
        guard flow.local.address.isUnspecified else { return flow.local.address }
        return LocalAddress.toward(flow.remote.address) ?? flow.local.address
    }

    /// With Record-Route copied and a Contact, as a dialog needs them (RFC 3261 section 12.1.1).
    private func response(
        to request: Message, _ flow: Flow, _ status: Int, _ reason: String, tag: UInt64, body: String
    ) -> [UInt8] {
        var fields: [(name: String, value: String)] = request.all(.recordRoute)
            .map { ("Record-Route", request.text($0.value)) }
        let own = Endpoint(local(flow), port: flow.local.port)
        let transport = flow.transport == .udp ? "" : ";transport=\(flow.transport.rawValue)"
        fields.append(("Contact", "<sip:phone@\(own)\(transport)>"))
        fields.append(("Allow", "INVITE, ACK, BYE, CANCEL, OPTIONS"))
        if !body.isEmpty { fields.append(("Content-Type", "application/sdp")) }
        var bytes = request.replyFields.response(
            ResponseDraft(status, reason, toTag: tag, fields: fields), source: flow.remote)
        guard !body.isEmpty else { return bytes }
        // Drafts end with an empty body's length.
        let ending = Array("Content-Length: 0\r\n\r\n".utf8)
        if bytes.suffix(ending.count).elementsEqual(ending) { bytes.removeLast(ending.count) }
        return bytes + Array("Content-Length: \(body.utf8.count)\r\n\r\n\(body)".utf8)
    }
}
