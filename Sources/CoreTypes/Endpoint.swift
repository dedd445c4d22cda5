/// The transports that SIP runs over here (RFC 3261 section 18, RFC 5246/8446 for TLS).
public enum TransportKind: String, Hashable, Sendable, CaseIterable, Codable {
    case udp
    case tcp
    case tls

    /// The token of Via's sent-protocol: `UDP`, `TCP`, `TLS`.
    public var viaToken: String {
        switch self {
        case .udp: "UDP"
        case .tcp: "TCP"
        case .tls: "TLS"
        }
    }

    /// RFC 3261 section 17: unreliable transports need retransmission.
    public var isReliable: Bool { self != .udp }

    public var defaultPort: UInt16 { self == .tls ? 5061 : 5060 }
}

/// An address and a port.
public struct Endpoint: Hashable, Sendable, CustomStringConvertible {
    public var address: IPAddress
    public var port: UInt16

    public init(_ address: IPAddress, port: UInt16) {
        self.address = address
        self.port = port
    }

    /// Reads `192.0.2.1:5060` or `[2001:db8::1]:5060`.
    public init?(_ text: some StringProtocol) {
        guard let colon = text.lastIndex(of: ":"), let port = UInt16(text[text.index(after: colon)...]) else {
            return nil
        }
        var host = text[..<colon]
        if host.hasPrefix("["), host.hasSuffix("]") {
            host = host.dropFirst().dropLast()
            guard let address = IPAddress(host), address.family == .v6 || host.contains(":") else { return nil }
            self.init(address, port: port)
        } else {
            guard !host.contains(":"), let address = IPAddress(host) else { return nil }
            self.init(address, port: port)
        }
    }

    public var description: String { "\(address.uriText):\(port)" }
}
