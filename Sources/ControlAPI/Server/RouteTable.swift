internal import HTTPTypes
internal import Hummingbird
internal import HummingbirdCore
internal import Logging
internal import NIOCore
#if canImport(Musl)
    internal import Musl
#else
    internal import Glibc
#endif

/// What is known of a request beside the request: the connection that it came by.
struct ControlContext: RequestContext {
    var coreContext: CoreRequestContextStorage
    private let channel: any Channel

    init(source: Source) {
        coreContext = .init(source: source)
        channel = source.channel
    }

    /// Who is at the other end of a Unix-domain socket, by the word of the kernel.
    /// - Throws: ``ProblemError`` on any other connection: nobody changes anything there.
    func actor() async throws -> String {
        guard case .unixDomainSocket? = channel.localAddress, let options = channel as? any SocketOptionProvider else {
            throw ProblemError(.forbidden, "Changes are made over the socket in the state directory.")
        }
        let peer: PeerCredentials = try await options.unsafeGetSocketOption(
            level: .socket, name: .init(rawValue: SO_PEERCRED)
        )
        .get()
        return Self.name(of: peer.user)
    }

    /// `struct ucred` of unix(7), which glibc's headers show with _GNU_SOURCE only.
    private struct PeerCredentials {
        var process: pid_t = 0
        var user: uid_t = 0
        var group: gid_t = 0
    }

    private static func name(of user: uid_t) -> String {
        var entry = passwd()
        var found: UnsafeMutablePointer<passwd>?
        var buffer = [CChar](repeating: 0, count: 4096)
        guard getpwuid_r(user, &entry, &buffer, buffer.count, &found) == 0, found != nil, let name = entry.pw_name
        else {
            return "uid \(user)"
        }
        return String(cString: name)
    }
}

/// The paths that there are with the methods that each takes: for the router, and for telling another method (405) from
/// another path (404).
struct RouteTable {
    typealias Handler = @Sendable (Request, ControlContext) async throws -> Response

    private(set) var paths: [String: [HTTPRequest.Method]] = [:]
    private var routes: [(method: HTTPRequest.Method, path: String, handler: Handler)] = []

    mutating func add(_ method: HTTPRequest.Method, _ path: String, _ handler: @escaping Handler) {
        paths[path, default: []] += method == .get ? [.get, .head] : [method]
        routes.append((method, path, handler))
    }

    /// The methods of the path that a request names; nil when there is no such path.
    func methods(at path: String) -> [HTTPRequest.Method]? {
        let asked = path.split(separator: "/", omittingEmptySubsequences: false)
        return paths.first { pattern, _ in
            let parts = pattern.split(separator: "/", omittingEmptySubsequences: false)
            return parts.count == asked.count
                && zip(parts, asked).allSatisfy { $0 == $1 || ($0.hasPrefix("{") && !$1.isEmpty) }
        }?.value
    }

    /// The application that serves them.
    func application(
        at address: BindAddress, logger: Logger, onServerRunning: @escaping @Sendable (any Channel) async -> Void
    ) -> some ApplicationProtocol {
        let router = Router(context: ControlContext.self, options: .autoGenerateHeadEndpoints)
        router.add(middleware: ProblemMiddleware(table: self))
        for route in routes {
            router.on(RouterPath(route.path), method: route.method, use: route.handler)
        }
        // The framework tells of each start and connection; its troubles are enough.
        var quiet = logger
        quiet.logLevel = max(logger.logLevel, .warning)
        return Application(
            router: router,
            server: .http1(
                configuration: .init(
                    idleTimeout: .seconds(60),
                    httpDecoderConfiguration: .init(
                        maxHeaderFieldSize: 8192, maxHeaderListSize: 16_384, maxHeaderFieldCount: 64))),
            configuration: .init(address: address, availableConnectionsDelegate: MaximumAvailableConnections(128)),
            onServerRunning: onServerRunning, logger: quiet)
    }
}
