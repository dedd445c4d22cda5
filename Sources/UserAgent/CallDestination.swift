public import CoreTypes
internal import NIOCore
internal import NIOPosix
public import SIPMessage
internal import Transport

/// Where a call goes first: a host, perhaps a port, and how.
public struct CallDestination: Sendable, Equatable {
    public var host: Host
    public var port: UInt16
    public var transport: TransportKind

    /// From a URI as RFC 3263 section 4 says for names without SRV records: `sips` is TLS, a `transport` parameter is
    /// what it says, anything else UDP.
    /// - Parameters:
    ///   - via: a host to send to instead of the URI's, with its port.
    ///   - transport: what was asked for, before all of that.
    /// - Returns: nil for a transport that is not known here, or `sips` by anything but TLS.
    public init?(_ uri: URI, via: (host: Host, port: UInt16?)? = nil, transport wanted: TransportKind? = nil) {
        let isSecure = uri.scheme == .sips
        let named = uri.transport.map { TransportKind(rawValue: $0) }
        if wanted == nil, let named, named == nil { return nil }
        // `sips:` with `transport=tcp` is TLS over TCP (RFC 5630 section 3.1.4).
        let transport = wanted ?? (isSecure ? .tls : named ?? .udp)
        guard let transport, !isSecure || transport == .tls else { return nil }
        self.transport = transport
        host = via?.host ?? uri.host
        port = (via == nil ? uri.port : via?.port) ?? transport.defaultPort
    }

    /// What a TLS server's certificate must cover; nil: its address.
    public var serverName: String? {
        if case .name(let name) = host { name } else { nil }
    }

    /// Why a host name gave no address.
    public struct ResolutionFailure: Error, Sendable, CustomStringConvertible {
        public let description: String
    }

    /// Finds the address, by /etc/hosts and the system's name servers.
    public func resolve() async throws(ResolutionFailure) -> Endpoint {
        let name: String
        switch host {
        case .address(let address): return Endpoint(address, port: port)
        case .name(let text): name = text
        }
        let result: Result<[IPAddress], HostResolver.Failure>
        do {
            let client = try DNSClient()
            defer { client.shutdown() }
            let hosts = HostsFile.system()
            let loop = MultiThreadedEventLoopGroup.singleton.next()
            result = try await loop.flatSubmit {
                let promise = loop.makePromise(of: Result<[IPAddress], HostResolver.Failure>.self)
                let resolver = HostResolver(
                    loop: loop, client: client, hosts: hosts, loopbackAnswers: .accept)
                resolver.resolve(name) { promise.succeed($0) }
                return promise.futureResult
            }.get()
        } catch {
            throw ResolutionFailure(description: "'\(name)' can't be looked up: \(error)")
        }
        switch result {
        case .success(let addresses):
            if let first = addresses.first { return Endpoint(first, port: port) }
            throw ResolutionFailure(description: "'\(name)' has no address")
        case .failure(.notFound): throw ResolutionFailure(description: "'\(name)' is not known to the name servers")
        case .failure(.invalidName): throw ResolutionFailure(description: "'\(name)' is no host name")
        case .failure: throw ResolutionFailure(description: "no name server answered for '\(name)'")
        }
    }
}
