import Foundation
import NIOCore
import NIOPosix
import TestSupport

/// Somebody on the Internet who says from which address he is asked: a small HTTP server on a port of loopback.
final class AddressService: Sendable {
    enum Manner: Sendable {
        /// The address that it is asked from.
        case echo
        case says(String)
        case status(Int)
        /// Takes the request and never answers.
        case mute
    }

    let url: String
    private let channel: any Channel

    init(_ manner: Manner, host: String = "127.0.0.1") async throws {
        channel = try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .childChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.addHandler(Answering(manner))
                }
            }
            .bind(host: host, port: 0).get()
        guard let port = channel.localAddress?.port else { throw Failure("the address service has no port") }
        url = host.contains(":") ? "http://[\(host)]:\(port)/" : "http://\(host):\(port)/"
    }

    func stop() async throws { try await channel.close() }
}

/// Answers each request, once its head is whole, and closes.
private final class Answering: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    private let manner: AddressService.Manner
    private var head = ""

    init(_ manner: AddressService.Manner) { self.manner = manner }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        head += String(buffer: unwrapInboundIn(data))
        guard head.contains("\r\n\r\n") else { return }
        let (status, body): (Int, String)
        switch manner {
        case .echo: (status, body) = (200, (context.remoteAddress?.ipAddress ?? "") + "\n")
        case .says(let text): (status, body) = (200, text)
        case .status(let code): (status, body) = (code, "")
        case .mute: return
        }
        let text = "HTTP/1.1 \(status) x\r\nContent-Length: \(body.utf8.count)\r\nConnection: close\r\n\r\n\(body)"
        let channel = context.channel
        context.writeAndFlush(wrapOutboundOut(ByteBuffer(string: text))).whenComplete { _ in
            channel.close(promise: nil)
        }
    }
}
