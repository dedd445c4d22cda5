internal import CoreTypes
internal import NIOCore
internal import TransportSecurity
internal import SIPMessage
internal import Transport

/// What a call hears.
enum CallEvent: Sendable {
    case message(Message, Flow)
    case failed(SendFailure)
    case disconnected(CloseReason)
    case timer(Int)
}

/// The sockets that a caller's calls share, on one loop. Messages are handed to calls by their Call-ID.
final class Line: TransportObserver {
    private let loop: any EventLoop
    private var layer: TransportLayer?
    private var calls: [String: AsyncStream<CallEvent>.Continuation] = [:]
    private var tickets: [UInt64: String] = [:]
    private var flows: [FlowID: Set<String>] = [:]
    private var lastTicket: UInt64 = 0
    private var udpFamilies: Set<IPAddress.Family> = []

    private let source: IPAddress?

    init(loop: any EventLoop, tls: TLSContext?, source: IPAddress?) {
        self.loop = loop
        self.source = source
        layer = TransportLayer(loop: loop, observer: self, clientTLS: tls, source: source)
    }

    /// Opens a call's ear, and the UDP socket that it will speak by.
    /// - Returns: the address to put into Via and Contact.
    func open(
        _ callID: String, toward remote: Endpoint, transport: TransportKind,
        _ events: AsyncStream<CallEvent>.Continuation
    ) -> EventLoopFuture<Endpoint> {
        calls[callID] = events
        guard let layer, let local = source ?? LocalAddress.toward(remote.address) else {
            return loop.makeFailedFuture(SendFailure.unreachable)
        }
        guard transport == .udp else {
            return loop.makeSucceededFuture(Endpoint(local, port: transport.defaultPort))
        }
        let family = remote.address.family
        if udpFamilies.insert(family).inserted {
            let unspecified = family == .v4 ? IPAddress(v4: 0) : IPAddress(v6High: 0, low: 0)
            let any = Endpoint(source ?? unspecified, port: 0)
            return layer.listen(.udp, on: any, index: 0).map { Endpoint(local, port: $0.port) }
        }
        let port = layer.datagramSource(toward: remote)?.port ?? 0
        return loop.makeSucceededFuture(Endpoint(local, port: port))
    }

    func close(_ callID: String) {
        calls[callID] = nil
        tickets = tickets.filter { $0.value != callID }
        for flow in flows.keys {
            flows[flow]?.remove(callID)
            if flows[flow]?.isEmpty == true { flows[flow] = nil }
        }
    }

    func send(
        _ bytes: [UInt8], of callID: String, to remote: Endpoint, transport: TransportKind, serverName: String?
    ) {
        lastTicket += 1
        tickets[lastTicket] = callID
        layer?.send(bytes, to: remote, transport: transport, tlsServerName: serverName, ticket: lastTicket)
    }

    /// An answer goes back where the request came from.
    func answer(_ bytes: [UInt8], on flow: FlowID) {
        layer?.send(bytes, on: flow)
    }

    func wake(_ callID: String, after delay: Duration, timer: Int) {
        loop.assumeIsolated().scheduleTask(in: .nanoseconds(delay.nanoseconds)) {
            self.calls[callID]?.yield(.timer(timer))
        }
    }

    func shutdown() {
        layer?.shutdown()
        layer = nil
        for call in calls.values { call.finish() }
        calls = [:]
    }

    // MARK: TransportObserver

    func admit(connectionFrom remote: Endpoint, listener: Int) -> Bool { false }
    func opened(_ flow: Flow) {}

    func received(_ octets: UnsafeRawBufferPointer, on flow: Flow) -> Bool {
        // What can't be read concerns no call that could be found.
        guard let message = try? Message(parsing: Array(octets)) else { return true }
        calls[message.callID]?.yield(.message(message, flow))
        return true
    }

    func unframeable(_ reason: FramingFailure, on flow: Flow, head: [UInt8]) {}
    func handshakeFailed(from remote: Endpoint, listener: Int, reason: HandshakeFailure) {}

    var hearsSent: Bool { true }

    func sent(_ ticket: UInt64, on flow: FlowID) {
        guard let callID = tickets.removeValue(forKey: ticket) else { return }
        flows[flow, default: []].insert(callID)
    }

    func sendFailed(_ ticket: UInt64, reason: SendFailure) {
        guard let callID = tickets.removeValue(forKey: ticket) else { return }
        calls[callID]?.yield(.failed(reason))
    }

    func closed(_ id: FlowID, reason: CloseReason) {
        for callID in flows.removeValue(forKey: id) ?? [] { calls[callID]?.yield(.disconnected(reason)) }
    }
}
