public import CoreTypes
public import NIOCore

/// What an edge needs to know to be found again: its own addresses.
extension TransportLayer {
    /// Binds UDP sockets of the layer's own for the families that no listener on all addresses serves, so that what is
    /// sent has an address before it is written. A family that the machine lacks is left out.
    public func openOutboundDatagrams() -> EventLoopFuture<Void> {
        let families: [IPAddress] = [IPAddress(v4: 0), IPAddress(v6High: 0, low: 0)]
        let missing = families.filter { any in
            !datagramSockets.contains { $0.bound.address.isUnspecified && $0.bound.address.family == any.family }
        }
        let bindings = missing.map { any in
            bindDatagrams(Endpoint(any, port: 0), listener: -1, sharesPort: false).map { _ in () }
                .flatMapErrorThrowing { _ in () }
        }
        return EventLoopFuture.andAllSucceed(bindings, on: loop)
    }

    /// What waits in the fullest UDP receive buffer, as a part of what may wait there; above 1 the loop is behind.
    public func receiveBacklog() -> Double {
        datagramSockets.reduce(0) { max($0, $1.backlog()) }
    }

    /// The address under which the other side of a hop can reach this layer: that of a listener for the transport if
    /// there is one, else, for UDP, that of the socket used. Nil when there is no route.
    public func localEndpoint(facing remote: Endpoint, transport: TransportKind) -> Endpoint? {
        let bound = transport == .udp ? datagramSource(toward: remote) : listener(of: transport, facing: remote)
        guard let local = localAddress(toward: remote.address) else { return nil }
        guard let bound else { return Endpoint(local, port: transport.defaultPort) }
        return bound.address.isUnspecified ? Endpoint(local, port: bound.port) : bound
    }

    /// The routing table's word, kept for a few seconds: asking costs three system calls, and each Via needs it.
    private func localAddress(toward remote: IPAddress) -> IPAddress? {
        let now = NIODeadline.now()
        return localAddresses.withEntry(remote) { entry in
            if let known = entry, known.expires > now { return known.address }
            // Where there is no way is asked for again: a network may come up at any time.
            entry = LocalAddress.toward(remote).map { LocalAddress.Known(address: $0, expires: now + .seconds(5)) }
            return entry?.address
        }.result
    }

    private func listener(of transport: TransportKind, facing remote: Endpoint) -> Endpoint? {
        let candidates = streamListeners.filter { $0.transport == transport }.map(\.endpoint)
        return candidates.first { $0.address.isUnspecified || $0.address.family == remote.address.family }
    }
}

extension FlowID {
    /// The same socket towards another address; a connection stays what it is.
    public func facing(_ remote: Endpoint) -> FlowID {
        switch kind {
        case .connection: self
        case .datagram(let socket, _): FlowID(.datagram(socket: socket, remote: remote))
        }
    }
}
