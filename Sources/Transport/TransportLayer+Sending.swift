public import CoreTypes
internal import NIOCore
internal import TransportSecurity

extension TransportLayer {
    /// Sends to an address, where the transport has connections over one that is there to the same address by the same
    /// name, be it opened from here or accepted and taken as such by `alias`, or else over a new one.
    ///
    /// The observer hears `sent` or `sendFailed` with the ticket, later on the loop.
    /// - Parameter tlsServerName: the domain that the server's certificate must cover (RFC 5922 section 7.3), and SNI;
    ///   nil: the address itself.
    public func send(
        _ bytes: [UInt8], to remote: Endpoint, transport: TransportKind, tlsServerName: String? = nil, ticket: UInt64
    ) {
        guard !isShutDown else { return fail(ticket, .closed) }
        guard destinations.allows(remote) else { return fail(ticket, .invalidAddress) }
        if transport == .udp {
            guard let socket = datagramSocket(toward: remote) else {
                return openDatagramSocket(toward: remote, bytes, ticket: ticket)
            }
            return sendDatagram(bytes, to: remote, from: socket, ticket: ticket)
        }
        let key = OutboundConnection.Key(remote, transport, name: tlsServerName)
        if let existing = outbound[key], existing.connection?.isReusable ?? true {
            return existing.send(bytes, ticket: ticket)
        }
        if let accepted = aliases[key].flatMap({ connections[$0] }), accepted.isReusable, accepted.send(bytes) {
            return tellSent(ticket, on: accepted.id)
        }
        guard transport == .tcp || clientTLS != nil else { return fail(ticket, .noTLS) }
        guard connections.count - accepted < limits.connections else { return fail(ticket, .connectionLimit) }
        let opening = OutboundConnection(key: key, layer: self)
        outbound[key] = opening
        opening.send(bytes, ticket: ticket)
        opening.connect(tls: transport == .tls ? clientTLS : nil)
    }

    /// Lets requests from here use an accepted connection towards the address that its peer says it can be reached at
    /// (RFC 5923), as long as it stays open. To be called for a request whose topmost Via, the peer's own, has `;alias`,
    /// once the request has been let in.
    ///
    /// Over TLS, the client's certificate must cover the name that the address is called by; over TCP, where nothing
    /// proves who the peer is, the address must be the connection's own. A connection has at most four such addresses.
    /// - Parameters:
    ///   - endpoint: where the peer listens: the address and the port of its Via's sent-by (default 5061, 5060).
    ///   - name: what requests call the server, as in `send`; nil: the address itself. Not used with TCP.
    /// - Returns: whether it will be used so.
    @discardableResult
    public func alias(_ flow: FlowID, endpoint: Endpoint, name: String? = nil) -> Bool {
        guard case .connection(let number) = flow.kind, let connection = connections[number], connection.listener >= 0,
            connection.isReusable, let facts = connection.flow, destinations.allows(endpoint)
        else { return false }
        let key = OutboundConnection.Key(endpoint, connection.transport, name: name)
        if let security = facts.security {
            guard security.peer?.covers(key.expectedName) == true else { return false }
        } else {
            // Plain SIP to a TLS listener speaks for nobody.
            guard !connection.isPlainToTLS, facts.remote.address == endpoint.address else { return false }
        }
        if !connection.aliases.contains(key) {
            guard connection.aliases.count < Self.mostAliases else { return false }
            connection.aliases.append(key)
        }
        // The newest connection counts: an older one may be dead without our knowing.
        aliases[key] = number
        return true
    }

    private static var mostAliases: Int { 4 }

    /// The UDP address that a message to there leaves from, for its Via; may be unspecified (see `LocalAddress`). Nil
    /// when no bound socket reaches it.
    public func datagramSource(toward remote: Endpoint) -> Endpoint? {
        datagramSocket(toward: remote)?.bound
    }

    private func datagramSocket(toward remote: Endpoint) -> DatagramSocket? {
        // Loopback by a socket of loopback where there is one; everything else by listeners before own sockets.
        var first: DatagramSocket?
        for socket in datagramSockets where socket.reaches(remote) {
            if socket.bound.address.isLoopback { return socket }
            first = first ?? socket
        }
        return first
    }

    private func sendDatagram(_ bytes: [UInt8], to remote: Endpoint, from socket: DatagramSocket, ticket: UInt64) {
        if let failure = socket.send(bytes, to: remote, ticket: ticket) { return fail(ticket, failure) }
        tellSent(ticket, on: FlowID(.datagram(socket: socket.index, remote: remote)))
    }

    /// A socket of its own for a family that no listener serves.
    private func openDatagramSocket(toward remote: Endpoint, _ bytes: [UInt8], ticket: UInt64) {
        let family = remote.address.family
        // One that is being bound or bound again will serve when it is there; until then nothing can leave.
        guard !datagramSockets.contains(where: { $0.listener < 0 && $0.bound.address.family == family }) else {
            return fail(ticket, .unreachable)
        }
        let unspecified = family == .v4 ? IPAddress(v4: 0) : IPAddress(v6High: 0, low: 0)
        let any = Endpoint(source?.family == family ? source ?? unspecified : unspecified, port: 0)
        bindDatagrams(any, listener: -1, sharesPort: false).assumeIsolated().whenComplete { _ in
            guard let socket = self.datagramSocket(toward: remote) else { return self.fail(ticket, .unreachable) }
            self.sendDatagram(bytes, to: remote, from: socket, ticket: ticket)
        }
    }
}
