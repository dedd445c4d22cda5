import CoreTypes
import Logging
import SIPMessage
import SIPProxy
import Transport

/// From a URI to the servers behind it (RFC 3263).
extension Shard {
    /// The servers of a hop in the order to be tried; none when its name leads nowhere. May call back at once.
    func locate(_ hop: Hop, _ completion: @escaping ([Hop]) -> Void) {
        guard case .named(let goal) = hop.address else {
            completion([hop])
            return
        }
        guard let locator else {
            completion([])
            return
        }
        locator.locate(goal) { [logger] result in
            switch result {
            case .success(let targets):
                completion(targets.map { Hop($0) })
            case .failure(let failure):
                logger.warning(
                    "a next hop can't be found", metadata: ["host": "\(goal.host)", "reason": "\(failure.rawValue)"])
                completion([])
            }
        }
    }

    /// Sends a response where its connection has been: over another one to the port that the peer listens on (RFC 3261
    /// section 18.2.2, RFC 3263 section 5). Only to the address that the request came from: what else a Via names is for
    /// a stranger to choose.
    func sendOverNewConnection(_ octets: [UInt8], of server: ServerTransaction) {
        let flow = server.flow
        guard let sentBy = server.sentBy else { return }
        let name: String? = if case .name(let name) = sentBy.host { name } else { nil }
        func send(port: UInt16) {
            transport?.send(
                octets, to: Endpoint(flow.remote.address, port: port), transport: flow.transport, tlsServerName: name,
                ticket: 0)
        }
        guard name != nil, sentBy.port == nil, let locator else {
            send(port: sentBy.port ?? flow.transport.defaultPort)
            return
        }
        locator.locateResponse(sentBy: sentBy.host, port: nil, transport: flow.transport) { result in
            let known = (try? result.get())?.first { $0.endpoint.address == flow.remote.address }
            send(port: known?.endpoint.port ?? flow.transport.defaultPort)
        }
    }
}
