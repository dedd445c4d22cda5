import Logging
import Telemetry
import CoreTypes
import SIPMessage
import SIPTransaction
import Transport

/// Carries out what the transaction machines say.
extension Shard {
    func carryOut(_ step: TransactionStep, _ server: ServerTransaction) {
        if step.transmit, !server.response.isEmpty {
            send(server.response, of: server)
        }
        set(&server.retransmission, step.retransmission, .serverRetransmission(server))
        set(&server.deadline, step.deadline, .serverDeadline(server))
        if step.end != nil { remove(server) }
    }

    private func remove(_ server: ServerTransaction) {
        guard !server.hasEnded else { return }
        server.hasEnded = true
        disarm(&server.retransmission)
        disarm(&server.deadline)
        servers[server.key] = nil
        let source = server.flow.remote.address
        let left = (serversOfSource[source] ?? 1) - 1
        serversOfSource[source] = left > 0 ? left : nil
        server.context = nil
    }

    func insert(_ server: ServerTransaction) {
        servers[server.key] = server
        begun.servers += 1
        serversOfSource[server.flow.remote.address, default: 0] += 1
    }

    /// - Parameter response: what was received, when that is what made the step.
    func carryOut(_ step: TransactionStep, _ client: ClientTransaction, response: Message?) {
        let context = client.context
        if step.transmit { transmit(client) }
        set(&client.retransmission, step.retransmission, .clientRetransmission(client))
        set(&client.deadline, step.deadline, .clientDeadline(client))
        if step.acknowledge, let response { acknowledge(client, response) }
        if step.end != nil { remove(client) }
        if let probe = client.probe {
            if step.deliver, let status = response?.status { probeAnswered(probe, status: status) }
            if step.end == .timeout { probeFailed(probe) }
        }
        if step.deliver, let status = response?.status, status >= 200 { client.conclude(status) }
        if step.end == .timeout { client.conclude(nil) }
        if step.deliver, let response {
            if let context {
                deliver(response, of: client, context)
            } else if let aftermath = client.aftermath {
                deliver(response, of: client, aftermath)
            }
        }
        if step.end == .timeout, let context {
            branchFailed(client, context, status: 408, "Request Timeout")
        }
    }

    func insert(_ client: ClientTransaction) {
        clients[client.key] = client
        tickets[client.id] = client
        begun.clients += 1
    }

    func remove(_ client: ClientTransaction) {
        guard !client.hasEnded else { return }
        client.hasEnded = true
        disarm(&client.retransmission)
        disarm(&client.deadline)
        clients[client.key] = nil
        tickets[client.id] = nil
        client.context = nil
    }

    private func set(_ handle: inout TimerHandle?, _ alarm: Alarm, _ timer: Timer) {
        switch alarm {
        case .keep:
            break
        case .clear:
            disarm(&handle)
        case .set(let nanoseconds):
            disarm(&handle)
            handle = arm(after: nanoseconds, timer)
        }
    }

    private func transmit(_ client: ClientTransaction) {
        send(client.octets, to: client.hop, ticket: client.id)
    }

    /// Sends to a hop whose name has been resolved.
    func send(_ octets: [UInt8], to hop: Hop, ticket: UInt64) {
        switch hop.address {
        case .endpoint(let endpoint):
            transport?.send(
                octets, to: endpoint, transport: hop.transport, tlsServerName: hop.serverName, ticket: ticket)
        case .flow(let id, _):
            if !transmit(octets, on: id) { sendFailed(ticket, reason: .closed) }
        case .named:
            sendFailed(ticket, reason: .unreachable)
        }
    }

    func sendFailed(_ ticket: UInt64, reason: SendFailure) {
        metrics.increment(EdgeMetrics.transportFailures, [reason.rawValue])
        guard let client = tickets[ticket] else { return }
        let context = client.context
        // RFC 3261 section 17.1.4 and 16.9: as if a 503 had come.
        remove(client)
        logger.debug("can't send", metadata: ["hop": "\(client.hop.description)", "reason": "\(reason)"])
        if let probe = client.probe { probeFailed(probe) }
        client.conclude(nil)
        guard let context else { return }
        if client.isLargeOverTCP, case .endpoint(let endpoint) = client.hop.address {
            withoutTCP.set(endpoint, clock().monotonic + Self.withoutTCPFor)
        }
        if reason == .tooLarge {
            branchFailed(client, context, status: 513, "Message Too Large")
        } else {
            branchFailed(client, context, status: 503, "Service Unavailable")
        }
    }

    func deadlineFired(_ client: ClientTransaction) {
        let step = client.deadlineFired()
        if step == .nothing, client.cancelSent, !client.hasEnded {
            // RFC 3261 section 9.1: cancelled, and never answered.
            let context = client.context
            remove(client)
            if let context {
                branchFailed(client, context, status: 487, "Request Terminated")
            }
            return
        }
        carryOut(step, client, response: nil)
    }

    /// The ACK for a non-2xx final response (RFC 3261 section 17.1.1.3).
    private func acknowledge(_ client: ClientTransaction, _ response: Message) {
        guard let octets = OwnRequest.ack(for: client.octets, response: response) else { return }
        send(octets, to: client.hop, ticket: 0)
    }

    /// Cancels a branch: at once when a provisional response has come, else as soon as one comes (RFC 3261 section 9.1).
    func cancel(_ client: ClientTransaction) {
        client.cancelWanted = true
        guard client.hasProvisional, !client.cancelSent, !client.hasEnded,
            let octets = OwnRequest.cancel(for: client.octets)
        else { return }
        client.cancelSent = true
        let cancelling = ClientTransaction(
            id: nextID(), key: ClientTransactionKey(branch: client.key.branch, method: .cancel), octets: octets,
            hop: client.hop, context: nil, branch: 0, timers: settings.timers)
        insert(cancelling)
        carryOut(cancelling.start(), cancelling, response: nil)
        // RFC 3261 section 9.1: without a final response within 64*T1 the branch counts as cancelled.
        disarm(&client.deadline)
        client.deadline = arm(after: settings.timers.transactionTimeout, .clientDeadline(client))
    }
}
