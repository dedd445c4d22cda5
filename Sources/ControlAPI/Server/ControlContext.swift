internal import CoreTypes
internal import Foundation
internal import HTTPTypes
internal import Hummingbird
internal import HummingbirdCore
internal import Logging
internal import NIOCore
internal import Registry
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

    /// Whether it came by the socket in the state directory.
    var isLocalSocket: Bool {
        if case .unixDomainSocket? = channel.localAddress { true } else { false }
    }

    /// Where it comes from: what a web server on this machine says, or else the other end of the connection.
    func source(of request: Request) -> IPAddress {
        let peer = channel.remoteAddress?.ipAddress.flatMap { IPAddress($0) } ?? IPAddress(v4: 0)
        guard peer.isLoopback, let forwarded = request.headers[.forwardedFor]?.split(separator: ",").last,
            let address = IPAddress(forwarded.trimmingCharacters(in: .whitespaces))
        else { return peer }
        return address
    }

    /// Who is at the other end of a Unix-domain socket, by the word of the kernel: may do everything.
    func socketPrincipal() async throws -> Principal {
        // A stream of HTTP/2 has the connection as its parent; the socket speaks HTTP/1.1.
        guard let options = channel as? any SocketOptionProvider else {
            throw ProblemError(.internalServerError, "The system does not say who asks.")
        }
        let peer: PeerCredentials = try await options.unsafeGetSocketOption(
            level: .socket, name: .init(rawValue: SO_PEERCRED)
        )
        .get()
        return Principal(name: Self.name(of: peer.user), role: .admin, limitKey: nil)
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
