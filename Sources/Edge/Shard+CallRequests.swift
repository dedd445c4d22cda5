import CoreTypes
import SIPMessage
import SIPProxy
import SIPTransaction
import Transport

/// What the edge says itself inside the dialogs of a call: BYE and OPTIONS, to either side in the name of the other.
extension Shard {
    /// Sends a request to one side of a dialog.
    /// - Parameters:
    ///   - number: of CSeq.
    ///   - reason: a Reason value (RFC 3326).
    ///   - concluded: called once with the status of the final response; nil when there was none or nobody could be
    ///     reached.
    func ask(
        _ method: SIPMessage.Method, _ call: Call, _ dialog: CallDialog, towards side: DialogSide, number: UInt32,
        reason: String? = nil, concluded: @escaping (Int?) -> Void
    ) {
        let leg = dialog[side]
        guard let hop = hop(towards: side, next: leg.nextHop, call: call) else {
            return concluded(nil)
        }
        let question = OwnRequest.InDialog(
            method: method, callID: call.callID, to: leg, from: dialog[side.other].identity, number: number,
            reason: reason)
        locate(hop) { [weak self] servers in
            guard let self else { return }
            self.ask(question, at: servers[...], concluded)
        }
    }

    private func ask(
        _ question: OwnRequest.InDialog, at servers: ArraySlice<Hop>, _ concluded: @escaping (Int?) -> Void
    ) {
        guard let server = servers.first else { return concluded(nil) }
        let branch = branches.mint()
        let octets = question.octets(
            via: "SIP/2.0/\(server.transport.viaToken) \(localAddress(for: server));rport;branch=\(branch)")
        let client = ClientTransaction(
            id: nextID(), key: ClientTransactionKey(branch: branch, method: question.method), octets: octets,
            hop: server, context: nil, branch: 0, timers: settings.timers)
        client.concluded = { [weak self] status in
            // RFC 3263 section 4.3: the next server when this one can't be reached.
            if status == nil, servers.count > 1, let self {
                self.ask(question, at: servers.dropFirst(), concluded)
            } else {
                concluded(status)
            }
        }
        insert(client)
        carryOut(client.start(), client, response: nil)
    }

    /// Ends a dialog on both sides (RFC 3261 section 15.1.1). What they answer changes nothing: whoever sends a BYE has
    /// left.
    func hangUp(_ call: Call, _ dialog: CallDialog, reason: String) {
        for side in [DialogSide.caller, .callee] {
            ask(
                .bye, call, dialog, towards: side, number: (dialog[side].sequence ?? 0) + 1, reason: reason,
                concluded: { _ in })
        }
    }
}

extension OwnRequest {
    /// A request inside a dialog of others (RFC 3261 section 12.2.1.1).
    struct InDialog {
        var method: SIPMessage.Method
        var callID: String
        var to: CallDialog.Leg
        /// From, with its tag.
        var from: String
        var number: UInt32
        var reason: String?

        func octets(via: String) -> [UInt8] {
            var target = to.target
            var routes = to.routes.map(\.text)
            if let first = to.routes.first, URI(first.uri)?.isLooseRouting == false {
                // A strict router wants itself in the Request-URI and the target last.
                target = first.uri
                routes = routes.dropFirst() + ["<\(to.target)>"]
            }
            var text = "\(method.name) \(target) SIP/2.0\r\nVia: \(via)\r\nMax-Forwards: 70\r\n"
            for route in routes { text += "Route: \(route)\r\n" }
            text += "From: \(from)\r\nTo: \(to.identity)\r\nCall-ID: \(callID)\r\nCSeq: \(number) \(method.name)\r\n"
            if let reason { text += "Reason: \(reason)\r\n" }
            return Array((text + "Content-Length: 0\r\n\r\n").utf8)
        }
    }
}
