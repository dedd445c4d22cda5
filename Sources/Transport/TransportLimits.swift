public import NIOCore

/// Bounds of sockets and connections. The first five are those of the configuration's `limits`.
public struct TransportLimits: Sendable, Equatable {
    /// The largest message that is framed from a stream.
    public var messageBytes = 65_535
    /// Accepted connections at a time; as many again may be opened from here.
    public var connections = 20_000
    /// Accepted connections at a time from one source (IPv6: one /64).
    public var connectionsPerSource = 64
    public var handshakeTimeout = TimeAmount.seconds(10)
    public var idleTimeout = TimeAmount.seconds(3605)

    /// From the opening of an accepted connection to its first whole message.
    public var firstMessageTimeout = TimeAmount.seconds(30)
    /// From a message's first octet to its last: the floor under how slowly somebody may send.
    public var messageTimeout = TimeAmount.seconds(20)
    public var connectTimeout = TimeAmount.seconds(5)
    /// How long a connection whose peer sends no more stays open for answers.
    public var halfCloseGrace = TimeAmount.seconds(2)
    /// Octets written that a peer has not taken.
    public var writeBuffer = 256 << 10
    /// Messages and octets that wait for a connection to be made.
    public var queuedMessages = 256
    public var queuedBytes = 1 << 20

    public init() {}

    /// How often deadlines are looked at: a quarter of the shortest, between 5 and 500 ms.
    var sweepInterval: TimeAmount {
        let shortest =
            [handshakeTimeout, idleTimeout, firstMessageTimeout, messageTimeout, halfCloseGrace]
            .map(\.nanoseconds).min() ?? 0
        return .nanoseconds(min(max(shortest / 4, 5_000_000), 500_000_000))
    }
}
