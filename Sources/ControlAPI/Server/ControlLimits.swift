internal import CoreTypes
internal import HummingbirdCore
internal import HummingbirdHTTP2
internal import NIOCore

/// What every connection of the control API is held to.
public struct ControlLimits: Sendable {
    /// All that are open at a time; further ones wait.
    public var connections = 256
    /// Those of one source, where the control address is no loopback address: on that, all come from a web server in
    /// front, which has limits of its own.
    public var connectionsOfSource = 32
    /// TLS's handshake, from the connection on.
    public var handshake = Duration.seconds(10)
    /// The head of the first request, whole.
    public var head = Duration.seconds(20)
    /// Silence, and the time from an answer to the whole head of the next request.
    public var idle = Duration.seconds(60)

    public init() {}

    func server(_ certificate: ControlCertificate?, at listen: Endpoint) -> HTTPServerBuilder {
        let places = listen.address.isLoopback ? nil : SourcePlaces(most: connectionsOfSource)
        let handshake = TimeAmount(handshake)
        guard let certificate else {
            return HTTPServerBuilder { responder in
                GuardedChannel(
                    base: HTTP1Channel(responder: responder, configuration: streams), handshake: handshake,
                    places: places)
            }
        }
        return HTTPServerBuilder { responder in
            GuardedChannel(
                base: try HTTP2UpgradeChannel(
                    tlsConfiguration: certificate.serverConfiguration(),
                    configuration: .init(idleTimeout: idle, streamConfiguration: streams), responder: responder),
                handshake: handshake, places: places)
        }
    }

    /// A socket in the file system: who may open it is the file system's to say.
    func plainServer() -> HTTPServerBuilder {
        HTTPServerBuilder { responder in
            GuardedChannel(
                base: HTTP1Channel(responder: responder, configuration: streams), handshake: TimeAmount(handshake),
                places: nil)
        }
    }

    private var streams: HTTP1Channel.Configuration {
        let (first, next) = (TimeAmount(head), TimeAmount(idle))
        return HTTP1Channel.Configuration(
            additionalChannelHandlers: [HeadDeadline(first: first, next: next)], idleTimeout: next,
            httpDecoderConfiguration: .init(
                maxHeaderFieldSize: 8192, maxHeaderListSize: 16_384, maxHeaderFieldCount: 64)
        )
    }
}
