#if canImport(Musl)
    internal import Musl
#else
    internal import Glibc
#endif

/// What is behind the name of a Unix-domain socket.
public enum UnixSocket {
    public enum State: Sendable, Equatable {
        /// Somebody answers.
        case listening
        /// Nothing has that name.
        case absent
        /// Whoever made it is gone.
        case abandoned
        /// With the number of the system's error.
        case failed(Int32)
    }

    /// Octets of a path (`sun_path` without its end).
    public static let longestPath = 107

    /// Connects to it and lets go at once.
    public static func state(of path: String) -> State {
        guard path.utf8.count <= longestPath else { return .failed(ENAMETOOLONG) }
        let descriptor = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0)
        guard descriptor >= 0 else { return .failed(errno) }
        defer { close(descriptor) }
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: path.utf8) }
        let connected = withUnsafePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_un>.size))
            }
        }
        guard connected != 0 else { return .listening }
        return switch errno {
        case ENOENT: .absent
        case ECONNREFUSED: .abandoned
        case let code: .failed(code)
        }
    }
}
