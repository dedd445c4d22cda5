import Foundation
import TestSupport

/// Debian's nginx with the shipped configuration, in a network namespace.
final class Nginx: Sendable {
    static let name = "sallyport.example.org"
    private let directory: String
    private let process: ChildProcess

    /// - Parameters:
    ///   - certificates: a directory that `sallyport cert issue-dev` has filled.
    ///   - changes: what an operator has written in place of what.
    init(
        in namespaces: NetworkNamespaces, certificates: String, changing changes: [String: String] = [:]
    ) async throws {
        directory = FileManager.default.temporaryDirectory.appendingPathComponent("nginx-\(UUID().uuidString)").path
        try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: true)
        let files = [
            "nginx.conf": Self.main,
            "sallyport.conf": try Deployment.text(
                "nginx/sallyport.conf",
                changing: [
                    "/etc/sallyport/console/fullchain.pem": certificates + "/server.pem",
                    "/etc/sallyport/console/key.pem": certificates + "/server-key.pem",
                ].merging(changes) { $1 }),
        ]
        for (name, text) in files { try Data(text.utf8).write(to: URL(fileURLWithPath: "\(directory)/\(name)")) }
        let words =
            namespaces.onHost + [
                try PeerProgram.nginx.require(), "-p", directory, "-c", directory + "/nginx.conf", "-e", "stderr",
            ]
        process = try ChildProcess("nginx", words[0], Array(words.dropFirst()), in: directory)
        // It listens already when it says this.
        try await process.prints("using the \"epoll\" event method")
    }

    deinit {
        process.send(SIGKILL)
        try? FileManager.default.removeItem(atPath: directory)
    }

    var output: String { process.output }

    /// What a distribution's own file says, in short. One process, which can be killed without leaving another.
    private static let main = """
        daemon off;
        master_process off;
        pid nginx.pid;
        error_log stderr notice;
        events {}
        http {
            access_log off;
            client_body_temp_path body;
            proxy_temp_path proxy;
            fastcgi_temp_path fastcgi;
            uwsgi_temp_path uwsgi;
            scgi_temp_path scgi;
            include sallyport.conf;
        }

        """
}
