import CoreTypes
import NIOCore
import NIOPosix

extension EdgeUnderTest {
    /// What the control address answers to a GET, head and body.
    public func get(_ path: String) async throws -> String {
        let stream = try await ClientBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .connect(host: control.address.description, port: Int(control.port)) { channel in
                channel.eventLoop.makeCompletedFuture {
                    try NIOAsyncChannel<ByteBuffer, ByteBuffer>(wrappingChannelSynchronously: channel)
                }
            }
        return try await stream.executeThenClose { inbound, outbound in
            try await outbound.write(
                ByteBuffer(string: "GET \(path) HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"))
            var answer = ByteBuffer()
            for try await part in inbound { answer.writeImmutableBuffer(part) }
            return String(buffer: answer)
        }
    }

    /// The sum of a metric's series.
    public func metric(_ name: String) async throws -> Double {
        let lines = try await get("/metrics").split(whereSeparator: \.isNewline)
        let series = lines.filter { $0.hasPrefix(name + " ") || $0.hasPrefix(name + "{") }
        guard !series.isEmpty else { throw Failure("there is no metric \(name)") }
        return series.compactMap { $0.split(separator: " ").last.flatMap { Double($0) } }.reduce(0, +)
    }

    /// Waits until no transaction is in memory any more: 64 * T1 after the last (RFC 3261 section 17, RFC 6026).
    public func becomesIdle(within limit: Duration = .seconds(60)) async throws {
        try await eventually("all transactions are over", within: limit) { try await metric("sip_transactions") == 0 }
    }
}
