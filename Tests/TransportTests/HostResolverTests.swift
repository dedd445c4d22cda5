import CoreTypes
import NIOCore
import NIOPosix
import Synchronization
import Testing

@testable import Transport

/// Answers DNS questions on loopback from a list; a name that is not there gets NXDOMAIN, `silent` no answer at all.
final class NameServer: Sendable {
    let channel: any Channel
    private let log = Log()
    var questions: [String] { log.lines.withLock { $0 } }

    private final class Log: Sendable {
        let lines = Mutex<[String]>([])
    }

    init(_ records: [String: [IPAddress]], timeToLive: UInt32 = 300) async throws {
        let log = log
        channel = try await DatagramBootstrap(group: .singletonMultiThreadedEventLoopGroup)
            .channelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.addHandler(Handler(records, timeToLive, log))
                }
            }
            .bind(host: "127.0.0.1", port: 0).get()
    }

    var address: String { "127.0.0.1:\(channel.localAddress?.port ?? 0)" }

    private final class Handler: ChannelInboundHandler {
        typealias InboundIn = AddressedEnvelope<ByteBuffer>
        typealias OutboundOut = AddressedEnvelope<ByteBuffer>
        let records: [String: [IPAddress]]
        let timeToLive: UInt32
        let log: Log

        init(_ records: [String: [IPAddress]], _ timeToLive: UInt32, _ log: Log) {
            self.records = records
            self.timeToLive = timeToLive
            self.log = log
        }

        func channelRead(context: ChannelHandlerContext, data: NIOAny) {
            let envelope = unwrapInboundIn(data)
            let query = Array(envelope.data.readableBytesView)
            var labels: [String] = []
            var index = 12
            while query[index] != 0 {
                let length = Int(query[index])
                labels.append(String(decoding: query[index + 1...index + length], as: UTF8.self))
                index += length + 1
            }
            let name = labels.joined(separator: ".")
            let type = query[index + 2]
            log.lines.withLock { $0.append("\(name) \(type)") }
            guard name != "silent" else { return }
            let found = (records[name] ?? []).filter { $0.family == (type == 1 ? .v4 : .v6) }
            var reply =
                Array(query[..<2]) + [0x84, records[name] == nil ? 3 : 0, 0, 1, 0, UInt8(found.count), 0, 0, 0, 0]
            reply += query[12...index + 4]
            for address in found {
                reply += [0xc0, 12, 0, type, 0, 1] + withUnsafeBytes(of: timeToLive.bigEndian) { Array($0) }
                reply += [0, UInt8(address.bytes.count)] + address.bytes
            }
            context.writeAndFlush(
                wrapOutboundOut(
                    AddressedEnvelope(remoteAddress: envelope.remoteAddress, data: ByteBuffer(bytes: reply))),
                promise: nil)
        }
    }
}

@Suite(.timeLimit(.minutes(1))) struct HostResolverTests {
    private func resolve(
        _ names: [String], _ server: NameServer, hosts: String = "", timeout: Duration = .seconds(10)
    ) async throws -> [Result<[String], HostResolver.Failure>] {
        let client = try DNSClient(servers: server.address, timeout: timeout, tries: 1)
        defer { client.shutdown() }
        let loop = MultiThreadedEventLoopGroup.singleton.next()
        let resolver = try await loop.submit {
            NIOLoopBound(HostResolver(loop: loop, client: client, hosts: HostsFile(hosts)), eventLoop: loop)
        }.get()
        var results: [Result<[String], HostResolver.Failure>] = []
        for name in names {
            let promise = loop.makePromise(of: Result<[IPAddress], HostResolver.Failure>.self)
            loop.execute { resolver.value.resolve(name) { promise.succeed($0) } }
            results.append(try await promise.futureResult.get().map { $0.map(\.description) })
        }
        return results
    }

    private static func addresses(_ texts: String...) -> [IPAddress] { texts.compactMap { IPAddress($0) } }

    @Test("both families are asked for, IPv4 first, and the answer is kept")
    func bothFamiliesAskedFor() async throws {
        let server = try await NameServer(["sip.example": Self.addresses("2001:db8::1", "192.0.2.1", "192.0.2.2")])
        let results = try await resolve(["SIP.example", "sip.example.", "sip.example"], server)
        #expect(results == Array(repeating: .success(["192.0.2.1", "192.0.2.2", "2001:db8::1"]), count: 3))
        #expect(server.questions.sorted() == ["sip.example 1", "sip.example 28"])
    }

    @Test("a name that is not there is not asked for again")
    func nameNotThereNot() async throws {
        let server = try await NameServer(["empty.example": []])
        let results = try await resolve(["none.example", "none.example", "empty.example"], server)
        #expect(results == Array(repeating: .failure(.notFound), count: 3))
        #expect(server.questions.count == 4)
    }

    @Test("a silent server is a failure of its own kind")
    func silentServerFailureOwn() async throws {
        let server = try await NameServer([:])
        #expect(try await resolve(["silent"], server, timeout: .milliseconds(100)) == [.failure(.serverFailed)])
    }

    @Test(
        "no server is asked for what is known here",
        arguments: [
            ("192.0.2.7", Result<[String], HostResolver.Failure>.success(["192.0.2.7"])),
            ("[2001:db8::7]", .success(["2001:db8::7"])), ("2001:db8::7", .success(["2001:db8::7"])),
            ("gateway", .success(["10.0.0.9", "fd00::9"])), ("GATEWAY", .success(["10.0.0.9", "fd00::9"])),
            ("localhost", .success(["127.0.0.1", "::1"])), ("", .failure(.invalidName)),
            ("a..b", .failure(.invalidName)),
            ("a b", .failure(.invalidName)), (String(repeating: "a", count: 64), .failure(.invalidName)),
        ])
    func noServerAskedFor(
        name: String, result: Result<[String], HostResolver.Failure>
    ) async throws {
        let server = try await NameServer([:])
        let hosts = "# comment\n10.0.0.9 gateway gw # and more\nfd00::9\tGateway\nnonsense here\n"
        #expect(try await resolve([name], server, hosts: hosts) == [result])
        #expect(server.questions.isEmpty)
    }
}
