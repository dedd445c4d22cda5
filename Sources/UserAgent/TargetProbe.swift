public import CoreTypes
internal import NIOCore
internal import NIOPosix
public import TransportSecurity
public import SIPMessage
internal import SIPProxy
internal import Transport

/// Asks a SIP server whether it is there, by OPTIONS (RFC 3261 section 11).
public struct TargetProbe: Sendable {
    public struct Answer: Sendable {
        public let status: Int
        public let after: Duration
        public let endpoint: Endpoint
        public let transport: TransportKind
    }

    /// Why there is no answer, for a person.
    public struct Failure: Error, Sendable, CustomStringConvertible {
        public let description: String
    }

    /// What every server of the target has.
    public var timeout = Duration.seconds(2)
    /// For targets by TLS; nil: they count as out of reach.
    public var tls: TLSContext?
    /// Name servers to ask; empty: the system's.
    public var nameServers: [Endpoint] = []

    public init() {}

    /// Asks the servers behind a URI one after the other (RFC 3263) until one answers, whatever it answers.
    public func ask(_ uri: URI) async throws(Failure) -> Answer {
        let loop = MultiThreadedEventLoopGroup.singleton.next()
        var last = Failure(description: "nobody to ask")
        for server in try await locate(uri, loop) {
            do {
                return try await ask(server, uri, loop)
            } catch {
                last = error
            }
        }
        throw last
    }

    private func locate(_ uri: URI, _ loop: any EventLoop) async throws(Failure) -> [ServerLocation.Target] {
        let supported: Set<TransportKind> = tls == nil ? [.udp, .tcp] : [.udp, .tcp, .tls]
        let result: Result<[ServerLocation.Target], ServerLocation.Failure>
        do {
            let client = try DNSClient(servers: nameServers)
            defer { client.shutdown() }
            let hosts = HostsFile.system()
            result = try await loop.flatSubmit {
                let promise = loop.makePromise(of: Result<[ServerLocation.Target], ServerLocation.Failure>.self)
                let resolver = HostResolver(loop: loop, client: client, hosts: hosts)
                ServerLocator(resolver: resolver, supported: supported).locate(ServerLocation.Goal(uri)) {
                    promise.succeed($0)
                }
                return promise.futureResult
            }.get()
        } catch {
            throw Failure(description: "'\(uri.host)' can't be looked up: \(error)")
        }
        switch result {
        case .success(let targets): return targets
        case .failure(let failure):
            throw Failure(description: "'\(uri.host)' leads nowhere: \(failure.rawValue)")
        }
    }

    private func ask(
        _ server: ServerLocation.Target, _ uri: URI, _ loop: any EventLoop
    ) async throws(Failure) -> Answer {
        let place = "\(server.transport.rawValue) \(server.endpoint)"
        let callID = Token.make()
        let (events, continuation) = AsyncStream<CallEvent>.makeStream()
        let tls = tls
        let line: NIOLoopBound<Line>
        let local: Endpoint
        do {
            line = try await loop.submit {
                NIOLoopBound(Line(loop: loop, tls: tls, source: nil), eventLoop: loop)
            }.get()
            local = try await loop.flatSubmit {
                line.value.open(callID, toward: server.endpoint, transport: server.transport, continuation)
            }.get()
        } catch {
            throw Failure(description: "no way to \(place): \(error)")
        }
        let start = ContinuousClock.now
        let octets = Self.options(uri, local, server.transport, callID)
        loop.execute { [timeout] in
            line.value.send(
                octets, of: callID, to: server.endpoint, transport: server.transport, serverName: server.serverName)
            // Over UDP once more, since one datagram may get lost.
            line.value.wake(callID, after: timeout / 4, timer: 0)
            line.value.wake(callID, after: timeout, timer: 1)
        }
        defer { loop.execute { line.value.shutdown() } }
        for await event in events {
            switch event {
            case .message(let message, _):
                guard let status = message.status, status >= 200 else { continue }
                return Answer(
                    status: status, after: ContinuousClock.now - start, endpoint: server.endpoint,
                    transport: server.transport)
            case .failed(let reason): throw Failure(description: "\(place): \(reason.rawValue)")
            case .disconnected(let reason): throw Failure(description: "\(place): \(reason.rawValue)")
            case .timer(0):
                if server.transport == .udp {
                    loop.execute {
                        line.value.send(
                            octets, of: callID, to: server.endpoint, transport: .udp, serverName: nil)
                    }
                }
            case .timer: throw Failure(description: "\(place): no answer within \(timeout)")
            }
        }
        throw Failure(description: "\(place): closed")
    }

    private static func options(
        _ uri: URI, _ local: Endpoint, _ transport: TransportKind, _ callID: String
    ) -> [UInt8] {
        let text = """
            OPTIONS \(uri.text) SIP/2.0\r
            Via: SIP/2.0/\(transport.viaToken) \(local);rport;branch=\(Token.branch())\r
            Max-Forwards: 70\r
            From: <sip:probe@\(local)>;tag=\(Token.make())\r
            To: <\(uri.text)>\r
            Call-ID: \(callID)\r
            CSeq: 1 OPTIONS\r
            Content-Length: 0\r
            \r

            """
        return Array(text.utf8)
    }
}
