import CoreTypes
import Defense
import SIPMessage
import SIPProxy
import Telemetry
import Transport

/// What is the edge's own, and what it therefore carries nowhere.
extension Shard {
    /// Whether a URI names the edge: a domain that it answers for, or an address and port that it listens on.
    func isOwn(_ uri: URIShape?, of message: Message, _ flow: Flow) -> Bool {
        guard let uri else { return false }
        if let address = uri.host.address {
            guard
                uri.port.map({ settings.servedPorts.contains($0) || boundPorts.contains($0) || $0 == flow.local.port })
                    ?? true
            else { return false }
            return isOwn(address, flow)
        }
        return settings.servedNames.contains { message.isHost(of: uri, $0) }
            || flow.local.address.isLoopback && message.isHost(of: uri, Self.localhost)
    }

    private static let localhost = CaselessName("localhost")

    private func isOwn(_ address: IPAddress, _ flow: Flow) -> Bool {
        if address == flow.local.address || settings.servedAddresses.contains(address) { return true }
        // A socket on all addresses knows only from where an answer would leave.
        return transport?.localEndpoint(facing: flow.remote, transport: flow.transport)?.address == address
    }

    /// Why a new request is none of the edge's: a Route that is another element's address, or a Request-URI with an
    /// address that means something else on every machine. Such a request is refused rather than bent to the routes.
    ///
    /// Host names are not judged: they lead nowhere but where the routes say, and a bridge takes calls to any domain.
    func foreignness(_ request: Message, _ flow: Flow) -> String? {
        var isForeign = false
        request.eachAddress(.route) { route in
            isForeign = route.uri.host.address != nil && !isOwn(route.uri, of: request, flow)
            return !isForeign
        }
        if isForeign { return "foreign_route" }
        if let target = request.requestURIShape, let address = target.host.address,
            address.isLoopback || address.isLinkLocal || address.isUnspecified || address.isMulticast
                || address.isBroadcast, !isOwn(target, of: request, flow)
        {
            return "foreign_request_uri"
        }
        return nil
    }

    func refuseForeign(_ request: Message, _ cause: String, _ facts: PassageFacts, on flow: Flow, now: Moment) {
        let event = SecurityEvent(
            .securityRejected, .warning, sourceIP: flow.remote.address, expertID: facts.expertID,
            traceID: facts.traceID,
            details: [
                .init("reason", .string(cause)), .init("method", .string(request.method.name)),
                .init("request_uri", .string(request.requestURIText.cut(to: 256))),
                .init("source_port", .integer(Int(flow.remote.port))),
            ])
        metrics.increment(EdgeMetrics.foreign, [cause])
        recordRefusal(event, cause: cause, now: now)
        reply(request, .init(403, "Forbidden"), on: flow)
    }
}
