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
    /// - Parameters:
    ///   - fields: header field lines without their ends.
    ///   - body: sent with its length, as JSON.
    init(to request: String, _ fields: [String] = [], body: String? = nil, from address: Endpoint) async throws {
        try await self.init(
            to: request, fields, body: body,
            from: try SocketAddress(ipAddress: address.address.description, port: Int(address.port)))
    }

    init(to request: String, fromSocket path: String) async throws {
        try await self.init(to: request, from: try SocketAddress(unixDomainSocketPath: path))
    }

    private init(
        to request: String, _ fields: [String] = [], body: String? = nil, from address: SocketAddress
    ) async throws {
        var head = ["\(request) HTTP/1.1", "Host: localhost", "Connection: close"] + fields
        if let body { head += ["Content-Type: application/json", "Content-Length: \(body.utf8.count)"] }
        let sent = head.joined(separator: "\r\n") + "\r\n\r\n" + (body ?? "")
        let stream = try await ClientBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .connect(to: address) { channel in
                channel.eventLoop.makeCompletedFuture {
                    try NIOAsyncChannel<ByteBuffer, ByteBuffer>(wrappingChannelSynchronously: channel)
                }
            }
        let text = try await stream.executeThenClose { inbound, outbound in
            try await outbound.write(ByteBuffer(string: sent))
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
        self.body = String(text[end.upperBound...])
    }

    subscript(name: String) -> String? { headers[name] }

    var json: [String: Any]? {
        (try? JSONSerialization.jsonObject(with: Data(body.utf8))) as? [String: Any]
    }
}
