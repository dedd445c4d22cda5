import CoreTypes
import SIPMessage
import SIPProxy
import Transport

/// Where a message goes next, before and after its name is resolved (RFC 3263 section 4).
struct Hop: Hashable {
    enum Address: Hashable {
        case endpoint(Endpoint)
        /// Not located yet; the transport is then a guess.
        case named(ServerLocation.Goal)
        /// Back over the connection that the dialog's other side came by.
        case flow(FlowID, Endpoint)
    }

    var address: Address
    var transport: TransportKind
    /// What the certificate of the next hop must be for; nil without TLS.
    var serverName: String?

    /// The next hop that a URI names: its host and port, its transport parameter; TLS for `sips`.
    /// Nil for schemes and transports that the edge does not speak.
    init?(_ uri: URI) {
        guard uri.isSIP else { return nil }
        let transport: TransportKind
        switch (uri.transport, uri.scheme) {
        case (nil, .sips), ("tls", _): transport = .tls
        case ("tcp", .sips): transport = .tls
        case (nil, _), ("udp", .sip): transport = .udp
        case ("tcp", _): transport = .tcp
        default: return nil
        }
        self.transport = transport
        switch uri.host {
        case .address(let address):
            self.address = .endpoint(Endpoint(address, port: uri.port ?? transport.defaultPort))
            serverName = transport == .tls ? address.description : nil
        case .name(let name):
            self.address = .named(ServerLocation.Goal(uri))
            serverName = transport == .tls ? name : nil
        }
    }

    /// The same for a URI of a message.
    init?(_ uri: URIShape, in message: Message) {
        guard let address = uri.host.address, uri.scheme == .sip else {
            // Names, and whatever else takes more than a look.
            self.init(message.uri(uri))
            return
        }
        let transport: TransportKind
        switch message.parameter("transport", of: uri) {
        case nil: transport = .udp
        case .some(let value?) where message.matches(value, lowercase: "udp"): transport = .udp
        case .some(let value?) where message.matches(value, lowercase: "tcp"): transport = .tcp
        case .some(let value?) where message.matches(value, lowercase: "tls"): transport = .tls
        default: return nil
        }
        self.init(
            address: .endpoint(Endpoint(address, port: uri.port ?? transport.defaultPort)), transport: transport,
            serverName: transport == .tls ? address.description : nil)
    }

    private init(address: Address, transport: TransportKind, serverName: String?) {
        self.address = address
        self.transport = transport
        self.serverName = serverName
    }

    init(_ target: ServerLocation.Target) {
        address = .endpoint(target.endpoint)
        transport = target.transport
        serverName = target.serverName
    }

    init(flow: Flow) {
        transport = flow.transport
        serverName = nil
        address = flow.transport == .udp ? .endpoint(flow.remote) : .flow(flow.id, flow.remote)
    }

    /// Nil before its name is resolved.
    var remote: IPAddress? {
        switch address {
        case .endpoint(let endpoint), .flow(_, let endpoint): endpoint.address
        case .named: nil
        }
    }

    var description: String {
        switch address {
        case .endpoint(let endpoint): "\(endpoint);transport=\(transport.rawValue)"
        case .named(let goal): "\(goal.host)"
        case .flow(_, let remote): "\(remote);transport=\(transport.rawValue)"
        }
    }
}
