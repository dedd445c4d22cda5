import Foundation
import Glibc

/// A directory for the data of a server that refuses to run as root: it belongs to `nobody` where the tests do.
private final class DataDirectory: Sendable {
    let path: String
    /// The words before the server's own.
    let launcher: [String]

    init(_ name: String) throws {
        path = FileManager.default.temporaryDirectory.appendingPathComponent("\(name)-\(UUID().uuidString)").path
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
        guard geteuid() == 0 else {
            launcher = []
            return
        }
        guard let nobody = getpwnam("nobody") else { throw Failure("there is no user 'nobody'") }
        try FileManager.default.setAttributes(
            [.ownerAccountID: Int(nobody.pointee.pw_uid), .groupOwnerAccountID: Int(nobody.pointee.pw_gid)],
            ofItemAtPath: path)
        launcher = [
            "/usr/bin/setpriv", "--reuid=\(nobody.pointee.pw_uid)", "--regid=\(nobody.pointee.pw_gid)",
            "--clear-groups",
        ]
    }

    deinit {
        try? FileManager.default.removeItem(atPath: path)
    }

    func run(_ program: String, _ arguments: String...) throws {
        let words = launcher + [program] + arguments
        let outcome = try Child.run(words[0], Array(words.dropFirst()), in: path)
        guard outcome.code == 0 else { throw Failure("\(program): \(outcome.output)\(outcome.errors)") }
    }

    func start(_ name: String, _ program: String, _ arguments: String..., log: String) throws -> ChildProcess {
        let words = launcher + [program] + arguments
        return try ChildProcess(name, words[0], Array(words.dropFirst()), in: log)
    }
}

/// PostgreSQL on a free port of loopback, with data of its own. Everybody needs a password.
public final class PostgreSQL: Sendable {
    public static let owner = "postgres"
    public static let password = "owner's"

    private let data: DataDirectory
    private let log: String
    private let process: ChildProcess
    public let port: UInt16

    public init() async throws {
        data = try DataDirectory("postgresql")
        log = data.path + "-log"
        try FileManager.default.createDirectory(atPath: log, withIntermediateDirectories: true)
        port = try FreePort.next()
        let server = try PeerProgram.postgres.require()
        let tools = URL(fileURLWithPath: server).deletingLastPathComponent().path
        let secret = log + "/password"
        try Data(Self.password.utf8).write(to: URL(fileURLWithPath: secret))
        try data.run(
            tools + "/initdb", "--pgdata=\(data.path)/data", "--username=\(Self.owner)", "--auth=scram-sha-256",
            "--pwfile=\(secret)", "--encoding=UTF8", "--no-sync")
        process = try data.start(
            "postgresql", server, "-D", data.path + "/data", "-p", String(port), "-c", "listen_addresses=127.0.0.1",
            "-c", "unix_socket_directories=", "-c", "fsync=off", log: log)
        try await process.prints("database system is ready to accept connections")
    }

    deinit {
        process.send(SIGKILL)
        try? FileManager.default.removeItem(atPath: log)
    }

    /// Runs statements as the owner of everything.
    public func execute(_ statements: String, in database: String = "postgres") throws {
        let outcome = try Child.run(
            try PeerProgram.psql.require(),
            [
                "--no-psqlrc", "--quiet", "--set=ON_ERROR_STOP=1", "--host=127.0.0.1", "--port=\(port)",
                "--username=\(Self.owner)", "--dbname=\(database)", "--command=\(statements)",
            ], in: log, environment: ["PGPASSWORD": Self.password])
        guard outcome.code == 0 else { throw Failure("\(statements): \(outcome.errors)") }
    }
}

/// MariaDB on a free port of loopback, with data of its own.
public final class MariaDB: Sendable {
    private let data: DataDirectory
    private let log: String
    private let process: ChildProcess
    public let port: UInt16

    private var socket: String { data.path + "/socket" }

    public init() async throws {
        data = try DataDirectory("mariadb")
        log = data.path + "-log"
        try FileManager.default.createDirectory(atPath: log, withIntermediateDirectories: true)
        port = try FreePort.next()
        let files = data.path + "/data"
        try data.run(
            try PeerProgram.mariadbInstall.require(), "--no-defaults", "--datadir=\(files)",
            "--auth-root-authentication-method=normal", "--skip-test-db")
        process = try data.start(
            "mariadb", try PeerProgram.mariadbd.require(), "--no-defaults", "--datadir=\(files)", "--port=\(port)",
            "--bind-address=127.0.0.1", "--socket=\(data.path)/socket", "--skip-name-resolve", log: log)
        try await process.prints("ready for connections")
    }

    deinit {
        process.send(SIGKILL)
        try? FileManager.default.removeItem(atPath: log)
    }

    /// Runs statements as the owner of everything.
    public func execute(_ statements: String) throws {
        let outcome = try Child.run(
            try PeerProgram.mariadb.require(),
            ["--no-defaults", "--socket=\(socket)", "--user=root", "--execute=\(statements)"], in: log)
        guard outcome.code == 0 else { throw Failure("\(statements): \(outcome.errors)") }
    }
}
