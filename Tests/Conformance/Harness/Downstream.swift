import CoreTypes
import NIOCore
import NIOPosix
import NIOSSL
import TransportSecurity
import SIPMessage
import TestSupport

/// A server behind the edge: records all that it receives by UDP and TCP on one port (TLS on another), and answers only
/// what a test tells it to.
final class Downstream: Sendable {
    let endpoint: Endpoint
    let secure: Endpoint?
    let mailbox: Mailbox
    private let channels: [any Channel]

    /// - Parameters:
    ///   - takesTCP: else TCP is refused on the port.
    ///   - answersOptions: answers probes by itself, at once.
    ///   - tls: opens a TLS port too.
    init(
        _ host: IPAddress, takesTCP: Bool = true, tls: TLSContext? = nil, answersOptions: Bool = false
    ) async throws {
        let mailbox = Mailbox("the downstream", answersOptions: answersOptions)
        self.mailbox = mailbox
        let datagrams = try await DatagramBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .channelOption(.socketOption(.so_rcvbuf), value: 4 << 20)
            .channelOption(.recvAllocator, value: FixedSizeRecvByteBufferAllocator(capacity: 65_536))
            .channelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.addHandler(DatagramEar(mailbox))
                }
            }
            .bind(to: Endpoint(host, port: 0).socketAddress()).get()
        guard let endpoint = Endpoint(datagrams.localAddress) else { throw Failure("no port") }
        self.endpoint = endpoint
        var channels = [datagrams]
        if takesTCP { channels.append(try await Self.listen(endpoint, .tcp, nil, mailbox)) }
        var secure: Endpoint?
        if let tls {
            let listener = try await Self.listen(Endpoint(host, port: 0), .tls, tls, mailbox)
            secure = Endpoint(listener.localAddress)
            channels.append(listener)
        }
        self.secure = secure
        self.channels = channels
    }

    private static func listen(
        _ endpoint: Endpoint, _ transport: TransportKind, _ tls: TLSContext?, _ mailbox: Mailbox
    ) async throws -> any Channel {
        try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
            .childChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    if let tls {
                        try channel.pipeline.syncOperations.addHandler(NIOSSLServerHandler(context: tls.ssl))
                    }
                    let remote = Endpoint(channel.remoteAddress) ?? endpoint
                    try channel.pipeline.syncOperations.addHandler(StreamEar(mailbox, transport, remote))
                }
            }
            .bind(to: endpoint.socketAddress()).get()
    }

    func close() async {
        for channel in channels { try? await channel.close() }
    }

    /// The next request of a method in a call.
    func request(
        _ method: SIPMessage.Method, of callID: String, within limit: Duration = .seconds(10)
    ) async throws -> Mailbox.Item {
        try await mailbox.take("\(method.name) of \(callID)", within: limit) {
            $0.isRequest && $0.method == method && $0.callID == callID
        }
    }

    /// How many requests of a method it has got in a call.
    func count(_ method: SIPMessage.Method, of callID: String) -> Int {
        mailbox.count { $0.isRequest && $0.method == method && $0.callID == callID }
    }

    /// Whether anything of a call has come.
    func knows(_ callID: String) -> Bool {
        mailbox.count { $0.callID == callID } > 0
    }
}

extension Mailbox.Item {
    /// The request or response itself.
    var sip: Message {
        get throws {
            guard let message else { throw Failure("no SIP: \(String(decoding: octets.prefix(80), as: UTF8.self))") }
            return message
        }
    }

    /// Answers a request.
    /// - Parameter lines: more header fields.
    func answer(
        _ status: Int, _ reason: String, tag: String? = "bt", contact: String? = nil, lines: [String] = []
    ) throws {
        let request = try sip
        var text = "SIP/2.0 \(status) \(reason)\r\n"
        for name in [HeaderName.via, .recordRoute] {
            for field in request.all(name) { text += "\(name.canonical): \(request.text(field.value))\r\n" }
        }
        text += "From: \(request.text(.from) ?? "")\r\nTo: \(request.text(.to) ?? "")"
        if let tag, request.toTag == nil, status > 100 { text += ";tag=\(tag)" }
        text += "\r\nCall-ID: \(request.callID)\r\nCSeq: \(request.text(.cSeq) ?? "")\r\n"
        if let contact { text += "Contact: <\(contact)>\r\n" }
        for line in lines { text += line + "\r\n" }
        reply(text + "Content-Length: 0\r\n\r\n")
    }
}
