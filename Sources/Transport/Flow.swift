public import CoreTypes
public import SIPMessage
public import TransportSecurity

/// Where an answer to a message goes: a connection, or a UDP socket together with the peer's address.
///
/// Carries all that is needed to find the way back, so that a flood of forged UDP sources fills no table.
public struct FlowID: Hashable, Sendable, CustomStringConvertible {
    enum Kind: Hashable {
        case connection(UInt64)
        case datagram(socket: Int, remote: Endpoint)
    }

    let kind: Kind

    init(_ kind: Kind) {
        self.kind = kind
    }

    /// The number of a connection says which layer has it.
    static func firstConnection(of sharing: PortSharing) -> UInt64 { UInt64(sharing.index) << 56 }

    /// The layer whose connection this is; nil for UDP, where each layer has a socket like it.
    public var connectionShare: Int? {
        guard case .connection(let number) = kind else { return nil }
        return Int(number >> 56)
    }

    public var description: String {
        switch kind {
        case .connection(let number): "connection \(number)"
        case .datagram(let socket, let remote): "udp \(socket) \(remote)"
        }
    }
}

/// One peer over one transport.
public struct Flow: Sendable {
    public let id: FlowID
    /// `.tcp` also for plain SIP to a TLS listener (see `TransportLayer.listen`).
    public let transport: TransportKind
    /// Of a UDP socket bound to all addresses this is the unspecified address.
    public let local: Endpoint
    /// Behind a trusted load balancer the real client.
    public let remote: Endpoint
    /// Index of the listener that it came in by; -1 for what was opened from here.
    public let listener: Int
    /// Nil without TLS.
    public let security: TLSFacts?
}

public typealias FramingFailure = StreamFramer.Failure

/// Why a connection is gone. The raw values label metrics.
public enum CloseReason: String, Sendable, CaseIterable {
    case peerClosed = "peer_closed"
    /// Asked for by `TransportLayer.close(_:)`.
    case closedHere = "closed_here"
    case idle
    /// Nothing whole arrived in time: a new connection without a message, or a message that takes too long.
    case tooSlow = "too_slow"
    /// What is written is not read.
    case slowReader = "slow_reader"
    case unframeable
    case failed
    /// New certificates, authorities or revocation lists speak against the peer.
    case peerRefused = "peer_refused"
    case shutdown
}

/// Why a message did not leave. The raw values label metrics.
public enum SendFailure: String, Error, Sendable, CaseIterable {
    /// Port 0, or an address that is no single host's.
    case invalidAddress = "invalid_address"
    /// No socket can reach that address.
    case unreachable
    case tooLarge = "too_large"
    /// The socket's buffer or the queue is full.
    case congested
    case connectionRefused = "connection_refused"
    case connectTimeout = "connect_timeout"
    case tlsFailed = "tls_failed"
    /// The certificate is not that of the server that was called (RFC 5922 section 7.3).
    case nameMismatch = "name_mismatch"
    /// No context for outbound TLS is set.
    case noTLS = "no_tls"
    /// As many connections as the limits allow are open.
    case connectionLimit = "connection_limit"
    case closed
}

/// Why a connection was closed as soon as it was accepted.
public enum AdmissionRefusal: String, Sendable, CaseIterable {
    case observer
    case connections
    case connectionsPerSource = "connections_per_source"
    /// A trusted load balancer's connection did not begin with a PROXY header of version 2, or not in time.
    case proxyHeader = "proxy_header"
}

/// Takes what comes from the network. Every call is made on the loop, and none from inside a call of `send`.
public protocol TransportObserver: AnyObject {
    /// Asked for each accepted connection before any byte is read, save the PROXY header of a trusted load balancer; false
    /// closes it at once.
    /// - Parameter remote: the real client, where such a header names it.
    func admit(connectionFrom remote: Endpoint, listener: Int) -> Bool
    /// A connection can be used: with TLS, after the handshake.
    func opened(_ flow: Flow)
    /// One whole datagram, or one message framed from a stream.
    /// - Parameter octets: good for the time of this call only.
    /// - Returns: whether it may belong to a call. A flood is known by what does not: what can't be read, or comes from where
    ///   nothing is taken from.
    @discardableResult
    func received(_ octets: UnsafeRawBufferPointer, on flow: Flow) -> Bool
    /// A stream can't be cut into messages. It closes after what is sent on the flow during this call.
    /// - Parameter head: the first octets (at most 8192) of what could not be framed.
    func unframeable(_ reason: FramingFailure, on flow: Flow, head: [UInt8])
    /// - Parameter reason: from the closed set of `HandshakeFailure`.
    func handshakeFailed(from remote: Endpoint, listener: Int, reason: HandshakeFailure)
    /// The end of a flow for which `opened` was called.
    func closed(_ id: FlowID, reason: CloseReason)
    /// The message of this ticket did not leave.
    func sendFailed(_ ticket: UInt64, reason: SendFailure)

    /// Whether `sent` is to be called.
    var hearsSent: Bool { get }
    /// The message of this ticket was handed to this flow; answers over a stream come back on it.
    func sent(_ ticket: UInt64, on flow: FlowID)
    /// A connection was closed as soon as it was accepted.
    func refused(connectionFrom remote: Endpoint, listener: Int, reason: AdmissionRefusal)
    /// A UDP socket failed (false), and works again (true).
    func socketChanged(listener: Int, isUp: Bool)
    /// From now on UDP sockets are looked at every few milliseconds at most (true), or no more (false).
    func looking(_ isOn: Bool)
    /// A socket has been looked at. What is sent within leaves with the answers to what was found there.
    func looked()
}

extension TransportObserver {
    public var hearsSent: Bool { false }
    public func sent(_ ticket: UInt64, on flow: FlowID) {}
    public func refused(connectionFrom remote: Endpoint, listener: Int, reason: AdmissionRefusal) {}
    public func socketChanged(listener: Int, isUp: Bool) {}
    public func looking(_ isOn: Bool) {}
    public func looked() {}
}
