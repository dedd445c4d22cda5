import CoreTypes
import Foundation
import NIOCore
import NIOPosix
import SIPMessage
import SIPProxy
import TestSupport

@testable import Transport

/// A locator with a cache of its own.
final class Locating: Sendable {
    private let client: DNSClient
    private let loop: any EventLoop
    private let parts: NIOLoopBound<(HostResolver, ServerLocator)>

    convenience init(
        servers: String, timeout: Duration = .seconds(5), tries: Int = 2, hosts: String = "",
        loopbackAnswers: HostResolver.LoopbackAnswers = .refuse
    ) async throws {
        try await self.init(
            servers: servers.split(separator: ",").compactMap { Endpoint($0) }, timeout: timeout, tries: tries,
            hosts: hosts, loopbackAnswers: loopbackAnswers)
    }

    init(
        servers: [Endpoint], timeout: Duration = .seconds(5), tries: Int = 2, hosts: String = "",
        loopbackAnswers: HostResolver.LoopbackAnswers = .refuse
    ) async throws {
        let loop = MultiThreadedEventLoopGroup.singleton.next()
        let client = try DNSClient(servers: servers, timeout: timeout, tries: tries)
        self.client = client
        self.loop = loop
        parts = try await loop.submit {
            let resolver = HostResolver(
                loop: loop, client: client, hosts: HostsFile(hosts), loopbackAnswers: loopbackAnswers)
            return NIOLoopBound((resolver, ServerLocator(resolver: resolver)), eventLoop: loop)
        }.get()
    }

    deinit {
        client.shutdown()
    }

    /// Targets such as `udp 192.0.2.1:5060`, or the failure's name.
    func locate(_ uri: String) async throws -> [String] {
        guard let uri = URI(uri) else { throw Unexpected() }
        return try await text { parts, completion in parts.1.locate(ServerLocation.Goal(uri), completion) }
    }

    func locateResponse(sentBy host: SIPMessage.Host, port: UInt16?, transport: TransportKind) async throws -> [String]
    {
        try await text { $0.1.locateResponse(sentBy: host, port: port, transport: transport, $1) }
    }

    /// Asks for the same many times before any answer.
    func locateAtOnce(_ uri: String, times: Int) async throws -> [[String]] {
        try await withThrowingTaskGroup(of: [String].self) { group in
            for _ in 0..<times { group.addTask { try await self.locate(uri) } }
            return try await group.reduce(into: []) { $0.append($1) }
        }
    }

    func resolve(_ host: String) async throws -> Result<[String], HostResolver.Failure> {
        let promise = loop.makePromise(of: Result<[IPAddress], HostResolver.Failure>.self)
        loop.execute { self.parts.value.0.resolve(host) { promise.succeed($0) } }
        return try await promise.futureResult.get().map { $0.map(\.description) }
    }

    private func text(
        _ call: @escaping @Sendable ((HostResolver, ServerLocator), @escaping ServerLocator.Completion) -> Void
    ) async throws -> [String] {
        let promise = loop.makePromise(of: Result<[ServerLocation.Target], ServerLocation.Failure>.self)
        loop.execute { call(self.parts.value) { promise.succeed($0) } }
        switch try await promise.futureResult.get() {
        case .success(let targets): return targets.map { "\($0.transport.rawValue) \($0.endpoint)" }
        case .failure(let failure): return [failure.rawValue]
        }
    }
}
