import CoreTypes
import Foundation
import NIOCore
import NIOPosix
import Testing

/// An HTTP answer, read whole.
struct Answer {
    let status: Int
    private let headers: [String: String]
    let body: String

    /// Writes the bytes as they are, so that a client library can't mend them.
    init(to request: String, from address: Endpoint) async throws {
        try await self.init(
            to: request,
            from: try SocketAddress(ipAddress: address.address.description, port: Int(address.port)))
    }

    init(to request: String, fromSocket path: String) async throws {
        try await self.init(to: request, from: try SocketAddress(unixDomainSocketPath: path))
    }

    private init(to request: String, from address: SocketAddress) async throws {
        let stream = try await ClientBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .connect(to: address) { channel in
                channel.eventLoop.makeCompletedFuture {
                    try NIOAsyncChannel<ByteBuffer, ByteBuffer>(wrappingChannelSynchronously: channel)
                }
            }
        let text = try await stream.executeThenClose { inbound, outbound in
            try await outbound.write(
                ByteBuffer(string: "\(request) HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"))
            var bytes = ByteBuffer()
            for try await part in inbound { bytes.writeImmutableBuffer(part) }
            return String(buffer: bytes)
        }
        let end = try #require(text.range(of: "\r\n\r\n"))
        let lines = text[..<end.lowerBound].components(separatedBy: "\r\n")
        status = try #require(lines.first?.split(separator: " ").dropFirst().first.flatMap { Int($0) })
        headers = Dictionary(
            lines.dropFirst().compactMap { line in
                guard let colon = line.firstIndex(of: ":") else { return nil }
                return (
                    line[..<colon].lowercased(),
                    line[line.index(after: colon)...].trimmingCharacters(in: .whitespaces)
                )
            }, uniquingKeysWith: { first, _ in first })
        body = String(text[end.upperBound...])
    }

    subscript(name: String) -> String? { headers[name] }

    var json: [String: Any]? {
        (try? JSONSerialization.jsonObject(with: Data(body.utf8))) as? [String: Any]
    }
}
