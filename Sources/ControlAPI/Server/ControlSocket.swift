internal import Hummingbird
internal import HummingbirdCore
internal import NIOCore
public import ServiceLifecycle
#if canImport(Musl)
    internal import Musl
#else
    internal import Glibc
#endif

/// HTTP on a Unix-domain socket in the state directory: how the commands of this machine watch and change a running
/// edge. The file system is the permission: the socket has mode 0600, and it says who asks (`SO_PEERCRED`).
///
/// It answers what the control address does, and nobody needs a key.
public struct ControlSocket: Service {
    private let path: String
    private let surface: ControlSurface
    private let binding = Binding<String>()

    public static let name = "control.sock"

    /// - Parameter directory: the state directory; must be there.
    public init(directory: String, _ surface: ControlSurface) {
        path = directory + "/" + Self.name
        self.surface = surface
    }

    /// Serves until the graceful shutdown of the service group. To be called once.
    ///
    /// What a killed edge has left is replaced, the socket of one that runs is not.
    /// - Throws: ``ControlError``.
    public func run() async throws {
        do {
            let place = try SocketPlace(path)
            defer { place.clear() }
            let limits = ControlLimits()
            let application = surface.application(
                limits.plainServer(), at: .unixDomainSocket(path: place.temporary), limits
            ) { [binding, path] _ in
                binding.resolve(Result { try place.publish() }.map { path })
            }
            try await application.run()
            binding.resolve(.failure(CancellationError()))
        } catch {
            let error = (error as? IOError).map { SocketPlace.failed(path, $0.errnoCode) } ?? error
            binding.resolve(.failure(error))
            throw error
        }
    }

    /// The path of the socket; waits until it can be connected to.
    /// - Throws: what ``run()`` throws, or `CancellationError`.
    public func boundPath() async throws -> String {
        try await binding.value()
    }
}

/// Where the socket is made and where it is put: made in a directory that nobody else may enter, given its mode, and
/// only then moved to its name, so that there is no moment at which others could connect.
private struct SocketPlace: Sendable {
    private let path: String
    private let directory: String

    var temporary: String { directory + "/s" }

    init(_ path: String) throws {
        guard path.utf8.count + 4 <= UnixSocket.longestPath else {
            throw ControlError(
                code: .cannotListen,
                description: "\(path) is too long for the name of a socket (\(UnixSocket.longestPath - 4) octets at "
                    + "most): choose a shorter 'state'")
        }
        switch UnixSocket.state(of: path) {
        case .listening:
            throw ControlError(
                code: .isRunning,
                description: "another edge answers on \(path): stop it, or give this one another 'state' directory")
        case .absent, .abandoned:
            break
        case .failed(let code):
            throw Self.failed(path, code)
        }
        self.path = path
        var template = (path.prefix(upTo: path.lastIndex(of: "/") ?? path.startIndex) + "/control.XXXXXX").utf8CString
        directory = try template.withUnsafeMutableBufferPointer { buffer in
            guard let base = buffer.baseAddress, let made = mkdtemp(base) else { throw Self.failed(path, errno) }
            return String(cString: made)
        }
    }

    static func failed(_ path: String, _ code: Int32) -> ControlError {
        ControlError(
            code: .cannotListen, description: "\(path) can't be listened on: \(String(cString: strerror(code)))")
    }

    func publish() throws {
        guard chmod(temporary, 0o600) == 0, rename(temporary, path) == 0 else { throw Self.failed(path, errno) }
        rmdir(directory)
    }

    /// After the end: whoever connects then hears that nobody is there.
    func clear() {
        unlink(temporary)
        rmdir(directory)
        if UnixSocket.state(of: path) == .abandoned { unlink(path) }
    }
}
