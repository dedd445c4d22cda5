import Telemetry
import CoreTypes
import SIPMessage
import SIPProxy
import SIPTransaction
import Transport

/// Responses from the next hop (RFC 3261 section 16.7).
extension Shard {
    func receivedResponse(_ response: Message, on flow: Flow, now: Moment) {
        guard let status = response.status, let key = ClientTransactionKey(response: response),
            let client = clients[key]
        else {
            if let branch = response.topViaShape.branch.flatMap({ Branch(response, $0) }),
                handsOn(response, on: flow, to: Int(branch.shard))
            {
                return
            }
            // RFC 6026 section 8.9: what belongs to no transaction goes nowhere.
            hot.dropped(.strayResponse)
            return
        }
        // A response for the edge carries its Via and, unless the edge made the request itself, another one behind.
        guard client.context == nil && client.aftermath == nil || response.viaCount > 1 else {
            hot.dropped(.singleVia)
            return
        }
        if status < 200 { client.hasProvisional = true }
        carryOut(client.received(status: status), client, response: response)
        if status < 200, client.cancelWanted { cancel(client) }
    }

    /// A response that its transaction hands up.
    func deliver(_ response: Message, of client: ClientTransaction, _ context: ProxyContext) {
        guard let status = response.status else { return }
        if context.isTornDown, context.request.method == .invite, (200..<300).contains(status) {
            hangUpLate(response, client, context)
            return
        }
        if status > 100, status < 200, context.timerC != nil {
            // Section 16.7 step 2: any provisional response but 100 starts timer C anew.
            disarm(&context.timerC)
            context.timerC = arm(after: UInt64(settings.timerC.nanoseconds), .timerC(context))
        }
        if status >= 200 {
            if status == 503, tryNextServer(client, context) { return }
            let retryAfter = status == 503 ? response.text(.retryAfter).flatMap(Self.seconds) : nil
            served(client.target, status == 503 ? .failed : .answered, String(status), retryAfter: retryAfter)
            context.ended(client.branch, .received(response))
        }
        perform(
            context.responses.received(status: status, on: client.branch), context,
            latest: Arrival(response: response, source: client.hop.remote))
    }

    /// A 2xx to an INVITE that has been answered with one: it comes again, or from another phone.
    func deliver(_ response: Message, of client: ClientTransaction, _ aftermath: ClientTransaction.Aftermath) {
        guard let status = response.status, (200..<300).contains(status), let server = aftermath.server else { return }
        respond(server, RelayedResponse.octets(of: response), status: status)
        guard let call = aftermath.call, let source = client.hop.remote else { return }
        follow(response, status: status, from: source, of: call)
    }

    /// The delay of a Retry-After, without the comment and parameters that may follow (RFC 3261 section 20.33).
    private static func seconds(_ retryAfter: String) -> Int? {
        Int(retryAfter.prefix { $0.isASCII && $0.isNumber })
    }

    /// A transaction that ended without a response: the next server of its target, else its branch counts as having
    /// got one (section 16.9).
    func branchFailed(_ client: ClientTransaction, _ context: ProxyContext, status: Int, _ reason: String) {
        let isCancelled = context.responses.isCancelled(branch: client.branch)
        if !isCancelled, tryNextServer(client, context) { return }
        if !isCancelled { served(client.target, .failed, reason) }
        branchFailed(client.branch, of: context, status: status, reason)
    }

    func branchFailed(_ branch: Int, of context: ProxyContext, status: Int, _ reason: String) {
        context.ended(branch, .local(status: status, reason: reason, retryAfter: status == 503 ? 5 : nil))
        perform(context.responses.failed(status: status, on: branch), context, latest: nil)
    }

    /// A response and the address that its request was sent to.
    struct Arrival {
        var response: Message
        var source: IPAddress?
    }

    func perform(_ actions: [ResponseContext.Action], _ context: ProxyContext, latest: Arrival?) {
        for action in actions {
            switch action {
            case .relay:
                if let latest { relay(latest.response, context, from: latest.source) }
            case .relayBest(let branch, let status):
                relayBest(branch, status, context)
            case .cancel(let branch):
                if let client = context.branches[branch] { cancel(client) }
            case .startNextGroup:
                startNextGroup(context)
            }
        }
    }

    private func relay(
        _ response: Message, _ context: ProxyContext, from source: IPAddress?, adding challenges: [Message] = []
    ) {
        guard let status = response.status else { return }
        respond(context.server, RelayedResponse.octets(of: response, adding: challenges), status: status)
        if status >= 200 {
            context.isFinished = true
            disarm(&context.timerC)
        }
        if let source { follow(response, status: status, from: source, context) }
        if status >= 200 { context.letGo() }
    }

    private func relayBest(_ branch: Int, _ status: Int, _ context: ProxyContext) {
        guard !context.isFinished else { return }
        switch context.finals[branch] {
        case .received(let response) where status != 503:
            relay(
                response, context, from: nil,
                adding: status == 401 || status == 407 ? otherChallenges(branch, context) : [])
        case .received, nil:
            // Section 16.7 step 6: a 503 is about that server, not about this one.
            finish(context, local: 500, "Server Internal Error")
        case .local(503, _, _) where context.hasReceivedFinal:
            finish(context, local: 500, "Server Internal Error")
        case .local(let status, let reason, let retryAfter):
            let fields = retryAfter.map { [("Retry-After", String($0))] } ?? []
            finish(context, local: status, reason, fields: fields)
        }
        if let call = context.call, context.inDialog == nil, call.state != .ended {
            end(call, result: .refused, status: status)
        }
    }

    /// Section 16.7 step 7: the caller gets the challenges of all branches.
    private func otherChallenges(_ best: Int, _ context: ProxyContext) -> [Message] {
        context.finals.all.compactMap { branch, final in
            guard branch != best, case .received(let response) = final, response.status == 401 || response.status == 407
            else { return nil }
            return response
        }
    }

    /// Section 16.8: nobody answers. What rings is cancelled, and the caller hears 408.
    func timerCFired(_ context: ProxyContext) {
        guard !context.isFinished else { return }
        context.isTornDown = context.inDialog == nil
        for branch in context.responses.pendingBranches { context.branches[branch].map(cancel) }
        finish(context, local: 408, "Request Timeout")
    }
}

/// A response as it goes on to the caller (RFC 3261 section 16.7): without the edge's own Via, and without what only
/// trusted elements may say about identity (RFC 3325 section 5).
enum RelayedResponse {
    /// - Parameter challenges: responses whose challenges are added (section 16.7 step 7).
    static func octets(of response: Message, adding challenges: [Message] = []) -> [UInt8] {
        var isTopVia = true
        return response.copied(
            deciding: [.via, .pAssertedIdentity, .remotePartyID, .other],
            fate: { field, output in
                guard field.name == .via else { return ForwardedRequest.isEdgeOnly(response, field) ? .remove : .keep }
                guard isTopVia else { return .keep }
                isTopVia = false
                // More values behind the edge's own in the same field?
                let own = response.topViaShape.range.upperBound
                guard own < field.value.upperBound, let comma = response.bytes[own...].firstIndex(of: UInt8(ascii: ","))
                else { return .remove }
                output.append("Via:")
                output.append(response.bytes, comma + 1..<field.line.upperBound)
                return .written
            },
            last: { output in
                for challenge in challenges {
                    for field in challenge.fields
                    where field.name == .wwwAuthenticate || field.name == .proxyAuthenticate {
                        output.append(challenge.bytes, field.line)
                    }
                }
            })
    }
}
